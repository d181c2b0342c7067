"""PReLU: a rectifier with a learned slope below 0."""

from __future__ import annotations

from typing import Optional, Sequence

import numpy as np

from ..blob import Blob
from .affine import gathered, spread
from .base import Layer, register


@register("PReLU")
class PReLU(Layer):
    """y = max(x, 0) + a_c min(x, 0), one slope a channel or, with `channel_shared`, one for all."""

    allows_in_place = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Make the slopes, 0.25 by default."""
        param, shape = self.param.prelu_param, bottom[0].shape
        if len(shape) < 2:
            self.fail("takes a blob of at least 2 axes, not of shape %s" % (shape,))
        filler = type(param.filler)()
        filler.CopyFrom(param.filler)
        if not param.HasField("filler"):
            filler.type, filler.value = "constant", 0.25
        self.add_parameter(() if param.channel_shared else (shape[1],), filler)
        self._input: Optional[np.ndarray] = None

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Same shape."""
        shape = bottom[0].shape
        if self.blobs[0].shape and shape[1:2] != self.blobs[0].shape:
            self.fail("is for %d channels, the input has shape %s" % (self.blobs[0].count, shape))
        top[0].set_shape(shape)

    def _slopes(self, blob: Blob) -> np.ndarray:
        return spread(self.blobs[0].data_view, 1, len(blob.shape))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Rectify; in place x is kept for backward."""
        x = bottom[0].data_view
        self._input = x.copy() if bottom[0] is top[0] else None
        top[0].data_view[...] = np.where(x > 0, x, self._slopes(bottom[0]) * x)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """dx is dy or a dy; da sums dy x where x is not above 0."""
        x = bottom[0].data_view if self._input is None else self._input
        dy = top[0].diff_view
        if self.wants_gradient(0):
            slopes = self.blobs[0]
            slopes.diff_view[...] += gathered(np.where(x > 0, 0, dy * x), 1, len(slopes.shape))
        if propagate_down[0]:
            bottom[0].diff_view[...] = np.where(x > 0, dy, self._slopes(bottom[0]) * dy)
