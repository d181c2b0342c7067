"""Normalize (SSD): values divided by their Euclidean norm, times a learned scale."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ...blob import Blob
from ..base import Layer, register


@register("Normalize")
class Normalize(Layer):
    """y = scale * x / sqrt(sum x^2 + eps).

    The sum is over an image (`across_spatial`) or over the channels of a position; the scale is one number
    (`channel_shared`) or one a channel.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Make the scale, 1 by default."""
        param, shape = self.param.norm_param, bottom[0].shape
        if len(shape) < 2:
            self.fail("takes a blob of at least 2 axes, not of shape %s" % (shape,))
        scale = self.add_parameter(() if param.channel_shared else shape[1:2], param.scale_filler)
        if not param.HasField("scale_filler"):
            scale.data_view[...] = 1

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Same shape."""
        shape, scale = bottom[0].shape, self.blobs[0].shape
        if scale and scale != shape[1:2]:
            self.fail("its scale is for %d channels, the input has shape %s" % (scale[0], shape))
        self.axes = tuple(range(1, len(shape))) if self.param.norm_param.across_spatial else (1,)
        top[0].set_shape(shape)

    def _scale(self, axes: int) -> np.ndarray:
        return self.blobs[0].data_view.reshape((1, -1) + (1,) * (axes - 2))

    def _norm(self, x: np.ndarray) -> np.ndarray:
        total = np.square(x).sum(self.axes, keepdims=True, dtype=np.float64)
        return np.sqrt(total + self.param.norm_param.eps).astype(np.float32)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Divide and scale."""
        x = bottom[0].data_view
        top[0].data_view[...] = x / self._norm(x) * self._scale(x.ndim)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Gradients to scale and input: what points along x is taken out."""
        x, dy = bottom[0].data_view, top[0].diff_view
        norm = self._norm(x)
        unit = x / norm
        if self.wants_gradient(0):
            scale = self.blobs[0]
            others = (0,) + tuple(range(2, x.ndim)) if scale.shape else None
            scale.diff_view[...] += (dy * unit).sum(others, dtype=np.float64)
        if propagate_down[0]:
            dz = dy * self._scale(x.ndim)
            along = (dz * unit).sum(self.axes, keepdims=True)
            bottom[0].diff_view[...] = (dz - unit * along) / norm
