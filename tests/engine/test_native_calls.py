"""Calls of the native kernels: the same result each time, bounded memory, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.native_kernels import built, floats, unset, with_threads


@pytest.fixture(params=built())
def kernels(request):
    yield from with_threads(request.param)


def test_same_result_every_time(kernels):
    rng = np.random.default_rng(7)
    x, w = floats(rng, 1, 40, 40, 24), floats(rng, 40, 24, 3, 3)
    results = []
    for _ in range(3):
        out, dx, g = unset(1, 40, 40, 40), unset(*x.shape), unset(24, 24)
        kernels.convolve(x, w, None, out, pad=(1, 1))
        kernels.convolve_input_gradient(out, w, dx, pad=(1, 1))
        kernels.gram(x.reshape(-1, 24), g)
        results.append((out, dx, g))
    for again in results[1:]:
        for a, b in zip(results[0], again):
            np.testing.assert_array_equal(a, b)


def test_scratch_is_bounded_and_released(kernels):
    kernels.set_threads(2)
    x, w = np.ones((1, 64, 64, 512), np.float32), np.ones((512, 512, 3, 3), np.float32)
    kernels.convolve(x, w, None, np.empty_like(x), pad=(1, 1))
    assert 0 < kernels.scratch_bytes() <= 40 << 20
    kernels.release_scratch()
    assert kernels.scratch_bytes() == 0


def zeros(*shape):
    return np.zeros(shape, np.float32)


def read_only(a):
    a.flags.writeable = False
    return a


BAD_CALLS = {
    "float64": ("convolve", (np.zeros((1, 4, 4, 2)), zeros(3, 2, 1, 1), None, zeros(1, 4, 4, 3))),
    "not contiguous": (
        "convolve",
        (zeros(1, 4, 4, 4)[..., ::2], zeros(3, 2, 1, 1), None, zeros(1, 4, 4, 3)),
    ),
    "big-endian": (
        "relu",
        (zeros(4).astype(">f4"), zeros(4)),
    ),
    "unaligned": ("relu", (np.zeros(17, np.uint8)[1:].view(np.float32), zeros(4))),
    "weights of other channels": (
        "convolve",
        (zeros(1, 4, 4, 2), zeros(3, 4, 1, 1), None, zeros(1, 4, 4, 3)),
    ),
    "out of other channels": (
        "convolve",
        (zeros(1, 4, 4, 2), zeros(3, 2, 1, 1), None, zeros(1, 4, 4, 4)),
    ),
    "short bias": (
        "convolve",
        (zeros(1, 4, 4, 2), zeros(3, 2, 1, 1), zeros(2), zeros(1, 4, 4, 3)),
    ),
    "other batch": (
        "convolve",
        (zeros(2, 4, 4, 2), zeros(3, 2, 1, 1), None, zeros(1, 4, 4, 3)),
    ),
    "read-only out": (
        "convolve",
        (zeros(1, 4, 4, 2), zeros(3, 2, 1, 1), None, read_only(zeros(1, 4, 4, 3))),
    ),
    "three axes": (
        "convolve",
        (zeros(4, 4, 2), zeros(3, 2, 1, 1), None, zeros(4, 4, 3)),
    ),
    "stride 0": (
        "convolve",
        (zeros(1, 4, 4, 2), zeros(3, 2, 1, 1), None, zeros(1, 4, 4, 3), (0, 0), (0, 1)),
    ),
    "negative pad": (
        "convolve",
        (zeros(1, 4, 4, 2), zeros(3, 2, 1, 1), None, zeros(1, 4, 4, 3), (-1, 0)),
    ),
    "group 0": (
        "convolve",
        (zeros(1, 4, 4, 2), zeros(3, 2, 1, 1), None, zeros(1, 4, 4, 3), (0, 0), (1, 1), (1, 1), 0),
    ),
    "short mask": (
        "convolve_input_gradient",
        (
            zeros(1, 4, 4, 3),
            zeros(3, 2, 1, 1),
            zeros(1, 4, 4, 2),
            (0, 0),
            (1, 1),
            (1, 1),
            1,
            zeros(1, 4, 3, 3),
        ),
    ),
    "dw of other channels": (
        "convolve_filter_gradient",
        (zeros(1, 4, 4, 2), zeros(1, 4, 4, 3), zeros(3, 3, 1, 1), None),
    ),
    "pooled channels": ("pool_max", (zeros(1, 4, 4, 2), zeros(1, 2, 2, 3), (2, 2))),
    "pool kernel 0": ("pool_average", (zeros(1, 4, 4, 2), zeros(1, 2, 2, 2), (0, 2))),
    "dx unlike x": (
        "pool_max_gradient",
        (zeros(1, 4, 4, 2), zeros(1, 2, 2, 2), zeros(1, 4, 5, 2), (2, 2)),
    ),
    "relu shapes": ("relu", (zeros(4), zeros(5))),
    "relu gradient shapes": ("relu_gradient", (zeros(4), zeros(5), zeros(4))),
    "lrn size 0": ("lrn_across", (zeros(1, 2, 2, 3), zeros(1, 2, 2, 3), 0, 1.0, 0.75, 1.0)),
    "scale length": ("scale_shift", (zeros(2, 3), zeros(2, 3), zeros(2), None)),
    "add shapes": ("add_scaled", (zeros(2, 3), zeros(3, 2), 1.0)),
    "matmul shapes": ("matmul", (zeros(2, 3), zeros(2, 3), zeros(2, 3))),
    "matmul strides": ("matmul", (zeros(8, 8)[::2, ::2], zeros(4, 3), zeros(4, 3))),
    "matmul negative strides": ("matmul", (zeros(4, 4)[::-1], zeros(4, 3), zeros(4, 3))),
    "matmul broadcast": (
        "matmul",
        (zeros(4, 4), zeros(4, 3), np.lib.stride_tricks.as_strided(zeros(3), (4, 3), (0, 4))),
    ),
    "matmul stack counts": ("matmul", (zeros(2, 4, 3), zeros(3, 5), zeros(3, 4, 5))),
    "matmul one stack": ("matmul", (zeros(2, 4, 3), zeros(3, 5), zeros(4, 5))),
    "matmul stack of columns": (
        "matmul",
        (zeros(2, 3, 4).swapaxes(1, 2), zeros(3, 5), zeros(2, 4, 5)),
    ),
    "matmul stack backwards": ("matmul", (zeros(2, 4, 3)[::-1], zeros(3, 5), zeros(2, 4, 5))),
    "matmul stack that overlaps": (
        "matmul",
        (
            zeros(2, 4, 3),
            zeros(3, 5),
            np.lib.stride_tricks.as_strided(zeros(25), (2, 4, 5), (20, 20, 4)),
        ),
    ),
    "distance shapes": ("squared_distance", (zeros(4, 3), zeros(4, 3), zeros(4, 4), 1.0)),
    "distance columns": ("squared_distance", (zeros(4, 3), zeros(3, 4).T, zeros(4, 3), 1.0)),
    "distance read only": (
        "squared_distance",
        (zeros(4, 3), zeros(4, 3), read_only(zeros(4, 3)), 1.0),
    ),
    "variation shapes": ("squared_variation", (zeros(4, 3), 3, zeros(3, 3), 1.0)),
    "variation channels": ("squared_variation", (zeros(4, 3), 2, zeros(4, 3), 1.0)),
    "variation no channels": ("squared_variation", (zeros(4, 3), 0, zeros(4, 3), 1.0)),
    "gram shapes": ("gram", (zeros(4, 3), zeros(4, 4))),
    "gram of gaps": ("gram", (zeros(2, 4, 6)[..., :3], zeros(3, 3))),
    "gram of four axes": ("gram", (zeros(2, 4, 6, 3), zeros(3, 3))),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_bad_calls_raise(kernels, case):
    function, arguments = BAD_CALLS[case]
    with pytest.raises(ValueError):
        getattr(kernels, function)(*arguments)


def test_empty_arrays(kernels):
    kernels.relu(zeros(0), zeros(0))
    kernels.matmul(zeros(2, 3, 4)[:0], zeros(4, 5), zeros(2, 3, 5)[:0])
    kernels.convolve(zeros(0, 4, 4, 2), zeros(3, 2, 3, 3), None, zeros(0, 2, 2, 3))
    kernels.pool_max(zeros(1, 0, 4, 2), zeros(1, 0, 4, 2), (1, 1))
    assert kernels.squared_distance(zeros(0, 3), zeros(0, 3), zeros(0, 3), 1.0) == 0
    assert kernels.squared_variation(zeros(0, 3), 3, zeros(0, 3), 1.0) == 0
    out = np.ones((2, 3), np.float32)
    kernels.matmul(zeros(2, 0), zeros(0, 3), out)
    np.testing.assert_array_equal(out, 0)
