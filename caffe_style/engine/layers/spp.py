"""SPP: spatial pyramid pooling (He et al. 2014), a vector of fixed length for any image size."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import numpy as np

from ..blob import Blob, count_of
from . import pool_windows
from .base import Layer, register
from .pool_windows import PoolWindows


def pyramid_level(size: Tuple[int, int], level: int) -> PoolWindows:
    """About 2^level windows down and across that cover the image, padded where they overhang."""
    bins = 2**level
    kernel = tuple(-(-length // bins) for length in size)
    pad = tuple((k * bins - length + 1) // 2 for k, length in zip(kernel, size))
    pooled = tuple(
        pool_windows.pooled_length(*lengths) for lengths in zip(size, kernel, kernel, pad)
    )
    return PoolWindows(size, pooled, kernel, kernel, pad)


@register("SPP")
class SPP(Layer):
    """MAX or AVE pooling at levels 0 to `pyramid_height` - 1, flattened and joined: (N, features)."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the parameters."""
        param = self.param.spp_param
        self.height = int(param.pyramid_height)
        if self.height < 1:
            self.fail("pyramid_height must be positive")
        if param.pool == param.STOCHASTIC:
            self.fail("pools MAX or AVE, not STOCHASTIC")
        self.averages = param.pool == param.AVE

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """(N, C, H, W) becomes (N, C * windows of all levels); of one level, (N, C, 1, 1)."""
        shape = bottom[0].shape
        if len(shape) != 4 or min(shape[2:]) < 1:
            self.fail("takes a blob of 4 axes (N, C, H, W), not of shape %s" % (shape,))
        self.levels: List[PoolWindows] = [pyramid_level(shape[2:], i) for i in range(self.height)]
        for windows in self.levels:
            if any(pad >= kernel for pad, kernel in zip(windows.pad, windows.kernel)):
                self.fail(
                    "a pyramid of height %d is too fine for %dx%d" % ((self.height,) + shape[2:])
                )
        self.indices = [
            windows.no_winners((shape[0],) + windows.pooled + (shape[1],))
            for windows in self.levels
        ]
        features = sum(count_of(shape[1:2] + windows.pooled) for windows in self.levels)
        top[0].set_shape((shape[0], features) if self.height > 1 else shape[:2] + (1, 1))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Pool each level."""
        x, parts = bottom[0].data_buffer(), []
        for windows, index in zip(self.levels, self.indices):
            y = np.empty(index.shape, np.float32)
            if self.averages:
                pool_windows.mean_pool(x, y, windows)
            else:
                pool_windows.max_pool(x, y, index, windows)
            parts.append(np.moveaxis(y, -1, 1).reshape(len(x), -1))
        top[0].data_view[...] = np.concatenate(parts, 1).reshape(top[0].shape)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Add the levels' gradients."""
        if not propagate_down[0]:
            return
        dy, dx = top[0].diff_view.reshape(top[0].shape[0], -1), bottom[0].diff_buffer()
        total, first = np.zeros_like(dx), 0
        for windows, index in zip(self.levels, self.indices):
            last = first + index[0].size
            channels_first = (len(dx), dx.shape[-1]) + windows.pooled
            part = np.moveaxis(dy[:, first:last].reshape(channels_first), 1, -1)
            if self.averages:
                pool_windows.mean_pool_backward(part, dx, windows)
            else:
                pool_windows.max_pool_backward(part, dx, index, windows)
            total += dx
            first = last
        dx[...] = total
