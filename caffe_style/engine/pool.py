"""Host buffers that begin on a cache line, and a pool that recycles them."""

from __future__ import annotations

from typing import Callable, List

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
