"""Style as correlations of neighbouring layers (Novak & Nikulin 2016b, arXiv:1605.04603, section 3.5).

A Gram matrix says which features of one layer occur together. Correlations with the next layer also say in
which larger forms they occur.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Tuple

import numpy as np

from ..backends import arrays
from .resampling import resampling

Pair = Tuple[Any, Any]


class ChainedTarget(NamedTuple):
    """The target of `chained`.

    Attributes
    ----------
    correlations : array, (K, N)
        Mean products of the two layers' responses to the style image.
    shifts : (float, float)
        Shift of all responses of each layer, see `caffe_style.losses.shift`.
    """

    correlations: Any
    shifts: Tuple[float, float] = (0.0, 0.0)


def target_chained(features: Pair, shifts: Tuple[float, float] = (0.0, 0.0)) -> ChainedTarget:
    """Compute the mean correlations 1/M sum_x (F(x) + s) (up(D)(x) + t)^T of two layers.

    Parameters
    ----------
    features : (array, array), (K, H, W) and (N, H', W')
        Responses F of the shallower layer and D of the deeper one to a style image of any size.
    shifts : (float, float)
        Shifts s and t of the two layers.

    Examples
    --------
    >>> import numpy as np
    >>> target_chained((np.full((1, 4, 4), 3.0), np.full((2, 2, 2), 2.0))).correlations.tolist()
    [[6.0, 6.0]]
    """
    shallow, deep = _parts(features, shifts)
    return ChainedTarget(
        arrays.matmul(shallow, deep.T) / arrays.count(features[0][0]), tuple(shifts)
    )


def chained(
    features: Pair, target: ChainedTarget, weight: float = 1.0, gradients: Optional[Pair] = None
) -> Tuple[float, Pair]:
    """Compute E = 1/(4 K N M^2) ||C - A||^2 with C = (F + s) (up(D) + t)^T, the correlations of two layers.

    up enlarges the deeper layer's responses D to the M positions of the shallower one's, F, by linear
    interpolation. With its transpose down,

        dE/dF = 1/(2 K N M^2) (C - A) (up(D) + t)
        dE/dD = 1/(2 K N M^2) (C - A)^T down(F + s)

    C = down(F + s) (D + t)^T and (C - A) up(D) = up((C - A) D), so all products have the deeper layer's size.

    Parameters
    ----------
    features : (array, array), (K, H, W) and (N, H', W')
        Responses F of the shallower layer and D of the deeper one.
    target : ChainedTarget
        From `target_chained`. A is M times its correlations.
    weight : float
        Factor of value and gradients.
    gradients : (array, array), optional
        weight * dE/dF and weight * dE/dD are added to them in place.

    Returns
    -------
    value : float
        weight * E.
    gradients : (array, array)

    Examples
    --------
    >>> import numpy as np
    >>> layers = np.ones((1, 4, 4)), np.ones((2, 2, 2))
    >>> chained(layers, target_chained(layers))[0]
    0.0
    >>> chained((np.zeros((1, 4, 4)), layers[1]), target_chained(layers))[0]
    0.25
    """
    if gradients is None:
        gradients = tuple(map(arrays.zeros_like, features))
    positions = arrays.count(features[0][0])
    shallow, deep = _parts(features, target.shifts)
    difference = arrays.matmul(shallow, deep.T)
    difference -= positions * target.correlations
    scale = weight / (arrays.count(difference) * float(positions) ** 2)
    arrays.matmul(
        difference.T, shallow, out=arrays.as_matrix(gradients[1]), alpha=scale / 2, beta=1.0
    )
    slope = arrays.matmul(difference, deep, alpha=scale / 2)
    slope = _enlarged(slope.reshape(-1, *features[1].shape[1:]), features[0].shape[1:])
    gradients[0][...] += slope
    return 0.25 * scale * arrays.square_sum(difference), gradients


def _parts(features: Pair, shifts: Tuple[float, float]) -> Pair:
    """Return down(F + s) and D + t as matrices (K, m) and (N, m)."""
    shallow, deep = (each + shift if shift else each for each, shift in zip(features, shifts))
    if shallow.shape[1:] != deep.shape[1:]:
        down, across = resampling(deep, shallow.shape[1:])
        shallow = _resampled(shallow, down.T, across.T)
    return arrays.as_matrix(shallow), arrays.as_matrix(deep)


def _enlarged(maps: Any, size: Tuple[int, int]) -> Any:
    """Enlarge maps (K, H', W') to `size` by linear interpolation."""
    if maps.shape[1:] == size:
        return maps
    return _resampled(maps, *resampling(maps, size))


def _resampled(maps: Any, down: Any, across: Any) -> Any:
    """Multiply the rows and the columns of maps (K, H, W) by matrices (h, H) and (w, W)."""
    xp = arrays.namespace(maps)
    channels = len(maps)
    # Channels last, and the axis that is resized first: each product is a single large one.
    values = xp.moveaxis(maps, 0, -1)
    for matrix in (down, across):
        values = arrays.contiguous(values)
        other = values.shape[1]
        values = _times(matrix, values.reshape(len(values), -1))
        values = values.reshape(-1, other, channels).swapaxes(0, 1)
    return xp.moveaxis(arrays.contiguous(values), -1, 0)


def _times(matrix: Any, values: Any) -> Any:
    """Multiply values by a matrix that has only a few entries in each row."""
    if arrays.namespace(matrix) is not np:
        return matrix @ values
    from scipy.sparse import csr_matrix

    return csr_matrix(matrix) @ values
