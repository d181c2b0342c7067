"""The float32 buffers behind blobs: made when first touched, shared, and recycled between diffs."""

from __future__ import annotations

from typing import Any, Callable, List, Optional

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
    """One flat float32 buffer that several blobs may share, on the host, on a device or both; zero at first.

    As in Caffe's SyncedMemory a side is copied to the other when that one asks and is older. Asking without
    promising only to read makes the asking side the newer one: a view of the host's array must not be written
    after the device has run, and one taken before does not show what the device did.

    Parameters
    ----------
    capacity : int
        How many values it can hold. Nothing is allocated before a side is asked for.

    Attributes
    ----------
    version : int
        Changes whenever somebody may have changed the values.
    """

    __slots__ = ("capacity", "pool", "version", "_array", "_device", "_copy", "_stale")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.pool: Optional[Pool] = None
        self.version = 0
        self._array: Optional[np.ndarray] = None
        self._device: Any = None
        self._copy: Any = None
        self._stale: Optional[str] = None

    @property
    def allocated(self) -> bool:
        """Whether there are values already."""
        return self._array is not None or self._copy is not None

    def renewed(self, capacity: int) -> Memory:
        """Memory of another capacity from the same pool, with nothing allocated."""
        memory = Memory(capacity)
        memory.pool = self.pool
        return memory

    def array(self, overwritten: bool = False) -> np.ndarray:
        """The host's buffer to change, shape (capacity,) or longer.

        Parameters
        ----------
        overwritten : bool
            The caller writes every value, so that older ones need not be there.
        """
        array = self._host(overwritten)
        self.version += 1
        if self._copy is not None:
            self._stale = "device"
        return array

    def read(self) -> np.ndarray:
        """The host's buffer, only to be read: a device's copy stays as good."""
        return self._host()

    def _host(self, overwritten: bool = False) -> np.ndarray:
        fresh = self._array is None
        if fresh and self.pool is not None:
            self._array = self.pool.take(self.capacity)
        elif fresh:
            # np.zeros leaves the pages untouched until they are written: a blob nobody runs is free.
            self._array = aligned(np.zeros, self.capacity)
        if self._stale == "host":
            if not overwritten:
                self._device.download(self._copy, self._array[: self.capacity])
            self._stale = None
        elif fresh and self.pool is not None and not overwritten:
            self._array[: self.capacity] = 0
        return self._array

    def device_array(self, device: Any, overwritten: bool = False) -> Any:
        """The device's buffer to change, of `capacity` values; `overwritten` as for `array`."""
        copy = self._on(device, overwritten)
        self.version += 1
        self._stale = "host"
        return copy

    def replace(self, device: Any, copy: Any) -> None:
        """Let `copy`, of `capacity` values, be the device's buffer, instead of copying it into the old one."""
        self._device, self._copy, self._stale = device, copy, "host"
        self.version += 1

    def device_read(self, device: Any) -> Any:
        """The device's buffer, only to be read: the host's stays as good."""
        return self._on(device)

    def _on(self, device: Any, overwritten: bool = False) -> Any:
        if self._copy is not None and self._device is not device:
            self.read()
            self._copy, self._stale = None, None
        fresh = self._copy is None
        if fresh:
            self._device, self._copy = device, device.allocate(self.capacity)
        if (fresh or self._stale == "device") and not overwritten:
            if self._array is None:
                device.clear(self._copy)
                self._stale = "host"
                return self._copy
            device.upload(self._array[: self.capacity], self._copy)
        if self._stale == "device":
            self._stale = None
        return self._copy

    def release(self) -> None:
        """Give pooled buffers back; memory that has no pool keeps its values."""
        if self.pool is None:
            return
        if self._array is not None:
            self.pool.give(self._array)
        self._array, self._copy, self._stale = None, None, None
