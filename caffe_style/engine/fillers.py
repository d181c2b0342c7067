"""Fillers: the values a parameter has before weights are loaded."""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, Sequence

import numpy as np

from ..errors import LayerError
from .blob import Blob, count_of

_generator = np.random.RandomState()


def set_random_seed(seed: int) -> None:
    """Seed what fillers, Dropout and random pooling draw, for every net made afterwards."""
    _generator.seed(int(seed) % 2**32)


def generator() -> np.random.RandomState:
    """The engine's random numbers."""
    return _generator


def _fan(shape: Sequence[int], filler: Any) -> float:
    """Number of values that go into an output, that an input goes to, or their mean."""
    count = count_of(shape)
    fan_in = count / shape[0] if shape else count
    fan_out = count / shape[1] if len(shape) > 1 else count
    if filler.variance_norm == filler.AVERAGE:
        return (fan_in + fan_out) / 2
    return fan_out if filler.variance_norm == filler.FAN_OUT else fan_in


def constant(shape: Sequence[int], filler: Any) -> np.ndarray:
    """`value` everywhere."""
    return np.full(shape, filler.value, np.float32)


def uniform(shape: Sequence[int], filler: Any) -> np.ndarray:
    """Uniform in [min, max)."""
    return _generator.uniform(filler.min, filler.max, shape)


def gaussian(shape: Sequence[int], filler: Any) -> np.ndarray:
    """Normal with `mean` and `std`; of a matrix with `sparse` about so many a column are not 0."""
    values = _generator.normal(filler.mean, filler.std, shape)
    if filler.sparse >= 0:
        values *= _generator.random_sample(shape) < filler.sparse / shape[0]
    return values


def xavier(shape: Sequence[int], filler: Any) -> np.ndarray:
    """Uniform with variance 1 / n (Glorot & Bengio 2010), n the fan that `variance_norm` chooses."""
    bound = math.sqrt(3 / _fan(shape, filler))
    return _generator.uniform(-bound, bound, shape)


def msra(shape: Sequence[int], filler: Any) -> np.ndarray:
    """Normal with variance 2 / n (He et al. 2015), n the fan that `variance_norm` chooses."""
    return _generator.normal(0, math.sqrt(2 / _fan(shape, filler)), shape)


def positive_unitball(shape: Sequence[int], filler: Any) -> np.ndarray:
    """Positive, those of one output adding up to 1."""
    values = _generator.random_sample(shape).reshape(shape[0] if shape else 1, -1)
    return (values / values.sum(1, keepdims=True)).reshape(shape)


def bilinear(shape: Sequence[int], filler: Any) -> np.ndarray:
    """The tent with which a Deconvolution of stride ceil(k / 2) interpolates bilinearly."""
    if len(shape) != 4 or shape[2] != shape[3]:
        raise LayerError("filler bilinear is for square filters of 4 axes, not %s" % (shape,))
    half = math.ceil(shape[3] / 2)
    centre = (shape[3] - 1) / (2 * half)
    tent = 1 - np.abs(np.arange(shape[3]) / half - centre)
    return np.broadcast_to(np.multiply.outer(tent, tent), shape)


FILLERS: Dict[str, Callable[[Sequence[int], Any], np.ndarray]] = {
    function.__name__: function
    for function in (constant, uniform, gaussian, xavier, msra, positive_unitball, bilinear)
}


def fill(blob: Blob, filler: Any) -> None:
    """Fill the data of a new blob as the FillerParameter says.

    Raises
    ------
    LayerError
        For an unknown filler type, or one that does not fit the shape.
    """
    if filler.type not in FILLERS:
        raise LayerError(
            "unknown filler type '%s': choose one of %s" % (filler.type, ", ".join(FILLERS))
        )
    if filler.sparse != -1 and filler.type != "gaussian":
        raise LayerError("only the gaussian filler takes sparse")
    if not blob.count:
        raise LayerError("cannot fill a blob of shape %s: it holds nothing" % (blob.shape,))
    if filler.type == "constant" and filler.value == 0:
        return  # A new blob is zero; not touching it leaves its memory unused until weights come.
    blob.data_view[...] = FILLERS[filler.type](blob.shape, filler)
