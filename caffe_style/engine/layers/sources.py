"""Layers without bottoms that read no file: Input, DummyData, Parameter, MemoryData."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

import numpy as np

from ..blob import Blob
from ..fillers import fill
from .base import Layer, register


class Source(Layer):
    """Has tops only, whose shapes are fixed at set-up."""

    bottoms = (0, 0)
    tops = (1, None)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The shapes stand."""

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The data stands."""

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Nothing is below."""


@register("Input")
class Input(Source):
    """Blobs that the caller fills, and may reshape."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Shape the tops."""
        shapes = self.param.input_param.shape
        if len(shapes) not in (0, 1, len(top)):
            self.fail("%d shapes for %d tops: give one, or one each" % (len(shapes), len(top)))
        for index, blob in enumerate(top):
            if len(shapes):
                blob.set_shape(shapes[min(index, len(shapes) - 1)].dim)


@register("Parameter")
class Parameter(Source):
    """A top that is a learned parameter: data and diff are shared."""

    tops = (1, 1)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Make the parameter, zeros, in the memory order of a top."""
        self.blobs.append(Blob(self.param.parameter_param.shape.dim))
        top[0].set_shape(self.blobs[0].shape)
        top[0].share_data(self.blobs[0])
        top[0].share_diff(self.blobs[0])


@register("DummyData")
class DummyData(Source):
    """Tops filled by fillers: constants once, random ones anew at each forward."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Shape the tops, fill those that stay constant."""
        param = self.param.dummy_data_param
        fillers = list(param.data_filler)
        if len(fillers) not in (0, 1, len(top)):
            self.fail("give no data_filler, one, or one for each of the %d tops" % len(top))
        self.fillers = fillers * len(top) if len(fillers) == 1 else fillers
        for blob, shape in zip(top, self._shapes(len(top))):
            blob.set_shape(shape)
        for blob, filler in zip(top, self.fillers):
            if filler.type == "constant":
                fill(blob, filler)

    def _shapes(self, count: int) -> List[Sequence[int]]:
        param = self.param.dummy_data_param
        legacy = (param.num, param.channels, param.height, param.width)
        if any(len(sizes) for sizes in legacy):
            if len(param.shape) or any(len(sizes) not in (1, count) for sizes in legacy):
                self.fail(
                    "give shape, or num, channels, height and width once or once for each top"
                )
            return [tuple(sizes[i % len(sizes)] for sizes in legacy) for i in range(count)]
        if len(param.shape) not in (1, count):
            self.fail("give one shape, or one for each of the %d tops" % count)
        return [param.shape[i % len(param.shape)].dim for i in range(count)]

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Fill anew what is random."""
        for blob, filler in zip(top, self.fillers):
            if filler.type != "constant":
                fill(blob, filler)


@register("MemoryData")
class MemoryData(Source):
    """Batches of arrays that `Net.set_input_arrays` gave it, round and round."""

    tops = (2, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Shape the tops: (N, C, H, W) and (N)."""
        param = self.param.memory_data_param
        self.batch = int(param.batch_size)
        self.item = (int(param.channels), int(param.height), int(param.width))
        if self.batch * self.item[0] * self.item[1] * self.item[2] <= 0:
            self.fail("batch_size, channels, height and width must be positive")
        self.arrays: Optional[Tuple[np.ndarray, np.ndarray]] = None
        top[0].set_shape((self.batch,) + self.item)
        top[1].set_shape((self.batch,))

    def set_arrays(self, data: np.ndarray, labels: np.ndarray) -> None:
        """What forward serves: data (count, C, H, W), labels (count, ...), count a multiple of batch_size."""
        data, labels = np.asarray(data, np.float32), np.asarray(labels, np.float32)
        if data.shape[1:] != self.item or len(data) % self.batch or not len(data):
            self.fail(
                "takes arrays of shape (a multiple of %d,) + %s, not %s"
                % (self.batch, self.item, data.shape)
            )
        if labels.size != len(data):
            self.fail("takes one label an item: %d, not %d" % (len(data), labels.size))
        self.arrays, self.position = (data, labels.reshape(-1)), 0

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Serve the next batch."""
        if self.arrays is None:
            self.fail("has nothing to serve yet: call net.set_input_arrays(data, labels)")
        for blob, array in zip(top, self.arrays):
            blob.data_view[...] = array[self.position : self.position + self.batch]
        self.position = (self.position + self.batch) % len(self.arrays[0])
