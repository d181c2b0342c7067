"""The native kernels of this machine, and plain definitions of what they compute, in float64."""

from __future__ import annotations

import itertools
from typing import Any, Iterator

import numpy as np
import pytest

from caffe_style.engine import native

#: Random shapes a test and instruction set.
CASES = 24
LOWEST = np.finfo(np.float32).min


def built():
    """The instruction sets whose kernels are here, or ["none"]."""
    names = []
    for name in native.supported():
        try:
            native.load(name)
        except ImportError:
            continue
        names.append(name)
    return names or ["none"]


def with_threads(name: str) -> Iterator[Any]:
    """The kernels of an instruction set on three threads, for a fixture."""
    if name == "none":
        pytest.skip("the native kernels are not built: " + native.why_not)
    module = native.load(name)
    threads = module.get_threads()
    module.set_threads(3)
    yield module
    module.set_threads(threads)


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
