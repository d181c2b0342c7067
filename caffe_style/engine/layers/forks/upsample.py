"""Upsample: with the mask of a MAX pooling as in SegNet, or without one by repeating values."""

from __future__ import annotations

from typing import Sequence, Tuple

import numpy as np

from ...blob import Blob
from ..base import Layer, register


@register("Upsample")
class Upsample(Layer):
    """Values (N, C, H, W) put where the mask (second top of MAX pooling) says, zeros elsewhere.

    Without a mask every value becomes a block of scale x scale (as nets converted from Darknet have it).
    """

    bottoms = (1, 2)

    def allows_force_backward(self, index: int) -> bool:
        """A mask has no gradient."""
        return index == 0

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check what names the size."""
        param = self.param.upsample_param
        self.masked = len(bottom) > 1
        given = [param.HasField(name) for name in ("upsample_h", "upsample_w")]
        if given[0] != given[1] or param.HasField("scale_h") != param.HasField("scale_w"):
            self.fail("give upsample_h and upsample_w, or scale, or scale_h and scale_w")
        self.sized = all(given)
        if self.sized and not self.masked:
            self.fail("without a mask it takes a scale, not a size")

    def _scale(self) -> Tuple[int, int]:
        param = self.param.upsample_param
        if param.HasField("scale_h"):
            return int(param.scale_h), int(param.scale_w)
        # The default is SegNet's; where there is no mask it is 1.
        scale = int(param.scale) if self.masked or param.HasField("scale") else 1
        return scale, scale

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """(N, C, H, W) becomes (N, C, H', W')."""
        param, shape = self.param.upsample_param, bottom[0].shape
        if len(shape) != 4:
            self.fail("takes a blob of 4 axes (N, C, H, W), not of shape %s" % (shape,))
        if self.masked and bottom[1].shape != shape:
            self.fail("the mask %s must have the shape %s of the values" % (bottom[1].shape, shape))
        self.scale = self._scale()
        if self.sized:
            size = int(param.upsample_h), int(param.upsample_w)
        else:
            size = (
                shape[2] * self.scale[0] - param.pad_out_h,
                shape[3] * self.scale[1] - param.pad_out_w,
            )
        if min(size) < 1:
            self.fail("the size %dx%d must be positive" % size)
        top[0].set_shape(shape[:2] + size)

    def _positions(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> np.ndarray:
        """Where each value goes, (N * C, H * W) positions in a plane of the top."""
        plane = top[0].shape[2] * top[0].shape[3]
        positions = (
            bottom[1].data_view.reshape(bottom[0].shape[0] * bottom[0].shape[1], -1).astype(int)
        )
        if positions.size and not 0 <= positions.min() <= positions.max() < plane:
            self.fail(
                "the mask points outside the top %s: does the size fit the pooling that made it?"
                % (top[0].shape,)
            )
        return positions

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Place the values; where windows overlapped the last one stays."""
        x, y = bottom[0].data_view, top[0].data_view
        if not self.masked:
            y[...] = x.repeat(self.scale[0], 2).repeat(self.scale[1], 3)
            return
        positions = self._positions(bottom, top)
        planes = np.zeros((len(positions), y.shape[2] * y.shape[3]), np.float32)
        np.put_along_axis(planes, positions, x.reshape(positions.shape), 1)
        y[...] = planes.reshape(y.shape)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Fetch the gradients from there, or add up those of a block; a mask gets none."""
        if not propagate_down[0]:
            return
        dy, (n, c, height, width) = top[0].diff_view, bottom[0].shape
        if self.masked:
            positions = self._positions(bottom, top)
            dx = np.take_along_axis(dy.reshape(n * c, -1), positions, 1)
        else:
            dx = dy.reshape(n, c, height, self.scale[0], width, self.scale[1]).sum((3, 5))
        bottom[0].diff_view[...] = dx.reshape(bottom[0].shape)
