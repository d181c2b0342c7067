"""ReLU6 (MobileNet): a rectifier that saturates at 6."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ...blob import Blob
from ..base import register
from ..elementwise import Elementwise

_HIGHEST = np.float32(6)


@register("ReLU6")
class ReLU6(Elementwise):
    """y = min(max(x, 0), 6) + slope * min(x, 0); the slope of relu6_param or, in its place, relu_param."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the slope."""
        param = self.param
        own = param.relu6_param if param.HasField("relu6_param") else param.relu_param
        self.below = np.float32(own.negative_slope)
        if self.below < 0:
            self.fail("negative_slope must be at least 0, not %g" % self.below)

    def value(self, x: np.ndarray) -> np.ndarray:
        """The function."""
        return np.clip(x, 0, _HIGHEST) + self.below * np.minimum(x, 0)

    def slope(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """1 between the bounds, which y tells too where it overwrote x."""
        return np.where(x > 0, (x < _HIGHEST).astype(np.float32), self.below)
