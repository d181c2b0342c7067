"""Permute (SSD) and ShuffleChannel (ShuffleNet): the same values in another order."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ...blob import Blob
from ..base import Layer, register


@register("Permute")
class Permute(Layer):
    """Axis i of the top is axis order[i] of the bottom; axes that `order` leaves out follow as they are."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read and complete the order."""
        order = [int(axis) for axis in self.param.permute_param.order]
        axes = len(bottom[0].shape)
        if len(set(order)) < len(order) or any(axis >= axes for axis in order):
            self.fail("order %s must name different axes of the %d there are" % (order, axes))
        self.order = order + [axis for axis in range(axes) if axis not in order]

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The lengths in the new order."""
        shape = bottom[0].shape
        if len(shape) != len(self.order):
            self.fail("is for %d axes, the input has shape %s" % (len(self.order), shape))
        top[0].set_shape([shape[axis] for axis in self.order])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Move the axes."""
        top[0].data_view[...] = bottom[0].data_view.transpose(self.order)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Move them back."""
        if propagate_down[0]:
            bottom[0].diff_view[...] = top[0].diff_view.transpose(np.argsort(self.order))


@register("ShuffleChannel")
class ShuffleChannel(Layer):
    """Channels that lay group by group come in turn from each group: 0 1 2 | 3 4 5 becomes 0 3 1 4 2 5."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Same shape."""
        shape, group = bottom[0].shape, int(self.param.shuffle_channel_param.group)
        if len(shape) < 2 or group < 1 or shape[1] % group:
            self.fail("group %d must divide the channels of shape %s" % (group, shape))
        channels = np.arange(shape[1])
        #: Which channel of the bottom each one of the top is.
        self.source = channels.reshape(group, -1).T.ravel()
        top[0].set_shape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Pick the channels."""
        top[0].data_view[...] = bottom[0].data_view[:, self.source]

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Put them back."""
        if propagate_down[0]:
            bottom[0].diff_view[...] = top[0].diff_view[:, np.argsort(self.source)]
