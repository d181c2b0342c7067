"""Blob: Caffe's array of data and diff, shown in Caffe's order and kept channels-last for layers."""

from __future__ import annotations

from typing import Sequence, Tuple

import numpy as np

from ..errors import LayerError
from .memory import Memory, Order


def count_of(shape: Sequence[int]) -> int:
    """Number of values in an array of this shape (1 for the empty shape)."""
    count = 1
    for size in shape:
        count *= int(size)
    return count


class Blob:
    """Data and diff of one shape, both float32, zero at first.

    `data` and `diff` are Caffe's arrays: C-contiguous (N, C, H, W), for callers. Layers and losses work on
    memory of their own, which for three or more axes is channels-last, (N, H, W, C), so that every kernel is a
    stream over channels: `data_buffer` as it lies, `data_view` in Caffe's shape. That of parameters has Caffe's
    order, too. `Memory` keeps the two in step.

    Parameters
    ----------
    shape : sequence of int
        Caffe's shape; () is a scalar.
    channels_last : bool
        False for parameters.
    """

    def __init__(self, shape: Sequence[int] = (), channels_last: bool = True) -> None:
        self._shape: Tuple[int, ...] = ()
        self._channels_last = channels_last
        self._data = Memory(1)
        self._diff = Memory(1)
        self.set_shape(shape)

    # -- shape ---------------------------------------------------------------------------------

    @property
    def shape(self) -> Tuple[int, ...]:
        """Caffe's shape."""
        return self._shape

    @property
    def count(self) -> int:
        """Number of values."""
        return count_of(self._shape)

    @property
    def physical_shape(self) -> Tuple[int, ...]:
        """Shape of the buffer as it lies in memory."""
        shape = self._shape
        return (shape[0],) + shape[2:] + (shape[1],) if self.channels_last else shape

    @property
    def channels_last(self) -> bool:
        """Whether the buffer has the second axis last."""
        return self._channels_last and len(self._shape) > 2

    def _legacy(self, axis: int) -> int:
        if len(self._shape) > 4:
            raise LayerError(
                "num, channels, height and width are for blobs of at most 4 axes, this one has shape %s"
                % (self._shape,)
            )
        return self._shape[axis] if axis < len(self._shape) else 1

    num = property(lambda self: self._legacy(0), doc="First axis.")
    channels = property(lambda self: self._legacy(1), doc="Second axis.")
    height = property(lambda self: self._legacy(2), doc="Third axis.")
    width = property(lambda self: self._legacy(3), doc="Fourth axis.")

    def set_shape(self, shape: Sequence[int]) -> None:
        """Take a new shape.

        A blob that does not outgrow the largest size it ever had keeps its memory, with its leading values (in
        Caffe's order); one that does gets new memory, all zero, and arrays that callers hold keep the old one.

        Raises
        ------
        LayerError
            For a negative size.
        """
        shape = tuple(int(size) for size in shape)
        if shape == self._shape:
            return
        if any(size < 0 for size in shape):
            raise LayerError("a blob cannot have the shape %s" % (shape,))
        self._shape = shape
        count = count_of(shape)
        # A size that was only passed through, to see what it would take, must not be allocated later.
        unused = not (self._data.allocated or self._diff.allocated)
        # A top that shares its bottom's data has a diff of its own, perhaps with less room.
        if count > self._data.capacity or unused:
            self._data = self._data.renewed(count)
        if count > self._diff.capacity or unused:
            self._diff = self._diff.renewed(count)
        self._data.order = self._diff.order = self._order

    @property
    def _order(self) -> Order:
        if not self.channels_last:
            return 1, 1, self.count
        batch, channels, *size = self._shape
        return batch, channels, count_of(size)

    def reshape(self, *shape: int) -> None:
        """Change the shape as pycaffe does: only this blob, the others follow at the next forward."""
        self.set_shape(shape)

    # -- values --------------------------------------------------------------------------------

    @property
    def data(self) -> np.ndarray:
        """Values, float32 of `shape`: Caffe's array, writable. Whoever holds it sees every later forward."""
        return self._data.lend()[: self.count].reshape(self._shape)

    @property
    def diff(self) -> np.ndarray:
        """Gradient of the loss with respect to `data`, float32 of `shape`: likewise."""
        return self._diff.lend()[: self.count].reshape(self._shape)

    def collect(self) -> None:
        """Take over what callers may have written into arrays that they hold."""
        self._data.collect()
        self._diff.collect()

    def show(self) -> None:
        """Bring the latest values into arrays that callers hold."""
        self._data.show()
        self._diff.show()

    # -- what layers and losses work on --------------------------------------------------------

    def _in_shape(self, buffer: np.ndarray) -> np.ndarray:
        return np.moveaxis(buffer, -1, 1) if self.channels_last else buffer

    def data_buffer(self, overwritten: bool = False) -> np.ndarray:
        """Data as it lies in memory: C-contiguous, `physical_shape`."""
        return self._data.array(overwritten)[: self.count].reshape(self.physical_shape)

    def diff_buffer(self, overwritten: bool = False) -> np.ndarray:
        """Diff as it lies in memory; `overwritten` says that every value is about to be written."""
        return self._diff.array(overwritten)[: self.count].reshape(self.physical_shape)

    @property
    def data_view(self) -> np.ndarray:
        """`data_buffer` in Caffe's shape: a writable, strided view."""
        return self._in_shape(self.data_buffer())

    @property
    def diff_view(self) -> np.ndarray:
        """`diff_buffer` likewise."""
        return self._in_shape(self.diff_buffer())

    def read_buffer(self) -> np.ndarray:
        """`data_buffer`, only to be read: copies in other places, and what depends on it, stay valid."""
        buffer = self._data.read()[: self.count].reshape(self.physical_shape)
        buffer.flags.writeable = False
        return buffer

    def read_data(self) -> np.ndarray:
        """`data_view`, only to be read."""
        return self._in_shape(self.read_buffer())

    @property
    def data_memory(self) -> Memory:
        """What holds the data, for devices with memory of their own."""
        return self._data

    @property
    def diff_memory(self) -> Memory:
        """What holds the diff, likewise."""
        return self._diff

    # -- sharing -------------------------------------------------------------------------------

    def share_data(self, other: Blob) -> None:
        """From now on hold the data of `other` (of the same count)."""
        self._data = other._data

    def share_diff(self, other: Blob) -> None:
        """From now on hold the diff of `other` (of the same count)."""
        self._diff = other._diff

    def recycle_diff(self, pool: object) -> None:
        """Take the diff's buffer from `pool` from now on (None: an own buffer)."""
        self._diff = Memory(self._diff.capacity)
        self._diff.order = self._order
        self._diff.pool = pool  # type: ignore[assignment]

    def release_diff(self) -> None:
        """The diff is no longer needed: its buffer may serve another blob of the pool."""
        self._diff.release()
