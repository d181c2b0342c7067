"""The number of threads holds for our kernels and for BLAS."""

from __future__ import annotations

import pytest
from threadpoolctl import threadpool_info

from caffe_style.backends import threads
from caffe_style.engine import native
from caffe_style.errors import BackendError

pytestmark = pytest.mark.usefixtures("threads_as_before")


def of_blas():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@pytest.mark.skipif(not of_blas(), reason="threadpoolctl does not know the BLAS of this numpy")
@pytest.mark.parametrize("kernels", [True, False])
def test_set_for_kernels_and_blas(monkeypatch, kernels):
    if kernels and not native.available:
        pytest.skip(native.why_not)
    monkeypatch.setattr(native, "available", kernels)
    for count in (2, 1):
        threads.set_threads(count)
        assert threads.get_threads() == count
        assert of_blas() == {count}
        assert not kernels or native.get_threads() == count


@pytest.mark.parametrize("count", [0, 5000])
def test_out_of_range(count):
    with pytest.raises(BackendError, match="threads must be 1 to 4096, not %d" % count):
        threads.set_threads(count)
