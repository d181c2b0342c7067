"""Style as the nearest neighbour of each place in the style picture.

Li and Wand (2016) draw each patch of responses to its nearest neighbour among the patches of the style picture.
Kolkin et al. (2022) compare single places, by hypercolumns of many layers and by their cosine.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Tuple

from ..backends import arrays

#: Number of similarities that are in memory at a time.
SIMILARITIES = 1 << 22


class NeighboursTarget(NamedTuple):
    """The target of `neighbours`.

    Attributes
    ----------
    places : array, (S, N)
        Responses at each place of the style picture.
    directions : array, (S, N)
        The same minus their mean, scaled to length 1.
    """

    places: Any
    directions: Any


def target_neighbours(features: Any) -> NeighboursTarget:
    """Make the target of `neighbours` from responses (N, H, W) to a style picture of any size.

    Examples
    --------
    >>> import numpy as np
    >>> target = target_neighbours(np.array([[[0.0, 2.0]], [[1.0, 1.0]]]))
    >>> target.places.tolist(), target.directions.tolist()
    ([[0.0, 1.0], [2.0, 1.0]], [[-1.0, 0.0], [1.0, 0.0]])
    """
    places = arrays.contiguous(arrays.copy_of(features).reshape(len(features), -1).T)
    directions = places - places.mean(0)
    squares = (directions * directions).sum(1)
    directions /= (squares + (squares == 0))[:, None] ** 0.5
    return NeighboursTarget(places, directions)


def nearest(features: Any, target: NeighboursTarget) -> Any:
    """Find the nearest style place of each place, that with the largest centred cosine.

    It is the cosine between F(x) minus the mean of F and S(y) minus the mean of S. Pictures of different
    brightness and colour can thus find one another.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F to the result.
    target : NeighboursTarget
        Target made from the responses S to the style picture.

    Returns
    -------
    array of int64, (H * W,)
        Row of the target for each place. Of equal ones it is the first.

    Examples
    --------
    >>> import numpy as np
    >>> style = np.array([[[0.0, 0.0, 3.0]], [[0.0, 3.0, 0.0]]])
    >>> nearest(style[:, :, ::-1].copy(), target_neighbours(style)).tolist()
    [2, 1, 0]
    """
    matrix = arrays.as_matrix(features)
    mean = matrix.mean(1)
    step = max(1, SIMILARITIES // len(target.directions))
    found = []
    for first in range(0, matrix.shape[1], step):
        rows = arrays.contiguous(matrix[:, first : first + step].T - mean)
        # The length of a row does not change which cosine is the largest.
        found.append(arrays.matmul(rows, target.directions.T).argmax(1))
    return arrays.namespace(matrix).hstack(found)


def neighbours(
    features: Any,
    target: NeighboursTarget,
    weight: float = 1.0,
    gradient: Optional[Any] = None,
    matches: Optional[Any] = None,
) -> Tuple[float, Any]:
    """Compute E = 1/(2 M) sum_x |F(x) - S(y(x))|^2 for the matches y; dE/dF(x) = 1/M (F(x) - S(y(x))).

    The matches are the nearest places by the centred cosine (see `nearest`). They are fixed in the gradient.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F, M = H * W places; usually of several layers (see `caffe_style.losses.hypercolumns`).
    target : NeighboursTarget
        From `target_neighbours`, of a style picture of any size.
    weight : float
        Factor of value and gradient.
    gradient : array, (N, H, W), optional
        weight * dE/dF is added to it in place.
    matches : array of int64, (M,), optional
        Row of the target for each place, from `nearest`. By default they are found in `features`.

    Returns
    -------
    value : float
        weight * E.
    gradient : array, (N, H, W)

    Examples
    --------
    >>> import numpy as np
    >>> style = np.random.RandomState(0).rand(3, 4, 4)
    >>> neighbours(style[:, :2], target_neighbours(style), matches=np.arange(8))[0]
    0.0
    """
    if gradient is None:
        gradient = arrays.zeros_like(features)
    if matches is None:
        matches = nearest(features, target)
    matrix, slope = arrays.as_matrix(features), arrays.as_matrix(gradient)
    scale, value = weight / len(matches), 0.0
    for part in arrays.blocks(matrix):
        difference = matrix[:, part].T - arrays.take(target.places, matches[part])
        value += arrays.square_sum(difference)
        slope[:, part] += scale * difference.T
    return 0.5 * scale * value, gradient
