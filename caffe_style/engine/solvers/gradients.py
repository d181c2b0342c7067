"""What a solver does to gradients before its rule: clipping, averaging, weight decay."""

from __future__ import annotations

import math
from typing import Any, Dict, List, NamedTuple, Sequence

import numpy as np

from ...errors import OptionError
from ..blob import Blob


class Learnable(NamedTuple):
    """A parameter that the solver changes, with the factors of its learning rate and weight decay."""

    blob: Blob
    lr_mult: float
    decay_mult: float


def learnable_parameters(net: Any) -> List[Learnable]:
    """The parameters of a net, layer by layer; those of one name are one.

    A shared parameter has the factors of the first layer that gives any.

    Raises
    ------
    OptionError
        Where two layers give a shared parameter different factors.
    """
    blobs: List[Blob] = []
    specs: List[List[Any]] = []
    index_of: Dict[str, int] = {}
    for layer in net._layers:
        given = list(layer.param.param)
        for i, blob in enumerate(layer.blobs):
            spec = given[i : i + 1]
            name = spec[0].name if spec else ""
            if name in index_of:
                specs[index_of[name]] += spec
                continue
            if name:
                index_of[name] = len(blobs)
            blobs.append(blob)
            specs.append(spec)
    return [
        Learnable(blob, _factor(of_blob, "lr_mult"), _factor(of_blob, "decay_mult"))
        for blob, of_blob in zip(blobs, specs)
    ]


def _factor(specs: Sequence[Any], field: str) -> float:
    given = {getattr(spec, field) for spec in specs if spec.HasField(field)}
    if len(given) > 1:
        raise OptionError(
            "layers give the shared parameter '%s' different %s" % (specs[0].name, field)
        )
    return given.pop() if given else 1.0


def clip(parameters: Sequence[Learnable], limit: float) -> None:
    """Scale all diffs down so that their common L2 norm is at most `limit` (below 0: any)."""
    if limit < 0:
        return
    squares = sum(float(np.square(each.blob.diff, dtype=np.float64).sum()) for each in parameters)
    norm = math.sqrt(squares)
    if norm > limit:
        for each in parameters:
            each.blob.diff[...] *= limit / norm


def decay_gradient(data: np.ndarray, decay: float, regularization: str) -> np.ndarray:
    """The gradient of decay * |data| (L1) or of decay / 2 * data ** 2 (L2)."""
    return decay * (np.sign(data) if regularization == "L1" else data)
