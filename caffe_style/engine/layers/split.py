"""Split: one blob read by several layers. The net inserts it; its backward adds the readers' gradients."""

from __future__ import annotations

from typing import Sequence

from ..blob import Blob
from .base import Layer, register


@register("Split")
class Split(Layer):
    """Tops share the bottom's data; the bottom's diff is the sum of the tops' diffs."""

    tops = (1, None)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Every top has the bottom's shape."""
        for blob in top:
            blob.set_shape(bottom[0].shape)
            blob.share_data(bottom[0])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Share the data, copy nothing."""
        for blob in top:
            blob.share_data(bottom[0])

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Add the diffs of all tops, also of those whose readers did not run."""
        if not propagate_down[0]:
            return
        total = bottom[0].diff_buffer(overwritten=True)
        total[...] = top[0].diff_buffer()
        for blob in top[1:]:
            total += blob.diff_buffer()
