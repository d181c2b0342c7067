"""Interp (DeepLab, PSPNet): bilinear scaling whose corner values stay at the corners."""

from __future__ import annotations

from typing import Sequence, Tuple

import numpy as np

from ...blob import Blob
from ..base import Layer, register


def bilinear_matrix(length: int, wanted: int) -> np.ndarray:
    """The (wanted, length) matrix that scales an axis so that first and last value stay first and last."""
    ratio = np.float32(length - 1) / np.float32(wanted - 1) if wanted > 1 else np.float32(0)
    position = ratio * np.arange(wanted, dtype=np.float32)
    left = np.minimum(position.astype(int), length - 1)
    share = position - left
    matrix = np.zeros((wanted, length), np.float32)
    rows = np.arange(wanted)
    matrix[rows, left] = 1 - share
    matrix[rows, np.minimum(left + 1, length - 1)] += share
    return matrix


@register("Interp")
class Interp(Layer):
    """Scales (N, C, H, W), cut by pad_beg and pad_end, to a size.

    The size is height and width, or the second bottom's, or follows from shrink_factor and then zoom_factor.
    """

    bottoms = (1, 2)

    def allows_force_backward(self, index: int) -> bool:
        """The second bottom only names a size."""
        return index == 0

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check that the size is named once."""
        param = self.param.interp_param
        factors = param.HasField("zoom_factor") or param.HasField("shrink_factor")
        explicit = param.HasField("height") and param.HasField("width")
        if factors + explicit + (len(bottom) > 1) != 1:
            self.fail("give height and width, or zoom_factor or shrink_factor, or a second bottom")
        if param.pad_beg > 0 or param.pad_end > 0:
            self.fail("pad_beg and pad_end cut off: they must not be positive")
        self.factors, self.explicit = factors, explicit

    def _size(self, cut: Sequence[int], bottom: Sequence[Blob]) -> Tuple[int, int]:
        param = self.param.interp_param
        if self.explicit:
            return int(param.height), int(param.width)
        if not self.factors:
            return bottom[1].height, bottom[1].width
        if param.zoom_factor < 1 or param.shrink_factor < 1:
            self.fail("zoom_factor and shrink_factor must be positive")
        height, width = ((length - 1) // param.shrink_factor * param.zoom_factor for length in cut)
        return height + 1, width + 1

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """(N, C, H, W) becomes (N, C, H', W')."""
        param, shape = self.param.interp_param, bottom[0].shape
        if len(shape) != 4:
            self.fail("takes a blob of 4 axes (N, C, H, W), not of shape %s" % (shape,))
        cut = [length + param.pad_beg + param.pad_end for length in shape[2:]]
        if min(cut) < 1:
            self.fail("nothing is left of shape %s after pad_beg and pad_end" % (shape,))
        size = self._size(cut, bottom)
        if min(size) < 1:
            self.fail("the size %dx%d must be positive" % size)
        self.matrices = [bilinear_matrix(*lengths) for lengths in zip(cut, size)]
        begin = -param.pad_beg
        self.inner = tuple(slice(begin, begin + length) for length in cut)
        top[0].set_shape(shape[:2] + size)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Scale down the columns, then along the rows."""
        down, across = self.matrices
        x = bottom[0].data_view[(slice(None), slice(None)) + self.inner]
        top[0].data_view[...] = down @ x @ across.T

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """The transpose; the bottom that names the size gets none."""
        if propagate_down[0]:
            down, across = self.matrices
            dx = bottom[0].diff_view
            dx[...] = 0
            dx[(slice(None), slice(None)) + self.inner] = down.T @ top[0].diff_view @ across
