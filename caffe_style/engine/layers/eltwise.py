"""Eltwise: the sum, product or maximum of blobs of one shape."""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np

from ..blob import Blob
from .base import Layer, register


@register("Eltwise")
class Eltwise(Layer):
    """SUM (with coefficients), PROD or MAX, value by value."""

    bottoms = (2, None)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the operation and the coefficients."""
        param = self.param.eltwise_param
        self.operation = ("PROD", "SUM", "MAX")[param.operation]
        self.coefficients: List[float] = list(param.coeff) or [1.0] * len(bottom)
        if len(self.coefficients) != len(bottom):
            self.fail("give one coeff for each of the %d bottoms or none" % len(bottom))
        if param.coeff and self.operation == "PROD":
            self.fail("only SUM takes coefficients")
        self.winner: Optional[np.ndarray] = None

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Same shape."""
        for blob in bottom[1:]:
            if blob.shape != bottom[0].shape:
                self.fail(
                    "bottoms must have one shape, not %s and %s" % (bottom[0].shape, blob.shape)
                )
        top[0].set_shape(bottom[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Combine."""
        xs, y = [blob.data_buffer() for blob in bottom], top[0].data_buffer(overwritten=True)
        if self.operation == "PROD":
            np.multiply(xs[0], xs[1], out=y)
            for x in xs[2:]:
                y *= x
        elif self.operation == "SUM":
            y[...] = xs[0] if self.coefficients[0] == 1 else self.coefficients[0] * xs[0]
            for x, coefficient in zip(xs[1:], self.coefficients[1:]):
                y += x if coefficient == 1 else np.float32(coefficient) * x
        else:
            # Among equals the second of the first two wins, and keeps it against the later ones.
            first = xs[0] > xs[1]
            y[...] = np.where(first, xs[0], xs[1])
            self.winner = np.where(first, 0, 1)
            for index, x in enumerate(xs[2:], 2):
                better = x > y
                np.copyto(y, x, where=better)
                self.winner[better] = index

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Each bottom's share."""
        dy = top[0].diff_buffer()
        for index, (blob, wanted) in enumerate(zip(bottom, propagate_down)):
            if not wanted:
                continue
            dx = blob.diff_buffer(overwritten=True)
            if self.operation == "SUM":
                np.multiply(dy, np.float32(self.coefficients[index]), out=dx)
            elif self.operation == "MAX":
                won = False if self.winner is None else self.winner == index
                np.multiply(dy, won, out=dx)
            else:
                np.multiply(dy, self._others(index, bottom, top), out=dx)

    def _others(self, index: int, bottom: Sequence[Blob], top: Sequence[Blob]) -> np.ndarray:
        """Product of the other bottoms; divided out of the whole where stable_prod_grad is off."""
        if not self.param.eltwise_param.stable_prod_grad:
            with np.errstate(divide="ignore", invalid="ignore"):
                return top[0].data_buffer() / bottom[index].data_buffer()
        others = [blob.data_buffer() for i, blob in enumerate(bottom) if i != index]
        product = others[0]
        for x in others[1:]:
            product = product * x
        return product
