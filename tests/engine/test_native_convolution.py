"""The convolutions of the native kernels, in every instruction set, against a plain numpy definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from helpers.native_kernels import (
    CASES,
    assert_near,
    built,
    floats,
    plain_convolution,
    unset,
    with_threads,
)


@pytest.fixture(params=built())
def kernels(request):
    yield from with_threads(request.param)


def random_windows(seed, three=False, cases=CASES):
    """Random convolutions: (rng, x, weights, bias, out shape, window)."""
    rng = np.random.default_rng(seed)
    for case in range(cases):
        group = 1 if three or case % 3 else int(rng.integers(1, 5))
        depthwise = not three and case % 8 == 7
        c, k = (int(rng.integers(1, 71)) for _ in range(2))
        if case % 5 == 0:
            c = int(rng.integers(1, 4))
        c, k = -(-c // group) * group, -(-k // group) * group
        if depthwise:
            k = group = c
        kernel = (3, 3) if three else tuple(int(v) for v in rng.integers(1, 8, 2))
        ones = three or case % 4 == 0
        stride = (1, 1) if ones else tuple(int(v) for v in rng.integers(1, 5, 2))
        dilation = (1, 1) if ones or case % 2 else tuple(int(v) for v in rng.integers(1, 4, 2))
        pad = tuple(int(v) for v in rng.integers(0, 3 if three else 4, 2))
        size = tuple(int(v) for v in rng.integers(1, 20, 2))
        n = int(rng.integers(1, 4))
        out = [
            max((s + 2 * p - (d * (q - 1) + 1)) // t + 1, 1)
            for s, p, d, q, t in zip(size, pad, dilation, kernel, stride)
        ]
        out[0] += int(case % 6 == 5)  # a window more, that overhangs
        x, w = floats(rng, n, *size, c), floats(rng, k, c // group, *kernel)
        w /= np.sqrt(w[0].size)
        b = floats(rng, k) if case % 2 else None
        window = {"pad": pad, "stride": stride, "dilation": dilation, "group": group}
        yield rng, x, w, b, (n, *out, k), window


WINDOWS = pytest.mark.parametrize("three", [False, True], ids=["any", "3x3"])


@WINDOWS
def test_convolve(kernels, three):
    for _, x, w, b, shape, window in random_windows(1, three):
        wanted = plain_convolution(x, w, b, shape, window)[0]()
        out = unset(*shape)
        kernels.convolve(x, w, b, out, **window)
        assert_near(out, wanted)
        kernels.convolve(x, w, b, out, relu=True, **window)
        assert_near(out, np.maximum(wanted, 0))


@WINDOWS
def test_convolve_input_gradient(kernels, three):
    for rng, x, w, _, shape, window in random_windows(2, three):
        dy, mask = floats(rng, *shape), floats(rng, *shape)
        gradient = plain_convolution(x, w, None, shape, window)[1]
        dx, kept = unset(*x.shape), dy.copy()
        kernels.convolve_input_gradient(dy, w, dx, **window)
        assert_near(dx, gradient(dy))
        kernels.convolve_input_gradient(dy, w, dx, mask=mask, **window)
        assert_near(dx, gradient(dy * (mask > 0)))
        np.testing.assert_array_equal(dy, kept)


@WINDOWS
def test_convolve_filter_gradient_accumulates(kernels, three):
    for rng, x, w, _, shape, window in random_windows(3, three):
        dy = floats(rng, *shape)
        wanted = plain_convolution(x, w, None, shape, window)[2](dy)
        dw, db = floats(rng, *w.shape), floats(rng, shape[-1])
        dw0, db0 = dw.copy(), db.copy()
        kernels.convolve_filter_gradient(x, dy, dw, db, **window)
        assert_near(dw, dw0 + wanted)
        assert_near(db, db0 + dy.sum((0, 1, 2), dtype=float))
        kernels.convolve_filter_gradient(x, dy, dw, None, **window)
        assert_near(dw, dw0 + 2 * wanted)


@pytest.fixture(
    scope="module",
    params=itertools.product([(3, 1, 1), (3, 2, 0), (7, 2, 3), (11, 4, 0)], [1, 3, 4, 5]),
    ids="{0[0]}-{0[1]}".format,
)
def first_layer(request):
    """A convolution's arguments, and what it gives, forward and back: once for all instruction sets."""
    (kernel, stride, pad), channels = request.param
    rng = np.random.default_rng(kernel + stride)
    x, w = floats(rng, 2, 13, 230, channels), floats(rng, 33, channels, kernel, kernel)
    w /= np.float32(np.sqrt(w[0].size))
    window = {"pad": (pad,) * 2, "stride": (stride,) * 2, "dilation": (1, 1), "group": 1}
    shape = (2, *((size + 2 * pad - kernel) // stride + 1 for size in (13, 230)), 33)
    dy, mask = floats(rng, *shape), floats(rng, *shape)
    forward, gradient, _ = plain_convolution(x, w, None, shape, window)
    return x, w, dy, mask, window, forward(), gradient(dy * (mask > 0))


def test_first_layer(kernels, first_layer):
    """Few channels, and rows longer than what is worked on at a time."""
    x, w, dy, mask, window, wanted, wanted_gradient = first_layer
    out, dx = unset(*dy.shape), unset(*x.shape)
    kernels.convolve(x, w, None, out, **window)
    assert_near(out, wanted)
    kernels.convolve_input_gradient(dy, w, dx, mask=mask, **window)
    assert_near(dx, wanted_gradient)


@pytest.fixture(
    scope="module", params=[(5, 33, (1, 1)), (48, 70, (0, 2))], ids="{0[0]}-{0[1]}".format
)
def many_tiles(request):
    """A convolution's arguments, and what it gives, forward and back: once for all instruction sets."""
    c, k, pad = request.param
    rng = np.random.default_rng(c)
    x, w = np.abs(floats(rng, 8, 37, 41, c)), floats(rng, k, c, 3, 3) / np.float32(np.sqrt(9 * c))
    window = {"pad": pad, "stride": (1, 1), "dilation": (1, 1), "group": 1}
    shape, b = (8, 35 + 2 * pad[0], 39 + 2 * pad[1], k), floats(rng, k)
    dy, mask = floats(rng, *shape), floats(rng, *shape)
    forward, gradient, _ = plain_convolution(x, w, b, shape, window)
    return x, w, b, dy, mask, window, np.maximum(forward(), 0), gradient(dy * (mask > 0))


def test_winograd_of_many_tiles(kernels, many_tiles):
    """Enough tiles for the larger ones, and more than are worked on at a time."""
    x, w, b, dy, mask, window, wanted, wanted_gradient = many_tiles
    out, dx = unset(*dy.shape), unset(*x.shape)
    kernels.convolve(x, w, b, out, relu=True, **window)
    assert_near(out, wanted)
    kernels.convolve_input_gradient(dy, w, dx, mask=mask, **window)
    assert_near(dx, wanted_gradient)


MANY = {"pad": (1, 1), "stride": (1, 1), "dilation": (1, 1), "group": 1}


@pytest.fixture(
    scope="module",
    params=[(160, 224), (300, 40), (33, 270), (352, 400)],
    ids="{0[0]}-{0[1]}".format,
)
def many_channels(request):
    """A convolution's arguments, and what it gives, forward and back: once for all instruction sets."""
    c, k = request.param
    rng = np.random.default_rng(c)
    x, w = floats(rng, 1, 21, 30, c), floats(rng, k, c, 3, 3) / np.float32(np.sqrt(9 * c))
    dy = floats(rng, 1, 21, 30, k)
    forward, gradient, _ = plain_convolution(x, w, None, dy.shape, MANY)
    return x, w, dy, forward(), gradient(dy)


def test_winograd_of_many_channels(kernels, many_channels):
    """Filters beyond a core's cache, and more than fit the working memory at once."""
    x, w, dy, wanted, wanted_gradient = many_channels
    out, dx = unset(*dy.shape), unset(*x.shape)
    kernels.convolve(x, w, None, out, **MANY)
    assert_near(out, wanted)
    kernels.convolve_input_gradient(dy, w, dx, **MANY)
    assert_near(dx, wanted_gradient)


def test_more_filters_than_working_memory(kernels):
    """Groups of panels in the matrix products of columns, forward and for the filters' gradient."""
    rng = np.random.default_rng(8)
    c, k = 700, 520
    x, w = floats(rng, 1, 5, 4, c), floats(rng, k, c, 3, 3) / np.float32(np.sqrt(9 * c))
    window = {"pad": (1, 1), "stride": (2, 2), "dilation": (1, 1), "group": 1}
    shape = (1, 3, 2, k)
    forward, input_gradient, filter_gradient = plain_convolution(x, w, None, shape, window)
    out, dx, dw, dy = unset(*shape), unset(*x.shape), np.zeros_like(w), floats(rng, *shape)
    kernels.convolve(x, w, None, out, **window)
    assert_near(out, forward())
    kernels.convolve_input_gradient(dy, w, dx, **window)
    assert_near(dx, input_gradient(dy))
    kernels.convolve_filter_gradient(x, dy, dw, None, **window)
    assert_near(dw, filter_gradient(dy))


@pytest.mark.parametrize("kernel, channels", [(3, 3), (3, 8), (2, 8)])
def test_large_output_by_streaming_stores(kernels, kernel, channels):
    """Outputs past some 24 MB bypass the caches where they are aligned: same values."""
    rng = np.random.default_rng(9)
    size = 320
    x, w = floats(rng, 1, size, size, channels), floats(rng, 64, channels, kernel, kernel)
    count, pad = size * size * 64, (1, 1)
    results = []
    for offset in (0, 1):
        memory = np.empty(count + 32, np.float32)
        start = -memory.ctypes.data // 4 % 16 + offset
        out = memory[start : start + count].reshape(1, size, size, 64)
        kernels.convolve(x, w, None, out, pad=pad, relu=True)
        results.append(out)
    np.testing.assert_array_equal(*results)


def test_convolution_lets_nan_through(kernels):
    x, w = np.zeros((1, 9, 9, 16), np.float32), np.ones((16, 16, 3, 3), np.float32)
    x[0, 4, 4, 3] = np.nan
    for kernel in (3, 2):
        out = np.zeros((1, 10 - kernel, 10 - kernel, 16), np.float32)
        filters = np.ascontiguousarray(w[:, :, :kernel, :kernel])
        kernels.convolve(x, filters, None, out, relu=True)
        assert np.isnan(out[0, 4, 4]).all()
