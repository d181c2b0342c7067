"""What the native kernels keep of a convolution from run to run."""

from __future__ import annotations

import weakref
from typing import Any, Optional

from ....system.memory import available_bytes
from ... import native
from ...blob import Blob
from ...layers.base import Layer
from ...memory import Memory

#: Bytes that must be free for each weight, so that its transforms (up to 64 bytes) are kept.
FREE_FOR_FILTERS = 400


class Kept:
    """Of one layer: its transformed filters, and where its rectified responses are positive.

    Results are the same with and without it.

    Attributes
    ----------
    filters : native.KeptFilters
        Holds until the weights change.
    signs : native.Signs
        Holds until the responses change.
    """

    def __init__(self) -> None:
        self.filters, self.signs = native.KeptFilters(), native.Signs()
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

    It begins in the second run forward with the same weights, so that a net that runs once, or is trained,
    keeps nothing; and not where memory is short.
    """

    def __init__(self) -> None:
        self._layers: Any = weakref.WeakKeyDictionary()

    def kept(self, layer: Layer, forward: bool) -> Optional[Kept]:
        """What is kept of a layer; None for nothing."""
        current = _state(layer.blobs[0].data_memory)
        weights, kept = self._layers.get(layer, (None, None))
        if weights != current:
            kept = None
        elif forward and kept is None and _is_free(FREE_FOR_FILTERS * layer.blobs[0].count):
            kept = Kept()
        self._layers[layer] = current, kept
        return kept


def _state(memory: Memory) -> Any:
    """Equal as long as nobody may have changed the values."""
    return memory, memory.version


def _is_free(size: int) -> bool:
    available = available_bytes()
    return available is None or available >= size
