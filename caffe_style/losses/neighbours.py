"""Style as the nearest neighbour of each place in the style picture.

Li and Wand (2016) draw each patch of responses to its nearest neighbour. Kolkin et al. (2022) compare single
places, by hypercolumns of several layers and their cosine.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Tuple

from ..backends import arrays

#: Number of similarities of a block of places that are in memory at a time; see `arrays.blocks`.
SIMILARITIES = 1 << 22
#: Length below which a place counts as flat, by the mean length in the style picture.
FLAT = 0.01


class NeighboursTarget(NamedTuple):
    """The target of `neighbours`.

    Attributes
    ----------
    places : array, (S, N)
        Responses at each place of the style picture, minus their mean, scaled to length 1.
    mean : array, (N,)
        Mean of the style picture's responses.
    flat : float
        Square of the length below which a difference from the mean counts as flat.
    """

    places: Any
    mean: Any
    flat: float


def target_neighbours(features: Any) -> NeighboursTarget:
    """Make the target of `neighbours` from responses (N, H, W) to a style picture of any size.

    Examples
    --------
    >>> import numpy as np
    >>> target_neighbours(np.array([[[0.0, 2.0]], [[1.0, 1.0]]])).places.tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    matrix = arrays.as_matrix(features)
    mean = matrix.mean(1)
    places = arrays.contiguous((matrix - mean[:, None]).T)
    squares = (places * places).sum(1)
    flat = FLAT**2 * float(squares.mean())
    places /= (squares + (squares == 0))[:, None] ** 0.5
    return NeighboursTarget(places, mean, flat)


def nearest(features: Any, target: NeighboursTarget) -> Any:
    """Find the style place that is nearest to each place: that with the largest centred cosine.

    The cosine is that of F(x) minus its own mean with S(y) minus the mean of the style picture, so that
    pictures of different brightness and colour find one another.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F to the result.
    target : NeighboursTarget

    Returns
    -------
    array of int64, (H * W,)
        Row of `target.places` for each place. Of equal ones it is the first.

    Examples
    --------
    >>> import numpy as np
    >>> style = np.array([[[0.0, 0.0, 3.0]], [[0.0, 3.0, 0.0]]])
    >>> nearest(style[:, :, ::-1], target_neighbours(style)).tolist()
    [2, 1, 0]
    """
    matrix = arrays.as_matrix(features)
    mean = matrix.mean(1)
    step = max(1, SIMILARITIES // len(target.places))
    found = []
    for first in range(0, matrix.shape[1], step):
        rows = arrays.contiguous((matrix[:, first : first + step] - mean[:, None]).T)
        found.append(arrays.matmul(rows, target.places.T).argmax(1))
    return arrays.namespace(matrix).hstack(found)


def neighbours(
    features: Any,
    target: NeighboursTarget,
    weight: float = 1.0,
    gradient: Optional[Any] = None,
    matches: Optional[Any] = None,
) -> Tuple[float, Any]:
    """Compute E = 1/M sum_x (1 - f(x) . s(x) / l(x)), the mean cosine distance to the nearest neighbours.

    f(x) = F(x) - m is the difference from the style picture's mean m, l(x) = sqrt(|f(x)|^2 + e^2) is about its
    length, and s(x), of length 1, is the difference at the matching style place. e is a hundredth of the mean
    length in the style picture. Without it the gradient would have no bound where a picture is flat. The
    matches are fixed, so that

        dE/dF(x) = 1 / (M l(x)) ((f(x) . s(x)) f(x) / l(x)^2 - s(x))

    E does not depend on the size of the picture or of the responses. It is 1 without a response to the style.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F, M = H * W places; usually of several layers (see `caffe_style.losses.hypercolumns`).
    target : NeighboursTarget
    weight : float
        Factor of value and gradient.
    gradient : array, (N, H, W), optional
        weight * dE/dF is added to it in place.
    matches : array of int64, (M,), optional
        Row of `target.places` for each place, from `nearest`. By default they are found in `features`.

    Returns
    -------
    value : float
        weight * E.
    gradient : array, (N, H, W)

    Examples
    --------
    >>> import numpy as np
    >>> style = np.random.RandomState(0).rand(3, 4, 4)
    >>> value, gradient = neighbours(style, target_neighbours(style))
    >>> value < 0.001
    True
    """
    if gradient is None:
        gradient = arrays.zeros_like(features)
    if matches is None:
        matches = nearest(features, target)
    matrix, slope = arrays.as_matrix(features), arrays.as_matrix(gradient)
    scale, value = weight / len(matches), 0.0
    for part in arrays.blocks(matrix):
        found = matrix[:, part].T - target.mean
        wanted = arrays.take(target.places, matches[part])
        squares = (found * found).sum(1) + target.flat
        lengths = squares**0.5
        cosines = (found * wanted).sum(1) / lengths
        value += float((1 - cosines).sum())
        found *= (scale * cosines / squares)[:, None]
        wanted *= (scale / lengths)[:, None]
        slope[:, part] += (found - wanted).T
    return scale * value, gradient
