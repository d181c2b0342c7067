"""Every other native kernel, in every instruction set of this machine, against a plain numpy definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from helpers.native_kernels import (
    CASES,
    assert_near,
    built,
    floats,
    plain_lrn,
    plain_pool,
    unset,
    with_threads,
)


@pytest.fixture(params=built())
def kernels(request):
<<<<<<< HEAD
    if request.param == "none":
        pytest.skip("the native kernels are not built: " + native.why_not)
    module = native.load(request.param)
    threads = module.get_threads()
    module.set_threads(3)
    yield module
    module.set_threads(threads)


# -- plain definitions, in float64 -----------------------------------------------------------------


def window_pixels(size, out_size, kernel, stride, pad, dilation):
    """For one axis, all (output position, tap, input position) inside the picture."""
    for o, t in itertools.product(range(out_size), range(kernel)):
        i = o * stride - pad + t * dilation
        if 0 <= i < size:
            yield o, t, i


def plain_convolution(x, w, b, out_shape, window):
    """The convolution, and its gradients for dy as functions."""
    pad, stride, dilation, group = (window[k] for k in ("pad", "stride", "dilation", "group"))
    k, c, kh, kw = w.shape

    def terms():
        rows = list(window_pixels(x.shape[1], out_shape[1], kh, stride[0], pad[0], dilation[0]))
        columns = list(window_pixels(x.shape[2], out_shape[2], kw, stride[1], pad[1], dilation[1]))
        for g, (oy, ky, y), (ox, kx, i) in itertools.product(range(group), rows, columns):
            yield (
                (slice(None), oy, ox, slice(g * k // group, (g + 1) * k // group)),
                (slice(None), y, i, slice(g * c, (g + 1) * c)),
                (slice(g * k // group, (g + 1) * k // group), slice(None), ky, kx),
            )

    def forward():
        out = np.zeros(out_shape)
        for o, i, f in terms():
            out[o] += x[i] @ w[f].T
        return out + (0 if b is None else b)

    def input_gradient(dy):
        dx = np.zeros(x.shape)
        for o, i, f in terms():
            dx[i] += dy[o] @ w[f]
        return dx

    def filter_gradient(dy):
        dw = np.zeros(w.shape)
        for o, i, f in terms():
            dw[f] += dy[o].T @ x[i]
        return dw

    return forward, input_gradient, filter_gradient


def plain_pool(x, out_shape, kernel, stride, pad, maximum):
    """The pooled picture, and its gradient for dy as a function."""
    out = np.zeros(out_shape)
    shares = []  # (output index, input index, weight)
    for n, oy, ox, c in np.ndindex(*out_shape):
        y0, x0 = oy * stride[0] - pad[0], ox * stride[1] - pad[1]
        y1, x1 = min(y0 + kernel[0], x.shape[1] + pad[0]), min(x0 + kernel[1], x.shape[2] + pad[1])
        size = (y1 - y0) * (x1 - x0)
        pixels = list(
            itertools.product(
                range(max(y0, 0), min(y1, x.shape[1])), range(max(x0, 0), min(x1, x.shape[2]))
            )
        )
        if maximum:
            best, where = LOWEST, None
            for y, i in pixels:
                if x[n, y, i, c] > best:
                    best, where = x[n, y, i, c], (y, i)
            out[n, oy, ox, c] = best
            if where:
                shares.append(((n, oy, ox, c), (n,) + where + (c,), 1.0))
        elif pixels:
            out[n, oy, ox, c] = sum(x[n, y, i, c] for y, i in pixels) / size
            shares += [((n, oy, ox, c), (n, y, i, c), 1.0 / size) for y, i in pixels]

    def gradient(dy):
        dx = np.zeros(x.shape)
        for o, i, weight in shares:
            dx[i] += weight * dy[o]
        return dx

    return out, gradient


def plain_lrn(x, size, alpha, beta, k):
    c = x.shape[-1]
    before = (size - 1) // 2
    inside = np.array(
        [[i - before <= j < i - before + size for j in range(c)] for i in range(c)], float
    )
    scale = k + alpha / size * (x**2 @ inside.T)
    y = x * scale**-beta

    def gradient(dy):
        return dy * scale**-beta - 2 * alpha * beta / size * x * ((dy * y / scale) @ inside)

    return y, gradient


# -- helpers ---------------------------------------------------------------------------------------


def floats(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def unset(*shape):
    """An output array whose old contents would show."""
    return np.full(shape, np.nan, np.float32)


def assert_near(got, wanted, bound=2e-5):
    wanted = np.asarray(wanted)
    assert np.all(np.isfinite(got))
    error = np.abs(got - wanted).max() if got.size else 0.0
    assert error <= bound * max(1.0, np.abs(wanted).max() if wanted.size else 0.0)


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


# -- convolution -----------------------------------------------------------------------------------


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


@pytest.mark.parametrize("channels", [1, 3, 4, 5])
@pytest.mark.parametrize("kernel, stride, pad", [(3, 1, 1), (3, 2, 0), (7, 2, 3), (11, 4, 0)])
def test_first_layer(kernels, channels, kernel, stride, pad):
    """Few channels, and rows longer than what is worked on at a time."""
    rng = np.random.default_rng(kernel + stride)
    x, w = floats(rng, 2, 13, 230, channels), floats(rng, 33, channels, kernel, kernel)
    w /= np.float32(np.sqrt(w[0].size))
    window = {"pad": (pad,) * 2, "stride": (stride,) * 2, "dilation": (1, 1), "group": 1}
    shape = (2, *((size + 2 * pad - kernel) // stride + 1 for size in (13, 230)), 33)
    forward, gradient, _ = plain_convolution(x, w, None, shape, window)
    out, dx, dy, mask = unset(*shape), unset(*x.shape), floats(rng, *shape), floats(rng, *shape)
    kernels.convolve(x, w, None, out, **window)
    assert_near(out, forward())
    kernels.convolve_input_gradient(dy, w, dx, mask=mask, **window)
    assert_near(dx, gradient(dy * (mask > 0)))


@pytest.mark.parametrize("c, k, pad", [(5, 33, (1, 1)), (48, 70, (0, 2))])
def test_winograd_of_many_tiles(kernels, c, k, pad):
    """Enough tiles for the larger ones, and more than are worked on at a time."""
    rng = np.random.default_rng(c)
    x, w = np.abs(floats(rng, 8, 37, 41, c)), floats(rng, k, c, 3, 3) / np.float32(np.sqrt(9 * c))
    window = {"pad": pad, "stride": (1, 1), "dilation": (1, 1), "group": 1}
    shape, b = (8, 35 + 2 * pad[0], 39 + 2 * pad[1], k), floats(rng, k)
    forward, gradient, _ = plain_convolution(x, w, b, shape, window)
    out, dx, dy, mask = unset(*shape), unset(*x.shape), floats(rng, *shape), floats(rng, *shape)
    kernels.convolve(x, w, b, out, relu=True, **window)
    assert_near(out, np.maximum(forward(), 0))
    kernels.convolve_input_gradient(dy, w, dx, mask=mask, **window)
    assert_near(dx, gradient(dy * (mask > 0)))


@pytest.mark.parametrize("c, k", [(160, 224), (300, 40), (33, 270), (352, 400)])
def test_winograd_of_many_channels(kernels, c, k):
    """Filters beyond a core's cache, and more than fit the working memory at once."""
    rng = np.random.default_rng(c)
    x, w = floats(rng, 1, 13, 18, c), floats(rng, k, c, 3, 3) / np.float32(np.sqrt(9 * c))
    window = {"pad": (1, 1), "stride": (1, 1), "dilation": (1, 1), "group": 1}
    shape = (1, 13, 18, k)
    forward, gradient, _ = plain_convolution(x, w, None, shape, window)
    out, dx, dy = unset(*shape), unset(*x.shape), floats(rng, *shape)
    kernels.convolve(x, w, None, out, **window)
    assert_near(out, forward())
    kernels.convolve_input_gradient(dy, w, dx, **window)
    assert_near(dx, gradient(dy))


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
=======
    yield from with_threads(request.param)
