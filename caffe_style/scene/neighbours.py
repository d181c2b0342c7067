"""The term of the neighbours loss, which compares all style layers together."""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np

from .. import losses
from ..backends import arrays
from ..errors import OptionError
from ..networks.network import Network
from ..objective.objective import Arrays, Term
from .targets import Reference

#: Pixels from one place to the next, in the result and in the style picture.
STEP = 4
#: Largest number of places of the style picture. In a larger picture they lie farther apart, so that the time
#: for the matches grows with the number of pixels and not with its square.
MOST = 128 * 128
#: Variance of responses, by their mean square, below which they are the same everywhere.
ROUNDING = 1e-9


def neighbours_term(network: Network, reference: Reference, shape: Tuple[int, int]) -> Term:
    """Make the term of a style picture for a result of height and width `shape`.

    The style layers are joined to hypercolumns. The mean square of their differences from their mean is 1, and
    each layer's part of it is its part of the layers' weights. The loss is thus relative already.

    Raises
    ------
    OptionError
        If a layer does not respond to the style picture.
    """
    blobs = tuple(reference.layers)
    weight = sum(reference.layers.values())
    painted = network.features(reference.image, blobs)
    size = grid(reference.image.shape[:2])
    factors = []
    for blob in blobs:
        columns = losses.make_hypercolumns([painted[blob]], [1.0], size)
        square = float(columns.var(axis=(1, 2), dtype=np.float64).sum())
        # What resizing rounds is no response.
        if not square > ROUNDING * float((columns**2).mean(axis=(1, 2), dtype=np.float64).sum()):
            raise OptionError(
                "%s layer %s does not respond to the picture: leave it out"
                % (reference.label, blob)
            )
        factors.append((reference.layers[blob] / weight / square) ** 0.5)
    apart = spacing(size)
    columns = losses.make_hypercolumns([painted[blob] for blob in blobs], factors, size)
    target = losses.target_neighbours(columns[:, ::apart, ::apart])
    matches: Any = None

    def evaluate(features: Arrays, gradients: Arrays) -> float:
        nonlocal target, matches
        target = arrays.beside(target, features[0])
        columns = losses.make_hypercolumns(features, factors, grid(shape))
        if matches is None:
            matches = losses.nearest(columns, target)
        slope = arrays.zeros_like(columns)
        value, _ = losses.neighbours(columns, target, weight, slope, matches)
        losses.add_hypercolumns_gradient(gradients, slope, factors)
        return value

    def renew() -> None:
        nonlocal matches
        matches = None

    return Term(reference.label, blobs, evaluate, renew)


def grid(shape: Tuple[int, int]) -> Tuple[int, int]:
    """Return the number of places down and across a picture of this height and width.

    Examples
    --------
    >>> grid((384, 510))
    (96, 128)
    """
    height, width = (max(1, round(edge / STEP)) for edge in shape)
    return height, width


def spacing(size: Tuple[int, int]) -> int:
    """Return the distance of the style picture's places in a grid of this size, so that they are not too many.

    Examples
    --------
    >>> spacing((96, 128)), spacing((192, 256))
    (1, 2)
    """
    apart = 1
    while -(-size[0] // apart) * -(-size[1] // apart) > MOST:
        apart += 1
    return apart
