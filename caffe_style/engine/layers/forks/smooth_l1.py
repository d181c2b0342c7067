"""SmoothL1Loss (Fast R-CNN): quadratic near 0, linear beyond."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ...blob import Blob
from ..base import register
from ..loss import Loss


@register("SmoothL1Loss")
class SmoothL1Loss(Loss):
    """1 / N sum w_out f(w_in (a - b)), f(d) = (sigma d)^2 / 2 below 1 / sigma^2, |d| - 1 / (2 sigma^2) beyond.

    Bottoms: a, b, and optionally the weights w_in and w_out of the same shape.
    """

    bottoms = (2, 4)

    def allows_force_backward(self, index: int) -> bool:
        """The two that are compared."""
        return index < 2

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """A scalar; all bottoms must have one size."""
        super().reshape(bottom, top)
        if any(blob.count != bottom[0].count for blob in bottom):
            shapes = ", ".join(str(blob.shape) for blob in bottom)
            self.fail("bottoms must have one shape, not %s" % shapes)

    def _terms(self, bottom: Sequence[Blob]) -> tuple:
        """The weighted difference, and which of it lies in the quadratic part."""
        difference = bottom[0].data_view - self._like_first(bottom, 1)
        if len(bottom) > 2:
            difference *= self._like_first(bottom, 2)
        self.squared = np.float32(self.param.smooth_l1_loss_param.sigma) ** 2
        return difference, np.abs(difference) < 1 / self.squared

    @staticmethod
    def _like_first(bottom: Sequence[Blob], index: int) -> np.ndarray:
        return bottom[index].data_view.reshape(bottom[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Add up."""
        difference, near = self._terms(bottom)
        quadratic = 0.5 * self.squared * np.square(difference)
        each = np.where(near, quadratic, np.abs(difference) - 0.5 / self.squared)
        if len(bottom) > 3:
            each *= self._like_first(bottom, 3)
        top[0].data_view[...] = each.sum(dtype=np.float64) / bottom[0].shape[0]

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """The slope of f, times the weights; they get none."""
        difference, near = self._terms(bottom)
        slope = np.where(near, self.squared * difference, np.sign(difference))
        for index in range(2, len(bottom)):
            slope *= self._like_first(bottom, index)
        slope *= top[0].diff_view / bottom[0].shape[0]
        for blob, wanted, sign in zip(bottom[:2], propagate_down, (1, -1)):
            if wanted:
                blob.diff_view[...] = (sign * slope).reshape(blob.shape)
