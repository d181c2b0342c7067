"""Axpy (SENet): each channel of x times its factor a, plus y."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ...blob import Blob
from ..base import Layer, register


@register("Axpy")
class Axpy(Layer):
    """a * x + y of the bottoms a (N, C) or (N, C, 1, 1), x and y of shape (N, C, ...)."""

    bottoms = (3, 3)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The shape of x."""
        factor, x, y = (blob.shape for blob in bottom)
        if x != y or len(x) < 2 or factor[:2] != x[:2] or any(size != 1 for size in factor[2:]):
            self.fail("takes a (N, C), x and y (N, C, ...), not %s, %s and %s" % (factor, x, y))
        top[0].set_shape(x)

    @staticmethod
    def _factor(bottom: Sequence[Blob]) -> np.ndarray:
        shape = bottom[1].shape
        return bottom[0].data_view.reshape(shape[:2] + (1,) * (len(shape) - 2))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Multiply and add."""
        top[0].data_view[...] = self._factor(bottom) * bottom[1].data_view + bottom[2].data_view

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """da is dy x summed over positions, dx is a dy."""
        dy = top[0].diff_view
        if propagate_down[0]:
            factor = bottom[0]
            product = (dy * bottom[1].data_view).reshape(dy.shape[:2] + (-1,))
            factor.diff_view[...] = product.sum(2, dtype=np.float64).reshape(factor.shape)
        if propagate_down[1]:
            bottom[1].diff_view[...] = self._factor(bottom) * dy
        if propagate_down[2]:
            bottom[2].diff_view[...] = dy
