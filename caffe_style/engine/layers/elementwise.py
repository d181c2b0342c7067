"""What layers that map every value by itself have in common."""

from __future__ import annotations

from typing import ClassVar, Optional, Sequence

import numpy as np

from ..blob import Blob
from .base import Layer


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), by way of tanh, which does not overflow."""
    return np.float32(0.5) * np.tanh(np.float32(0.5) * x) + np.float32(0.5)


class Elementwise(Layer):
    """y = value(x), dx = dy * slope(x, y), value by value.

    In place `x` is gone when backward runs: a layer whose slope needs it sets `keeps_input`, the others
    read what is there, as Caffe does.
    """

    allows_in_place = True
    keeps_input: ClassVar[bool] = False

    def value(self, x: np.ndarray) -> np.ndarray:
        """The function."""
        raise NotImplementedError

    def slope(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Its derivative, given x and y."""
        raise NotImplementedError

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Apply the function."""
        x = bottom[0].data_buffer()
        kept = self.keeps_input and bottom[0] is top[0]
        self._input: Optional[np.ndarray] = x.copy() if kept else None
        top[0].data_buffer(overwritten=True)[...] = self.value(x)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Multiply by the derivative."""
        if propagate_down[0]:
            kept = getattr(self, "_input", None)
            x = bottom[0].data_buffer() if kept is None else kept
            slope = self.slope(x, top[0].data_buffer())
            np.multiply(top[0].diff_buffer(), slope, out=bottom[0].diff_buffer(overwritten=True))
