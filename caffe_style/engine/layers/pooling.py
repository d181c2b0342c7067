"""Pooling: the maximum, mean or a random value of sliding windows."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import numpy as np

from ..blob import Blob
from ..fillers import generator
from . import pool_windows
from .base import Layer, register
from .pool_windows import Pair, PoolWindows

METHODS = ("MAX", "AVE", "STOCHASTIC")


@register("Pooling")
class Pooling(Layer):
    """Windows of (N, C, H, W) down and across; the second top of MAX holds the winners' positions.

    Attributes
    ----------
    method : str
        One of `METHODS`.
    kernel, stride, pad : (int, int)
        Down and across.
    windows : PoolWindows
        Where the windows lie; made anew when the input changes its size.
    """

    tops = (1, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read kernel, stride, pad."""
        param = self.param.pooling_param
        self.method = METHODS[param.pool]
        self.is_global, self.floor = param.global_pooling, param.round_mode == param.FLOOR
        if param.HasField("ceil_mode"):
            if param.HasField("round_mode") and param.ceil_mode == self.floor:
                self.fail("ceil_mode and round_mode contradict each other: give one of them")
            self.floor = not param.ceil_mode
        self._index: Optional[np.ndarray] = None
        if len(top) > 1 and self.method != "MAX":
            self.fail("only MAX pooling has a second top, the mask")
        self.stride = self._pair(param, "stride", 1)
        self.pad = self._pair(param, "pad", 0)
        if self.is_global:
            if any(param.HasField(field) for field in ("kernel_size", "kernel_h", "kernel_w")):
                self.fail("global_pooling takes no kernel_size: it covers the input")
            if self.pad != (0, 0) or self.stride != (1, 1):
                self.fail("global_pooling goes with pad 0 and stride 1 only")
        else:
            self.kernel = self._pair(param, "kernel", None)
            if min(self.kernel) <= 0:
                self.fail("kernel_size must be positive")
            if any(pad >= kernel for pad, kernel in zip(self.pad, self.kernel)):
                self.fail("pad %s must be smaller than the kernel %s" % (self.pad, self.kernel))
        if min(self.stride) <= 0:
            self.fail("stride must be positive")
        if self.method == "STOCHASTIC" and self.pad != (0, 0):
            self.fail("only MAX and AVE pooling take padding")

    def _pair(self, param: Any, name: str, default: Optional[int]) -> Pair:
        whole = "kernel_size" if name == "kernel" else name
        given = [param.HasField(field) for field in (whole, name + "_h", name + "_w")]
        if given == [False, True, True]:
            return int(getattr(param, name + "_h")), int(getattr(param, name + "_w"))
        if given == [True, False, False]:
            return (int(getattr(param, whole)),) * 2
        if any(given) or default is None:
            self.fail("give either %s, or both %s_h and %s_w" % (whole, name, name))
        return default, default

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """(N, C, H, W) becomes (N, C, H', W')."""
        shape = bottom[0].shape
        if len(shape) != 4:
            self.fail("takes a blob of 4 axes (N, C, H, W), not of shape %s" % (shape,))
        size = shape[2:]
        if self.is_global:
            self.kernel = size
        pooled = tuple(
            pool_windows.pooled_length(*lengths, floor=self.floor)
            for lengths in zip(size, self.kernel, self.stride, self.pad)
        )
        if min(pooled) < 0:
            self.fail("the input %dx%d is too small for its %dx%d kernel" % (size + self.kernel))
        self.windows = PoolWindows(size, pooled, self.kernel, self.stride, self.pad)
        self._index = None
        for blob in top:
            blob.set_shape(shape[:2] + pooled)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Pool; remembers which value each maximum or draw came from."""
        x, y = bottom[0].data_buffer(), top[0].data_buffer(overwritten=True)
        if self.method == "AVE":
            pool_windows.mean_pool(x, y, self.windows)
        elif self.method == "MAX":
            pool_windows.max_pool(x, y, self._winners(y), self.windows)
            if len(top) > 1:
                top[1].data_buffer(overwritten=True)[...] = self.windows.positions(self._index)
        elif self.phase == 0:
            uniform = generator().random_sample(y.shape).astype(np.float32)
            pool_windows.stochastic_pool(x, y, self._winners(y), self.windows, uniform)
        else:
            pool_windows.expected_pool(x, y, self.windows)

    def _winners(self, y: np.ndarray) -> np.ndarray:
        if self._index is None:
            self._index = self.windows.no_winners(y.shape)
        return self._index

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Send each window's gradient to its winner, or evenly over a mean's window."""
        if not propagate_down[0]:
            return
        dy, dx = top[0].diff_buffer(), bottom[0].diff_buffer(overwritten=True)
        if self.method == "AVE":
            pool_windows.mean_pool_backward(dy, dx, self.windows)
        elif self.method == "STOCHASTIC" and self.phase == 1:
            self.fail("STOCHASTIC pooling has no gradient in the TEST phase")
        else:
            pool_windows.max_pool_backward(dy, dx, self._winners(dy), self.windows)
