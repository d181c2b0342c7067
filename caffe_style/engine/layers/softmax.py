"""Softmax: positive values that add up to 1 along an axis."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..blob import Blob
from .base import Layer, register


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    """exp(x) / sum exp(x) along `axis`, without overflow."""
    y = x - x.max(axis, keepdims=True)
    np.exp(y, out=y)
    y /= y.sum(axis, keepdims=True)
    return y


@register("Softmax")
class Softmax(Layer):
    """y_i = exp(x_i) / sum_j exp(x_j) along `axis` (default 1)."""

    allows_in_place = True

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Same shape."""
        self.axis = self.canonical_axis(self.param.softmax_param.axis, bottom[0])
        top[0].set_shape(bottom[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Normalise."""
        top[0].data_view[...] = softmax(bottom[0].data_view, self.axis)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """dx = (dy - sum(dy y)) y."""
        if propagate_down[0]:
            y, dy = top[0].data_view, top[0].diff_view
            bottom[0].diff_view[...] = (dy - (dy * y).sum(self.axis, keepdims=True)) * y
