"""The float32 values behind blobs: in Caffe's order for callers, channels-last for layers, and on a device."""

from __future__ import annotations

import itertools
import weakref
from typing import Any, Optional, Set, Tuple

import numpy as np

from .pool import Pool, aligned

#: (N, C, positions) of values that layers keep as (N, positions, C).
Order = Tuple[int, int, int]

FLAT, LAID, COPY = "flat", "laid", "copy"

_versions = itertools.count()


class Memory:
    """Values that several blobs may share, in up to three places; zero at first.

    `flat` is an array of the host in Caffe's order (N, C, H, W): callers are lent it. `laid` is one in working
    order, channels-last: the host's layers and losses use it. `copy` is a device's buffer, in working order.
    Where the orders are the same `flat` serves as `laid`. As in Caffe's SyncedMemory a place is allocated when
    it is first asked for, and values are copied to it only if newer ones are elsewhere.

    A caller may write at any time into what it was lent, for as long as it holds the array or a view of it.
    Therefore `collect` is called before a layer runs, and `show` after. Where nobody held an array they do
    nothing.

    Parameters
    ----------
    capacity : int
        How many values it can hold.

    Attributes
    ----------
    order : Order
        Which values are in use, the first N * C * positions, and how layers want them. A change takes place
        when values are next asked for; those that are about to be overwritten are not moved.
    pool : Pool or None
        Where the host's arrays come from.
    version : int
        Changes whenever somebody may have changed the values. No two memories have the same.
    """

    __slots__ = ("capacity", "order", "pool", "version", "_order", "_current", "_flat", "_laid")
    __slots__ += ("_device", "_copy", "_lent")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.order: Order = (1, 1, capacity)
        self.pool: Optional[Pool] = None
        self.version = next(_versions)
        self._order = self.order  # of the working values that are there
        self._current: Set[str] = set()  # the places that have the latest values
        self._flat: Optional[np.ndarray] = None
        self._laid: Optional[np.ndarray] = None
        self._device: Any = None
        self._copy: Any = None
        self._lent: Optional[weakref.ref] = None

    @property
    def allocated(self) -> bool:
        """Whether there are values already."""
        return bool(self._current)

    def renewed(self, capacity: int) -> Memory:
        """Memory of another capacity from the same pool, with nothing allocated."""
        memory = Memory(capacity)
        memory.pool = self.pool
        return memory

    def release(self) -> None:
        """Give pooled arrays back, except one that a caller holds; without a pool values are kept."""
        if self.pool is None:
            return
        if self._flat is not None and not self.lent:
            self.pool.give(self._flat)
        if self._laid is not None:
            self.pool.give(self._laid)
        self._flat = self._laid = self._copy = self._lent = None
        self._current = set()

    # -- callers -------------------------------------------------------------------------------

    def lend(self) -> np.ndarray:
        """The values in Caffe's order, to be read and changed, shape (capacity,) or longer."""
        flat = self._update_flat()
        self._written(FLAT)
        lent = None if self._lent is None else self._lent()
        if lent is None:
            # All views of an array have the one that owns the memory as their base, and keep it alive. Behind a
            # memoryview, which is no array, this is `lent`.
            lent = np.frombuffer(memoryview(flat), np.float32)
            self._lent = weakref.ref(lent)
        return lent

    @property
    def lent(self) -> bool:
        """Whether a caller still holds an array."""
        return self._lent is not None and self._lent() is not None

    def collect(self) -> None:
        """Count as written what callers hold, or held since the last call: they may have written and let go."""
        if self._lent is None:
            return
        if FLAT in self._current:
            self._written(FLAT)
        if not self.lent:
            self._lent = None

    def show(self) -> None:
        """Bring the latest values into what callers hold."""
        if self.lent:
            self._update_flat()

    # -- the host's layers and losses ----------------------------------------------------------

    def array(self, overwritten: bool = False) -> np.ndarray:
        """The values in working order, to be changed, shape (capacity,) or longer.

        Parameters
        ----------
        overwritten : bool
            The caller writes every value, so that older ones need not be there.
        """
        array = self._working(overwritten)
        self._written(FLAT if self._is_plain else LAID)
        return array

    def read(self) -> np.ndarray:
        """The values in working order, only to be read: other places stay as good."""
        return self._working()

    # -- devices -------------------------------------------------------------------------------

    def device_array(self, device: Any, overwritten: bool = False) -> Any:
        """The device's buffer to change, of `capacity` values; `overwritten` as for `array`."""
        copy = self._on(device, overwritten)
        self._written(COPY)
        return copy

    def device_read(self, device: Any) -> Any:
        """The device's buffer, only to be read."""
        return self._on(device)

    def latest_on(self, device: Any) -> Any:
        """The device's buffer if it has the latest values, else None."""
        return self._copy if self._device is device and COPY in self._current else None

    def replace(self, device: Any, copy: Any) -> None:
        """Let `copy`, of `capacity` values, be the device's buffer, instead of copying it into the old one."""
        self._device, self._copy, self._order = device, copy, self.order
        self._written(COPY)

    # -- copies --------------------------------------------------------------------------------

    def _written(self, place: str) -> None:
        self._current = {place}
        self.version = next(_versions)

    def _arrange(self, overwritten: bool) -> None:
        if self._order == self.order:
            return
        if self._current and not overwritten:
            self._update_flat()
            self._current = {FLAT}
        self._order = self.order
        if self._is_plain:
            self._laid = None

    @property
    def _is_plain(self) -> bool:
        """Whether the working order is Caffe's."""
        return self._order[1] == 1 or self._order[2] == 1

    @property
    def _count(self) -> int:
        batch, channels, positions = self._order
        return batch * channels * positions

    def _working(self, overwritten: bool = False) -> np.ndarray:
        self._arrange(overwritten)
        if self._is_plain:
            return self._update_flat(overwritten)
        return self._update_laid(overwritten)

    def _update_flat(self, overwritten: bool = False) -> np.ndarray:
        outdated = self._is_outdated(FLAT, overwritten)
        if self._flat is None:
            self._flat = self._allocate(overwritten or outdated)
        if outdated and self._is_plain:
            self._device.download(self._copy, self._flat[: self._count])
        elif outdated:
            self._update_laid()
            flat, laid = self._in_both_orders()
            flat[...] = laid
        self._current.add(FLAT)
        return self._flat

    def _update_laid(self, overwritten: bool = False) -> np.ndarray:
        outdated = self._is_outdated(LAID, overwritten)
        if self._laid is None:
            self._laid = self._allocate(overwritten or outdated)
        if outdated and COPY in self._current:
            self._device.download(self._copy, self._laid[: self._count])
        elif outdated:
            flat, laid = self._in_both_orders()
            laid[...] = flat
        self._current.add(LAID)
        return self._laid

    def _is_outdated(self, place: str, overwritten: bool) -> bool:
        return bool(self._current) and place not in self._current and not overwritten

    def _in_both_orders(self) -> Tuple[np.ndarray, np.ndarray]:
        """Flat and laid as views (N, C, positions)."""
        batch, channels, positions = self._order
        laid = self._laid[: self._count].reshape(batch, positions, channels)
        return self._flat[: self._count].reshape(self._order), laid.transpose(0, 2, 1)

    def _allocate(self, filled: bool) -> np.ndarray:
        """An array of the host, of zeros unless it is about to be filled."""
        if self.pool is None:
            # np.zeros leaves the pages untouched until they are written: a blob nobody runs is free.
            return aligned(np.zeros, max(self.capacity, 1))
        array = self.pool.take(max(self.capacity, 1))
        if not filled:
            array[: self.capacity] = 0
        return array

    def _on(self, device: Any, overwritten: bool = False) -> Any:
        self._arrange(overwritten)
        if self._copy is not None and self._device is not device:
            if not overwritten:
                self._working()
            self._copy = None
            self._current.discard(COPY)
        if self._copy is None:
            self._device, self._copy = device, device.allocate(self.capacity)
        if not overwritten and COPY not in self._current:
            if self._current:
                device.upload(self._working()[: self._count], self._copy)
            else:
                device.clear(self._copy)
        self._current.add(COPY)
        return self._copy
