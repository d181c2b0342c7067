"""The term of the neighbours loss, which compares all style layers together."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Tuple

import numpy as np

from .. import losses
from ..backends import arrays
from ..errors import OptionError
from ..networks.network import Network
from ..objective.term import Arrays, Term
from ..pictures import images
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
    each layer's part of it is its part of the layers' weights. The loss is thus relative already. With regions,
    places are compared with places of the same kind only. A mask counts from half grey on.

    Raises
    ------
    OptionError
        If a layer's weight is negative, a layer does not respond to the style picture, or a mask or region has
        no place.
    """
    for blob, given in reference.layers.items():
        if given < 0:
            raise OptionError(
                "the %s loss joins its layers: the weight of %s must not be negative"
                % (reference.loss.name, blob)
            )
    blobs = tuple(reference.layers)
    weight = sum(reference.layers.values())
    painted = network.features(reference.image, blobs, reference.margin)
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
    columns = losses.make_hypercolumns([painted[blob] for blob in blobs], factors, size)
    parts = _parts(reference, columns, grid(shape), weight)
    matches: List[Any] = [None] * len(parts)

    def evaluate(features: Arrays, gradients: Arrays) -> Any:
        nonlocal parts
        parts = [arrays.beside(part, features[0]) for part in parts]
        columns = losses.make_hypercolumns(features, factors, grid(shape))
        slope = arrays.zeros_like(columns)
        rows, slopes = (arrays.as_matrix(values).T for values in (columns, slope))
        total = 0.0
        for number, part in enumerate(parts):
            own = arrays.take(rows, part.places).T[:, None]
            if matches[number] is None:
                matches[number] = losses.nearest(own, part.target)
            value, change = losses.neighbours(
                own, part.target, part.weight, matches=matches[number]
            )
            slopes[part.places] += change[:, 0].T
            total += value
        losses.add_hypercolumns_gradient(gradients, slope, factors)
        return total

    def renew(iteration: int) -> None:
        matches[:] = [None] * len(parts)

    return Term(reference.label, blobs, evaluate, renew=renew)


class _Part(NamedTuple):
    """Places of the result (m,), the target for them, and their weight."""

    places: Any
    target: losses.NeighboursTarget
    weight: float


def _parts(
    reference: Reference, columns: np.ndarray, size: Tuple[int, int], weight: float
) -> List[_Part]:
    """Return the places of each kind of content, or all places together, with the style's columns for them."""
    apart = spacing(columns.shape[1:])
    regions = reference.regions
    if regions is None:
        target = losses.target_neighbours(columns[:, ::apart, ::apart])
        return [_Part(np.arange(size[0] * size[1]), target, weight)]
    kinds = _kinds(regions.content, size)
    painted = _kinds(regions.style, columns.shape[1:])[::apart, ::apart]
    columns = columns[:, ::apart, ::apart]
    parts = []
    for kind, share in enumerate(regions.shares):
        places = np.flatnonzero(kinds == kind)
        found = columns[:, painted == kind]
        if not (len(places) and found.size):
            raise OptionError(
                "%s: a mask or region is too small for a picture of this size: paint it larger"
                % reference.label
            )
        target = losses.target_neighbours(found[:, np.newaxis])
        parts.append(_Part(places, target, weight * share))
    return parts


def _kinds(guides: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """Return the kind of each place (*size) of a picture with guides (K, H, W); K for none of them."""
    shares = np.stack([images.resize(guide, size) for guide in guides])
    rest = 1 - shares.sum(axis=0, keepdims=True)
    return np.concatenate([shares, rest]).argmax(axis=0)


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
