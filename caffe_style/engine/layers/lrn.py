"""LRN: local response normalisation across channels or within each (Krizhevsky et al. 2012)."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..blob import Blob
from .base import Layer, register
from .pool_windows import PoolWindows, mean_pool, mean_pool_backward


def sum_over_channels(values: np.ndarray, out: np.ndarray, size: int) -> None:
    """Add to `out` the sums of `values` (..., C) over `size` neighbouring channels."""
    channels = values.shape[-1]
    for shift in range(-(size // 2), size // 2 + 1):
        first, last = max(0, -shift), channels - max(0, shift)
        if last > first:
            out[..., first:last] += values[..., first + shift : last + shift]


@register("LRN")
class LRN(Layer):
    """y = x * s^-beta.

    ACROSS_CHANNELS: s = k + alpha / size * (sum of x^2 over `size` neighbouring channels).
    WITHIN_CHANNEL: s = 1 + alpha * (mean of x^2 over size x size positions); k is ignored, as in Caffe.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the parameters."""
        param = self.param.lrn_param
        self.across = param.norm_region == param.ACROSS_CHANNELS
        self.size, self.alpha = int(param.local_size), float(param.alpha)
        self.beta, self.k = float(param.beta), float(param.k) if self.across else 1.0
        if self.size % 2 == 0:
            self.fail("local_size must be odd, not %d" % self.size)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Same shape; four axes."""
        shape = bottom[0].shape
        if len(shape) != 4:
            self.fail("takes a blob of 4 axes (N, C, H, W), not of shape %s" % (shape,))
        top[0].set_shape(shape)
        if not self.across:
            pair, pad = (self.size,) * 2, (self.size // 2,) * 2
            self.windows = PoolWindows(shape[2:], shape[2:], pair, (1, 1), pad)

    def _scale(self, x: np.ndarray) -> np.ndarray:
        square = np.square(x)
        if self.across:
            square *= np.float32(self.alpha / self.size)
            scale = np.full_like(x, self.k)
            sum_over_channels(square, scale, self.size)
        else:
            scale = np.empty_like(x)
            mean_pool(square, scale, self.windows)
            scale *= np.float32(self.alpha)
            scale += np.float32(1)
        return scale

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Normalise."""
        x, y = bottom[0].data_buffer(), top[0].data_buffer(overwritten=True)
        self.scale = self._scale(x)
        np.power(self.scale, np.float32(-self.beta), out=y)
        y *= x

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """dx = dy s^-beta - c x sum(dy y / s), the sum over the windows that x is part of."""
        if not propagate_down[0]:
            return
        x, y, dy = bottom[0].data_buffer(), top[0].data_buffer(), top[0].diff_buffer()
        dx = bottom[0].diff_buffer(overwritten=True)
        if getattr(self, "scale", None) is None or self.scale.shape != x.shape:
            self.scale = self._scale(x)
        direct = self.scale ** np.float32(-self.beta)
        direct *= dy
        through = dy * y if self.across else direct * x
        through /= self.scale
        if self.across:
            dx[...] = 0
            sum_over_channels(through, dx, self.size)
            factor = 2 * self.alpha * self.beta / self.size
        else:
            mean_pool_backward(through, dx, self.windows)
            factor = 2 * self.alpha * self.beta
        dx *= x
        dx *= np.float32(-factor)
        dx += direct
