"""Transformed filters that the cpu device keeps: the same results, until the weights change."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.native_kernels import built, floats, with_threads

from caffe_style.engine import native
from caffe_style.engine.devices.cpu import device as cpu
from caffe_style.engine.pycaffe import Net

#: Height, width, channels and filters: large tiles, small tiles, and edges that no tile or vector fits.
SIZES = [(48, 60, 16, 32), (8, 8, 80, 300), (13, 7, 5, 70)]


@pytest.fixture(params=built())
def kernels(request):
    yield from with_threads(request.param)


def results(kernels, x, dy, weights, kept, group):
    out, dx = np.empty_like(dy), np.empty_like(x)
    window = {"pad": (1, 1), "stride": (1, 1), "dilation": (1, 1), "group": group, "kept": kept}
    kernels.convolve(x, weights, None, out, **window)
    kernels.convolve_input_gradient(dy, weights, dx, **window)
    return out, dx


@pytest.mark.parametrize("group", [1, 5])
@pytest.mark.parametrize("size", SIZES)
def test_results_are_the_same_bit_for_bit(kernels, size, group):
    height, width, c, k = size
    c, k = c * group, k * group
    rng = np.random.default_rng(c)
    x, dy = floats(rng, 2, height, width, c), floats(rng, 2, height, width, k)
    weights = floats(rng, k, c // group, 3, 3)
    expected = results(kernels, x, dy, weights, None, group)
    kept = kernels.KeptFilters()
    assert kept.nbytes == 0
    # Made in the first call, read in the second: with weights of zero nothing else could give these results.
    for given in (weights, np.zeros_like(weights)):
        for found, wanted in zip(results(kernels, x, dy, given, kept, group), expected):
            assert found.tobytes() == wanted.tobytes()
    assert kept.nbytes >= 2 * 4 * 36 * weights.size // 9


def test_pictures_of_another_size_have_tiles_of_another_kind(kernels):
    rng = np.random.default_rng(0)
    weights, kept = floats(rng, 32, 16, 3, 3), kernels.KeptFilters()
    sizes = set()
    for edge in (4, 96, 5, 40):
        x, dy = floats(rng, 1, edge, edge, 16), floats(rng, 1, edge, edge, 32)
        expected = results(kernels, x, dy, weights, None, 1)
        for found, wanted in zip(results(kernels, x, dy, weights, kept, 1), expected):
            assert found.tobytes() == wanted.tobytes()
        sizes.add(kept.nbytes)
    assert len(sizes) > 1


def test_other_windows_keep_nothing(kernels):
    rng = np.random.default_rng(0)
    kept = kernels.KeptFilters()
    x, out = floats(rng, 1, 20, 20, 16), np.empty((1, 16, 16, 8), np.float32)
    kernels.convolve(x, floats(rng, 8, 16, 5, 5), None, out, kept=kept)
    assert kept.nbytes == 0


# -- the device --------------------------------------------------------------------------------------

needs_kernels = pytest.mark.skipif(not native.available, reason=native.why_not)

TWO_CONVOLUTIONS = """
force_backward: true
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 20 dim: 30 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 16 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } } }
layer { name: "conv2" type: "Convolution" bottom: "conv1" top: "conv2"
        convolution_param { num_output: 24 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } } }
"""


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(TWO_CONVOLUTIONS)
    return Net(str(path), 1)


def kept_bytes(net):
    return sum(0 if kept is None else kept.nbytes for _, kept in net.device._filters.values())


def run(net, x):
    net.blobs["data"].data[...] = x
    out = net.forward()["conv2"].copy()
    net.blobs["conv2"].diff[...] = 1
    net.backward(diffs=["data"])
    return out, net.blobs["data"].diff.copy()


@needs_kernels
def test_filters_are_kept_until_the_weights_change(net, tmp_path):
    x = np.random.default_rng(0).standard_normal((1, 3, 20, 30))
    first = run(net, x)
    assert kept_bytes(net) == 0
    for _ in range(2):
        for found, wanted in zip(run(net, x), first):
            assert found.tobytes() == wanted.tobytes()
    assert kept_bytes(net) > 0
    net.params["conv2"][0].data[:12] *= 2
    changed = run(net, x)
    assert np.allclose(changed[0][:, :12], 2 * first[0][:, :12], rtol=1e-4, atol=1e-4)
    assert changed[0][:, 12:].tobytes() == first[0][:, 12:].tobytes()
    assert not np.allclose(changed[1], first[1])


@needs_kernels
def test_what_a_caller_writes_into_weights_that_it_holds_counts(net):
    x = np.random.default_rng(0).standard_normal((1, 3, 20, 30))
    held = net.params["conv2"][0].data
    for factor in (1, 3, 1 / 3):
        held *= factor
        first, second = run(net, x)[0], run(net, x)[0]
        assert first.tobytes() == second.tobytes()
    before = run(net, x)[0]
    held *= 2
    assert np.allclose(run(net, x)[0], 2 * before, rtol=1e-4, atol=1e-4)


@needs_kernels
def test_nothing_is_kept_where_memory_is_short_or_weights_change(net, monkeypatch):
    x = np.random.default_rng(0).standard_normal((1, 3, 20, 30))
    for _ in range(3):
        run(net, x)
        net.params["conv1"][0].data[...] += 1
        net.params["conv2"][0].data[...] += 1
    assert kept_bytes(net) == 0
    monkeypatch.setattr(cpu, "available_bytes", lambda: 1000)
    for _ in range(3):
        run(net, x)
    assert kept_bytes(net) == 0
