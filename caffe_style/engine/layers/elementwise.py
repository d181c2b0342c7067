"""Layers that map every value by itself: ReLU."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..blob import Blob
from .base import Layer, register


@register("ReLU")
class ReLU(Layer):
    """y = max(x, 0) + slope * min(x, 0); at 0 the gradient is the slope's."""

    allows_in_place = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the slope."""
        self.slope = float(self.param.relu_param.negative_slope)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Rectify."""
        x, y = bottom[0].data_buffer(), top[0].data_buffer()
        if self.slope == 0:
            np.maximum(x, 0, out=y)
        else:
            y[...] = np.where(x > 0, x, np.float32(self.slope) * x)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Mask the gradient; in place the data is y, whose sign is x's for a slope of at least 0."""
        if propagate_down[0]:
            active = bottom[0].data_buffer() > 0
            dy = top[0].diff_buffer()
            bottom[0].diff_buffer()[...] = np.where(active, dy, np.float32(self.slope) * dy)
