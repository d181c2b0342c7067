"""Fillers: the values a parameter has before weights are loaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import LayerError
from .blob import Blob

_generator = np.random.RandomState()


def set_random_seed(seed: int) -> None:
    """Seed what fillers and Dropout draw, for every net made afterwards."""
    _generator.seed(int(seed) % 2**32)


def generator() -> np.random.RandomState:
    """The engine's random numbers."""
    return _generator


def fill(blob: Blob, filler: Any) -> None:
    """Fill `blob.data` as the FillerParameter says.

    Raises
    ------
    LayerError
        For an unknown filler type.
    """
    kind = filler.type
    data = blob.data
    if kind == "constant":
        if filler.value:
            data[...] = filler.value
    elif kind == "gaussian":
        data[...] = _generator.normal(filler.mean, filler.std, data.shape)
    else:
        raise LayerError("unknown filler type '%s'" % kind)
