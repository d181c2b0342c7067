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
    yield from with_threads(request.param)


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


@pytest.mark.parametrize("shape", [(1, 3), (1, 24), (5, 3), (40, 66), (130, 1203)])
def test_squared_differences(kernels, shape):
    """Of pictures of three channels, whose rows have gaps between them."""
    rng = np.random.default_rng(0)
    whole = [floats(rng, shape[0], shape[1] + 4) for _ in range(3)]
    x, y, dx = (values[:, 1:-3] for values in whole)
    before, exact = [values.copy() for values in whole], x.astype(np.float64)
    wanted = dx + 0.3 * (exact - y)
    found = kernels.squared_distance(x, y, dx, 0.3)
    assert found == pytest.approx(np.sum((exact - y) ** 2), rel=1e-6)
    assert_near(dx, wanted)
    wanted, squares = dx.astype(np.float64), 0.0
    for after, ahead in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 3:], np.s_[:, :-3])):
        difference = exact[after] - exact[ahead]
        squares += np.sum(difference**2)
        wanted[after] += 0.3 * difference
        wanted[ahead] -= 0.3 * difference
    found = kernels.squared_variation(x, 3, dx, 0.3)
    assert found == pytest.approx(squares, rel=1e-6)
    assert_near(dx, wanted)
    for values, old in zip(whole, before):
        np.testing.assert_array_equal(values[:, [0, -3, -2, -1]], old[:, [0, -3, -2, -1]])


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
