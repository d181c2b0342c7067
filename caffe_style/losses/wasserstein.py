"""Style as the distribution of the responses, compared along random directions (Heitz et al. 2021).

The vectors F(x) of all positions x are a cloud of points in N dimensions. Its projection on a direction is a
distribution on a line, and two of these are compared by sorting. A Gram matrix holds only second moments of the
cloud; the projections on all directions hold the whole of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Tuple

import numpy as np

from ..backends import arrays, caches
from ..backends.parallel import side_by_side

BLOCK = 16
"""Number of directions that are projected at a time: enough for all threads, and little memory."""


class Projections(NamedTuple):
    """The target of `wasserstein`.

    Attributes
    ----------
    features : array, (N, H', W')
        Responses to the style image, from which `redrawn_wasserstein` makes other projections.
    directions : array, (N, N)
        Orthonormal directions, one in each row.
    quantiles : array, (N, H' * W')
        The responses' projections on each direction, in rising order.
    """

    features: Any
    directions: Any
    quantiles: Any


def target_wasserstein(features: Any, random: Optional[np.random.Generator] = None) -> Projections:
    """Draw directions, and sort the projections of the responses (N, H', W') to a style image of any size.

    Parameters
    ----------
    features : array, (N, H', W')
        Responses. The target keeps them; they are not copied.
    random : numpy.random.Generator, optional
        Source of the directions, by default one with the seed 0.

    Examples
    --------
    >>> import numpy as np
    >>> target = target_wasserstein(np.array([[[3.0, 1.0]]]))
    >>> (target.quantiles * target.directions).tolist() in ([[1.0, 3.0]], [[3.0, 1.0]])
    True
    """
    random = random or np.random.default_rng(0)
    channels = len(features)
    # The rows of an orthogonal matrix with the signs of R's diagonal are uniformly distributed (Mezzadri 2007).
    rotation, upper = np.linalg.qr(random.standard_normal((channels, channels)))
    directions = arrays.kind(features).of((rotation * np.sign(np.diag(upper))).T.copy())
    quantiles = arrays.matmul(directions, arrays.as_matrix(features))
    side_by_side(lambda row: _sort(quantiles[row]), _rows(quantiles), quantiles)
    return Projections(features, directions, quantiles)


def redrawn_wasserstein(target: Projections, random: np.random.Generator) -> Projections:
    """Return the target with other directions.

    Examples
    --------
    >>> import numpy as np
    >>> target = target_wasserstein(np.random.RandomState(0).rand(2, 3, 3))
    >>> other = redrawn_wasserstein(target, np.random.default_rng(1))
    >>> bool((other.directions != target.directions).all())
    True
    """
    return target_wasserstein(target.features, random)


def wasserstein(
    features: Any, target: Projections, weight: float = 1.0, gradient: Optional[Any] = None
) -> Tuple[float, Any]:
    """Compute the sliced Wasserstein distance E = 1/(2 N M) sum_k ||sort(v_k^T F) - q_k||^2.

    The v_k are N orthonormal directions. q_k holds M quantiles of the style image's projections on v_k. If it
    has another number of positions than F, they are interpolated linearly. With r_k(x) the rank of position x
    among the projections on v_k,

        dE/dF(x) = 1/(N M) sum_k (v_k^T F(x) - q_k(r_k(x))) v_k

    The directions of a long run should be drawn anew from time to time, since N of them do not determine the
    distribution. Heitz, Vanhoey, Chambon and Belcour (2021) draw them at each iteration.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F, M = H * W positions.
    target : Projections
        From `target_wasserstein`, of a style image of any size.
    weight : float
        Factor of value and gradient.
    gradient : array, (N, H, W), optional
        weight * dE/dF is added to it in place.

    Returns
    -------
    value : float
        weight * E.
    gradient : array, (N, H, W)

    Examples
    --------
    >>> import numpy as np
    >>> target = target_wasserstein(np.array([[[0.0, 2.0]]]))
    >>> wasserstein(np.array([[[2.0, 0.0]]]), target)[0]
    0.0
    >>> value, gradient = wasserstein(np.array([[[2.0, 1.0]]]), target)
    >>> value, gradient.tolist()
    (0.25, [[[0.0, 0.5]]])
    """
    if gradient is None:
        gradient = arrays.zeros_like(features)
    f, g = arrays.as_matrix(features), arrays.as_matrix(gradient)
    channels, positions = f.shape
    between = _between(target.quantiles.shape[1], positions, arrays.kind(target.quantiles))
    scale, squares = weight / (channels * positions), 0.0
    for start in range(0, channels, BLOCK):
        block = slice(start, start + BLOCK)
        directions = target.directions[block]
        projected = arrays.matmul(directions, f)
        squares += _subtract_quantiles(projected, target.quantiles[block], between)
        arrays.matmul(directions.T, projected, out=g, alpha=scale, beta=1.0)
    return 0.5 * scale * squares, gradient


def _rows(matrix: Any) -> list:
    """Return slices of the rows to be processed at a time: each, or all at once on a device."""
    if arrays.namespace(matrix) is not np:
        return [slice(None)]
    return [slice(row, row + 1) for row in range(len(matrix))]


def _sort(rows: Any) -> float:
    """Sort rows in place."""
    rows[...] = rows.sort(1)[0] if arrays.namespace(rows) is not np else np.sort(rows, 1)
    return 0.0


def _subtract_quantiles(projected: Any, quantiles: Any, between: Any) -> Any:
    """Subtract from each projection the quantile of its rank, in place; return the sum of squares."""

    def subtract(rows: slice) -> Any:
        found, wanted = projected[rows], _interpolated(quantiles[rows], between)
        order = found.argsort(1)
        ones = arrays.namespace(found).ones_like(order[:, :1])
        places = (order + (ones.cumsum(0) - 1) * found.shape[1]).reshape(-1)
        flat = found.reshape(-1)
        difference = flat[places] - wanted.reshape(-1)
        flat[places] = difference
        return arrays.square_sum(difference)

    return sum(side_by_side(subtract, _rows(projected), projected))


@caches.cached
def _between(count: int, positions: int, kind: arrays.Kind) -> Optional[Tuple[Any, Any, Any]]:
    """Return which of `count` quantiles are next to those of `positions` values, and the upper's share."""
    if count == positions:
        return None
    place = np.clip((np.arange(positions) + 0.5) * (count / positions) - 0.5, 0, count - 1)
    below = place.astype(np.int64)
    above = np.minimum(below + 1, count - 1)
    share = kind.of(place - below)
    return arrays.beside(below, share), arrays.beside(above, share), share


def _interpolated(quantiles: Any, between: Optional[Tuple[Any, Any, Any]]) -> Any:
    """Return the quantiles (n, M) of M values from those of another number of values."""
    if between is None:
        return quantiles
    below, above, share = between
    lower = quantiles[:, below]
    return lower + share * (quantiles[:, above] - lower)
