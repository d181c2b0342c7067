"""Gram matrices of responses, optionally weighted by guides, and their distance to a target.

The losses `gram` and `covariation` consist of these three functions. For an image in tiles the matrices are
summed over the tiles before they are compared, and then each tile gets its gradient.
"""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

import numpy as np

from ..backends import arrays, maps
from .shift import add_shift, response_sums

BLOCK = 1 << 20
"""Elements of F in one block: the rows taken from it stay in the processor's cache."""


def gram_matrices(features: Any, guides: Optional[Any] = None, shift: float = 0.0) -> Any:
    """Compute the Gram matrix G = F F^T, or one for each guide, G_k = sum_x C_k(x) F(x) F(x)^T.

    With a shift s, F + s takes the place of F (see `caffe_style.losses.shift`).

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F. They may have gaps in memory.
    guides : array, (K, H, W), optional
        Weights C_k(x) of the positions x.
    shift : float
        Shift s of all responses.

    Returns
    -------
    array, (N, N), or (K, N, N) with guides

    Examples
    --------
    >>> import numpy as np
    >>> gram_matrices(np.ones((2, 3, 3))).tolist()
    [[9.0, 9.0], [9.0, 9.0]]
    >>> gram_matrices(np.ones((2, 3, 3)), guides=np.ones((4, 3, 3))).shape
    (4, 2, 2)
    >>> gram_matrices(np.ones((2, 3, 3)), shift=-1.0).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    grams = _unshifted(features, guides)
    if shift:
        total = arrays.count(features[0]) if guides is None else guides.sum(1).sum(1)
        add_shift(grams, response_sums(features, guides), total, shift)
    return grams


def _unshifted(features: Any, guides: Optional[Any]) -> Any:
    if guides is None:
        return maps.gram(features)
    channels = len(features)
    grams = arrays.empty((len(guides), channels, channels), features)
    grams[...] = 0
    tops = arrays.namespace(guides).amax(guides.reshape(len(guides), -1), 1)
    for band in maps.bands(features, BLOCK):
        rows = arrays.as_matrix(maps.dense(features[:, band])).T
        for gram, guide, top in zip(grams, guides[:, band], tops):
            for places, weights in _parts(guide.reshape(-1), top):
                found = _at(rows, places)
                if weights is None:
                    gram += top * arrays.gram(found.T)
                else:
                    arrays.matmul(found.T, found * weights, out=gram, beta=1.0)
    return grams


def gram_distance(
    grams: Any,
    target: Any,
    positions: int,
    weight: float = 1.0,
    shares: Optional[Sequence[float]] = None,
) -> Tuple[float, Any, float]:
    """Compute E = 1/(4 N^2 M^2) sum_k m_k ||G_k - A_k||^2, the distance of one or K Gram matrices.

    Parameters
    ----------
    grams : array, (N, N) or (K, N, N)
        Gram matrices G, summed over the image. They are overwritten.
    target : array, (N, N) or (K, N, N)
        Mean Gram matrices A / M.
    positions : int
        Number M of positions in the image.
    weight : float
        Factor of the value and of `scale`.
    shares : sequence of K floats, optional
        The weight m_k of each matrix. By default 1 / K.

    Returns
    -------
    value : float
        weight * E.
    differences : array, like `grams`
        m_k (G_k - A_k); G - A without shares.
    scale : float
        The gradient weight * dE/dF(x) is the sum over k of scale * D_k F(x) C_k(x), D the differences.

    Examples
    --------
    >>> import numpy as np
    >>> grams = gram_matrices(np.ones((2, 3, 3)))
    >>> value, differences, scale = gram_distance(grams, np.zeros((2, 2)), 9, weight=1.0)
    >>> value
    0.25
    """
    channels = grams.shape[-1]
    count = arrays.count(grams) // channels**2
    scale = weight / (channels * positions) ** 2
    grams -= positions * target
    if shares is None:
        scale /= count
        return 0.25 * scale * arrays.square_sum(grams), grams, scale
    value = 0.0
    for share, difference in zip(shares, grams):
        value += share * arrays.square_sum(difference)
        difference *= share
    return 0.25 * scale * value, grams, scale


def add_gram_gradient(
    gradient: Any,
    features: Any,
    differences: Any,
    scale: float,
    guides: Optional[Any] = None,
    shift: float = 0.0,
) -> None:
    """Add the gradient of `gram_distance` to `gradient` (N, H, W).

    Parameters
    ----------
    gradient : array, (N, H, W)
        Changed in place. It may have gaps in memory.
    features : array, (N, H, W)
        Responses F. They may have gaps in memory.
    differences : array, (N, N), or (K, N, N) with guides
        From `gram_distance`.
    scale : float
        From `gram_distance`.
    guides : array, (K, H, W), optional
        The guides given to `gram_matrices`.
    shift : float
        The shift given to `gram_matrices`.

    Examples
    --------
    >>> import numpy as np
    >>> features = np.ones((2, 3, 3))
    >>> grams = gram_matrices(features)
    >>> value, differences, scale = gram_distance(grams, np.zeros((2, 2)), 9, weight=1.0)
    >>> gradient = np.zeros_like(features)
    >>> add_gram_gradient(gradient, features, differences, scale)
    >>> bool(np.allclose(gradient, 1 / 18))
    True
    """
    constant = scale * shift * differences.sum(-1)
    if guides is None:
        maps.add_product(gradient, differences, features, scale)
        if shift:
            gradient += constant[:, None, None]
        return
    tops = arrays.namespace(guides).amax(guides.reshape(len(guides), -1), 1)
    for band in maps.bands(features, BLOCK):
        slope_maps = maps.dense(gradient[:, band])
        rows = arrays.as_matrix(maps.dense(features[:, band])).T
        slopes = arrays.as_matrix(slope_maps).T
        weights_here = guides[:, band].reshape(len(guides), -1)
        if shift:
            arrays.matmul(weights_here.T, constant, out=slopes, beta=1.0)
        for difference, guide, top in zip(differences, weights_here, tops):
            for places, weights in _parts(guide, top):
                found, slope = _at(rows, places), _at(slopes, places)
                factor = scale * float(top) if weights is None else scale
                found = found if weights is None else found * weights
                arrays.matmul(found, difference, out=slope, alpha=factor, beta=1.0)
                if slope is not slopes:
                    slopes[places] = slope
        if maps.has_gaps(gradient[:, band]):
            gradient[:, band] = slope_maps


def _parts(guide: Any, top: Any) -> List[Tuple[Any, Any]]:
    """Return the places where a guide (m,) is not zero, in parts, each with the weights (m, 1) of its places.

    Most places belong to one kind only, and have the guide's largest weight, `top`. They are a part of their
    own, with None for the weights, and need no multiplication by weights. Places of other kinds, with weight 0,
    need no product at all. A device would have to wait for the number of places: there, all are one part.
    """
    if arrays.namespace(guide) is not np:
        return [(None, guide[:, None])]
    whole = (guide == top) & (guide != 0)
    partial = np.flatnonzero(~whole & (guide != 0))
    parts = [(np.flatnonzero(whole), None), (partial, guide[partial][:, None])]
    return [part for part in parts if len(part[0])]


def _at(rows: Any, places: Any) -> Any:
    """Return the rows (m, N) at some places: `rows` itself if these are all."""
    return rows if places is None or len(places) == len(rows) else arrays.take(rows, places)
