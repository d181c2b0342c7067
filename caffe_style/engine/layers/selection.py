"""Layers that choose items of the batch, and Silence, which takes blobs off the outputs."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..blob import Blob
from .base import Layer, register


@register("Silence")
class Silence(Layer):
    """Reads its bottoms and does nothing, so that they are no outputs of the net."""

    bottoms = (1, None)
    tops = (0, 0)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """There is no top."""

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Nothing."""

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Zeros."""
        for blob, wanted in zip(bottom, propagate_down):
            if wanted:
                blob.diff_buffer(overwritten=True)[...] = 0


@register("BatchReindex")
class BatchReindex(Layer):
    """y = x[index]: items picked, repeated and ordered by the second bottom."""

    bottoms = (2, 2)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """As many items as indices."""
        if len(bottom[1].shape) != 1:
            self.fail("takes a list of indices, not a blob of shape %s" % (bottom[1].shape,))
        top[0].set_shape(bottom[1].shape + bottom[0].shape[1:])

    def _indices(self, bottom: Sequence[Blob]) -> np.ndarray:
        indices, items = bottom[1].data_view.astype(int), bottom[0].shape[0]
        if indices.size and not 0 <= indices.min() <= indices.max() < items:
            self.fail("indices must be 0 to %d" % (items - 1))
        return indices

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Pick."""
        top[0].data_view[...] = bottom[0].data_view[self._indices(bottom)]

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Add up what was repeated."""
        if propagate_down[1]:
            self.fail("cannot give its indices a gradient")
        if propagate_down[0]:
            bottom[0].diff_view[...] = 0
            np.add.at(bottom[0].diff_view, self._indices(bottom), top[0].diff_view)


@register("Filter")
class Filter(Layer):
    """The items of each bottom for which the last bottom, the selector, is not 0."""

    bottoms = (2, None)
    tops = (1, None)
    reshapes_always = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Nothing is selected yet: the first shapes are the bottoms'."""
        if len(top) != len(bottom) - 1:
            self.fail("needs one top for each bottom but the selector")
        self.selected = None

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """As many items as are selected."""
        selector = bottom[-1]
        if any(size != 1 for size in selector.shape[1:]):
            self.fail("takes one selector value an item, not shape %s" % (selector.shape,))
        if any(blob.shape[0] != selector.shape[0] for blob in bottom[:-1]):
            self.fail("every bottom must have the selector's %d items" % selector.shape[0])
        first = self.selected is None
        self.selected = np.flatnonzero(selector.data_view.reshape(-1))
        count = selector.shape[0] if first else len(self.selected)
        for blob, above in zip(bottom, top):
            above.set_shape((count,) + blob.shape[1:])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Pick."""
        for blob, above in zip(bottom, top):
            above.data_view[...] = blob.data_view[self.selected]

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Zeros for what was not picked."""
        if propagate_down[-1]:
            self.fail("cannot give its selector a gradient")
        for blob, above, wanted in zip(bottom, top, propagate_down):
            if wanted:
                blob.diff_view[...] = 0
                blob.diff_view[self.selected] = above.diff_view[: len(self.selected)]