>>>>>>> main


# -- pooling ---------------------------------------------------------------------------------------


def random_pools(seed):
    rng = np.random.default_rng(seed)
    for case in range(CASES):
        kernel, stride = (tuple(int(v) for v in rng.integers(1, 5, 2)) for _ in range(2))
        pad = tuple(int(rng.integers(0, k)) if case % 2 else 0 for k in kernel)
        size = tuple(int(v) for v in rng.integers(1, 12, 2))
        n, c = int(rng.integers(1, 3)), int(rng.integers(1, 40))
        # Caffe rounds up; some windows may then be empty.
        out = [
            max(-(-(s + 2 * p - k) // t) + 1, 1) for s, p, k, t in zip(size, pad, kernel, stride)
        ]
        # Few distinct values, so that maxima tie.
        x = rng.integers(-3, 4, (n, *size, c)).astype(np.float32)
        yield rng, x, (n, *out, c), {"kernel": kernel, "stride": stride, "pad": pad}


@pytest.mark.parametrize("kind", ["max", "average"])
def test_pooling(kernels, kind):
    for rng, x, shape, window in random_pools(4):
        wanted, gradient = plain_pool(x, shape, maximum=kind == "max", **window)
        out, dx, dy = unset(*shape), unset(*x.shape), floats(rng, *shape)
        if kind == "max":
            kernels.pool_max(x, out, **window)
            kernels.pool_max_gradient(x, dy, dx, **window)
        else:
            kernels.pool_average(x, out, **window)
            kernels.pool_average_gradient(dy, dx, **window)
        np.testing.assert_allclose(out, wanted, rtol=1e-6, atol=1e-6)
        assert_near(dx, gradient(dy))


@pytest.mark.parametrize("size", [(1, 5, 7, 20), (1, 320, 322, 64)], ids=["small", "streaming"])
def test_gradient_of_pooling_without_overlap(kernels, size):
    """Every pixel lies in one window; past some 24 MB the gradient bypasses the caches."""
    rng = np.random.default_rng(5)
    count = int(np.prod(size))
    memory = np.empty(count + 16, np.float32)
    dx = memory[-memory.ctypes.data // 4 % 16 :][:count].reshape(size)
    x, dy = floats(rng, *size), floats(rng, 1, -(-size[1] // 2), -(-size[2] // 2), size[3])
    spread = dy.repeat(2, 1).repeat(2, 2)[:, : size[1], : size[2]]
    tops = np.empty_like(dy)
    kernels.pool_max(x, tops, (2, 2), (2, 2), (0, 0))
    tops = tops.repeat(2, 1).repeat(2, 2)[:, : size[1], : size[2]]
    dx[...] = np.nan
    kernels.pool_max_gradient(x, dy, dx, (2, 2), (2, 2), (0, 0))
    assert_near(dx, np.where(x == tops, spread, 0))
    dx[...] = np.nan
    kernels.pool_average_gradient(dy, dx, (2, 2), (2, 2), (0, 0))
    sizes = np.multiply.outer(*(np.minimum(2, n - np.arange(n) // 2 * 2) for n in size[1:3]))
    assert_near(dx, spread / sizes[:, :, None])


# -- one pass --------------------------------------------------------------------------------------


@pytest.mark.parametrize("slope", [0.0, 0.1])
@pytest.mark.parametrize("count", [1, 7, 16, 1000, 40001])
def test_relu(kernels, slope, count):
    rng = np.random.default_rng(count)
    x, dy = floats(rng, count), floats(rng, count)
    x[0] = 0
    y = unset(count)
    kernels.relu(x, y, slope)
    np.testing.assert_allclose(y, np.where(x > 0, x, np.float32(slope) * x), rtol=1e-6)
    wanted = dy * np.where(y > 0, np.float32(1), np.float32(slope))
    kernels.relu_gradient(y, dy, dy, slope)
    np.testing.assert_allclose(dy, wanted, rtol=1e-6)
    kernels.relu(x, x, slope)
    np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_relu_keeps_nan(kernels, slope):
    x = np.full(21, np.nan, np.float32)
    kernels.relu(x, x, slope)
    assert np.isnan(x).all()


@pytest.mark.parametrize("size, beta", [(5, 0.75), (1, 0.75), (3, 0.6), (4, 0.75), (9, 1.0)])
@pytest.mark.parametrize("channels", [1, 6, 16, 37])
def test_lrn_across(kernels, size, beta, channels):
    rng = np.random.default_rng(size + channels)
    x, dy = floats(rng, 2, 3, 4, channels), floats(rng, 2, 3, 4, channels)
    y, dx = unset(*x.shape), unset(*x.shape)
    wanted, gradient = plain_lrn(x.astype(float), size, 0.8, beta, 1.5)
    kernels.lrn_across(x, y, size, 0.8, beta, 1.5)
    assert_near(y, wanted, 2e-6)
    kernels.lrn_across_gradient(x, y, dy, dx, size, 0.8, beta, 1.5)
    assert_near(dx, gradient(dy), 4e-6)


@pytest.mark.parametrize("channels", [1, 16, 45])
def test_scale_shift(kernels, channels):
    rng = np.random.default_rng(channels)
    x, scale, shift = floats(rng, 2, 3, 5, channels), floats(rng, channels), floats(rng, channels)
    out = unset(*x.shape)
    for a, b in itertools.product((scale, None), (shift, None)):
        kernels.scale_shift(x, out, a, b)
        wanted = x * (1 if a is None else a) + (0 if b is None else b)
        np.testing.assert_allclose(out, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(1,), (3, 70), (40001,)])
def test_add_scaled(kernels, shape):
    rng = np.random.default_rng(0)
    out, x = floats(rng, *shape), floats(rng, *shape)
    wanted = out + np.float32(0.3) * x
    kernels.add_scaled(out, x, 0.3)
    np.testing.assert_allclose(out, wanted, rtol=1e-5, atol=1e-6)


# -- matrix products -------------------------------------------------------------------------------


def test_matmul(kernels):
    rng = np.random.default_rng(5)
    for case in range(60):
        m, k, n = (int(v) for v in rng.integers(1, [90, 700, 120][case % 3] if case > 8 else 4, 3))
        a, b, out = (
            np.array(floats(rng, *shape), order="CF"[case >> i & 1])
            for i, shape in enumerate([(m, k), (k, n), (m, n)])
        )
        alpha, beta = rng.standard_normal(2)
        wanted = alpha * (a.astype(float) @ b) + beta * out
        kernels.matmul(a, b, out, alpha=alpha, beta=beta)
        assert_near(out, wanted)
        out[...] = np.nan
        kernels.matmul(a, b, out)
        assert_near(out, a.astype(float) @ b)


def test_matmul_of_slices(kernels):
    rng = np.random.default_rng(6)
    a, b = floats(rng, 40, 50)[3:30, 5:40], floats(rng, 60, 70).T[10:45, 2:59]
    frame = unset(40, 80)
    kernels.matmul(a, b, frame[2:29, 7:64])
    assert_near(frame[2:29, 7:64], a.astype(float) @ b)
    assert np.isnan(frame).sum() == 40 * 80 - 27 * 57


@pytest.mark.parametrize("m, n", [(1, 1), (5, 3), (1000, 64), (20000, 33), (700, 200)])
def test_gram(kernels, m, n):
    x = floats(np.random.default_rng(m), m, n) + np.float32(1)
    out = unset(n, n)
    kernels.gram(x, out)
    wanted = x.T.astype(float) @ x
    np.testing.assert_allclose(out, wanted, rtol=1e-5, atol=1e-5 * m)
    np.testing.assert_array_equal(out, out.T)


def test_matmul_of_stacks(kernels):
    rng = np.random.default_rng(8)
    for count, m in ((1, 5), (7, 37), (300, 1)):
        a, b = floats(rng, count, m + 4, 20)[:, 2:-2], floats(rng, 20, 30)
        frame = unset(count, m + 6, 30)
        out = frame[:, 3:-3]
        out[:] = a[..., :1]
        kernels.matmul(a, b, out, alpha=2.0, beta=-1.0)
        assert_near(out, 2 * (a.astype(float) @ b) - a[..., :1])
        assert np.isnan(frame).sum() == frame.size - out.size


@pytest.mark.parametrize("count, m, n", [(1, 5, 3), (40, 1, 8), (70, 200, 33), (3, 9000, 20)])
def test_gram_of_a_stack(kernels, count, m, n):
    x = floats(np.random.default_rng(m), count, m + 6, n)[:, 2:-4]
    out = unset(n, n)
    kernels.gram(x, out)
    rows = np.ascontiguousarray(x).reshape(-1, n)
    np.testing.assert_allclose(out, rows.T.astype(float) @ rows, rtol=1e-5, atol=1e-5 * len(rows))


def test_gram_of_many_rows_loses_no_digits(kernels):
    x = np.full((1 << 20, 4), np.float32(0.1))
    out = unset(4, 4)
    kernels.gram(x, out)
    np.testing.assert_allclose(out, float(x[0, 0]) ** 2 * len(x), rtol=2e-6)
