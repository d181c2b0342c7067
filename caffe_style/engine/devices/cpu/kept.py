"""What the native kernels keep of a convolution from run to run."""

from __future__ import annotations

import math
import weakref
from typing import Any, Optional

from ....system.memory import available_bytes
from ... import native
from ...blob import Blob
from ...memory import Memory

#: Most bytes of transformed filters for each weight. Whole vectors of filters take up to 64. Small groups are
#: padded, and take several times as much.
MOST_FOR_WEIGHT = 128
#: Part of the free memory that filters may take where nobody has said how much else is needed.
FREE_PART = 0.25


class Kept:
    """Of one layer: its transformed filters, and where its rectified responses are positive.

    Results are the same with and without it.

    Attributes
    ----------
    filters : native.KeptFilters
        Holds until the weights change.
    signs : native.Signs
        Holds until the responses change.
    size : int
        The most bytes that the filters take.
    """

    def __init__(self, size: int) -> None:
        self.filters, self.signs = native.KeptFilters(), native.Signs()
        self.size = size
        self._responses: Any = None

    def saw(self, top: Blob) -> None:
        """Note that `signs` are those of a blob's data."""
        self._responses = _state(top.data_memory)

    def signs_of(self, top: Blob) -> Optional[native.Signs]:
        """The signs of a blob's data, or None if they are not known."""
        known = self.signs.size == top.count and self._responses == _state(top.data_memory)
        return self.signs if known else None


class Keeper:
    """Decides for which layers something is kept, and until when.

    It begins in the second run forward with the same weights, so that a net that runs once keeps nothing, nor
    does one whose weights change after each run; and it ends where memory is short.
    """

    def __init__(self) -> None:
        self._layers: Any = weakref.WeakKeyDictionary()
        self._left: Optional[float] = None

    def __reduce__(self) -> Any:
        return Keeper, ()  # a copy of a net has nothing yet

    def reserve(self, needed: int) -> None:
        """Leave so many bytes of the free memory to others; forget everything if there is less."""
        available = available_bytes()
        if available is not None and available < needed:
            self._layers.clear()
            available = available_bytes()
        self._left = math.inf if available is None else available - needed

    def kept(self, layer: Any, forward: bool) -> Optional[Kept]:
        """What is kept of a convolution; None for nothing."""
        current = _state(layer.blobs[0].data_memory)
        weights, kept = self._layers.get(layer, (None, None))
        if weights != current:
            if kept:
                self._left += kept.size
            kept = None
        elif forward and kept is None:
            kept = self._begin(layer)
        self._layers[layer] = current, kept
        return kept

    def _begin(self, layer: Any) -> Optional[Kept]:
        weights, geometry = layer.blobs[0], layer.geometry
        size = native.most_kept_bytes(
            weights.read_data(), geometry.stride, geometry.dilation, layer.group
        )
        if self._left is None:
            available = available_bytes()
            self._left = math.inf if available is None else FREE_PART * available
        if size > min(self._left, MOST_FOR_WEIGHT * weights.count):
            return None
        self._left -= size
        return Kept(size)


def _state(memory: Memory) -> Any:
    """Equal as long as nobody may have changed the values, or their order."""
    return memory.version, memory.order
