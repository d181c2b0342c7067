"""Layers without bottoms: Input."""

from __future__ import annotations

from typing import Sequence

from ..blob import Blob
from .base import Layer, register


@register("Input")
class Input(Layer):
    """Blobs that the caller fills."""

    bottoms = (0, 0)
    tops = (1, None)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Shape the tops once: later the caller may reshape them."""
        shapes = self.param.input_param.shape
        if len(shapes) not in (0, 1, len(top)):
            self.fail("%d shapes for %d tops: give one, or one each" % (len(shapes), len(top)))
        for index, blob in enumerate(top):
            if len(shapes):
                blob.set_shape(shapes[min(index, len(shapes) - 1)].dim)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The caller's shape stands."""

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The caller's data stands."""

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Nothing is below."""
