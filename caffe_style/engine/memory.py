"""The float32 buffers behind blobs: made when first touched, shared, and recycled between diffs."""

from __future__ import annotations

from typing import Callable, List, Optional

import numpy as np

CACHE_LINE = 64


def aligned(allocate: Callable, count: int) -> np.ndarray:
    """`count` float32 values from `allocate` (np.zeros, np.empty) that begin on a cache line.

    numpy aligns to 16 bytes; a vector load across two lines costs twice.
    """
    spare = CACHE_LINE // 4
    array = allocate(count + spare, np.float32)
    skipped = -array.ctypes.data % CACHE_LINE // 4
    return array[skipped : skipped + count]


class Pool:
    """Buffers that were given back and wait for the next taker.

    A lean backward pass (see `caffe_style.engine.net.Net.lean`) needs two or three diffs at a time,
    whatever the depth of the net: it takes them here. When none of the free buffers is large enough
    the largest one is dropped for the new one, so that after the first evaluation the pool holds a few
    buffers of the largest size needed and nothing is allocated any more.
    """

    def __init__(self) -> None:
        self._free: List[np.ndarray] = []

    def take(self, count: int) -> np.ndarray:
        """A flat float32 array of at least `count` values, contents undefined."""
        fitting = [array for array in self._free if array.size >= count]
        if fitting:
            array = min(fitting, key=lambda candidate: candidate.size)
            self._drop(array)
            return array
        if self._free:
            self._drop(max(self._free, key=lambda candidate: candidate.size))
        return aligned(np.empty, count)

    def give(self, array: np.ndarray) -> None:
        """Put a buffer back; whoever still holds a view of it sees it change."""
        self._free.append(array)

    def _drop(self, array: np.ndarray) -> None:
        self._free = [other for other in self._free if other is not array]


class Memory:
    """One flat float32 buffer, zero until it is written, that several blobs may share.

    Parameters
    ----------
    capacity : int
        How many values it can hold. Nothing is allocated before `array` is called.
    """

    __slots__ = ("capacity", "pool", "_array")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.pool: Optional[Pool] = None
        self._array: Optional[np.ndarray] = None

    @property
    def allocated(self) -> bool:
        """Whether the buffer exists already."""
        return self._array is not None

    def array(self, overwritten: bool = False) -> np.ndarray:
        """The buffer, shape (capacity,) or longer.

        Parameters
        ----------
        overwritten : bool
            The caller writes every value, so a recycled buffer need not be cleared first.
        """
        if self._array is None:
            if self.pool is None:
                # np.zeros leaves the pages untouched until they are written: a blob nobody runs is free.
                self._array = aligned(np.zeros, self.capacity)
            else:
                self._array = self.pool.take(self.capacity)
                if not overwritten:
                    self._array[: self.capacity] = 0
        return self._array

    def release(self) -> None:
        """Give a pooled buffer back; memory that has no pool keeps its values."""
        if self.pool is not None and self._array is not None:
            self.pool.give(self._array)
            self._array = None
