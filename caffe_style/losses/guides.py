"""Guides: maps that say where in an image each kind of content is, made from a content layer's responses.

guide_k = resize(sum_l B_kl F_l) is linear in the responses F, so its gradient is the transposed operation.
"""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np

from ..backends import arrays
from .resampling import resampling

SAMPLES = 4096
STEPS = 200


def guide_basis(features: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Find kinds of content in an image by non-negative matrix factorisation (Lee & Seung 2001).

    Rectified responses F (L, M) are approximated by a product of non-negative factors, components (L, K) and
    maps (K, M). A component is a combination of feature maps that respond together. Each is scaled so that its
    guide has mean 1 over this image.

    Parameters
    ----------
    features : ndarray, (L, H, W)
        Responses of the content layer to the content image.
    count : int
        Number K of guides, at most L.
    seed : int
        Seed of the factorisation's random start.

    Returns
    -------
    ndarray, (K, L)
        Basis for `make_guides`, of the same type as the features.

    Examples
    --------
    >>> import numpy as np
    >>> features = np.random.RandomState(0).rand(6, 4, 4).astype(np.float32)
    >>> guide_basis(features, count=2).shape
    (2, 6)
    """
    random = np.random.default_rng(seed)
    matrix = features.reshape(len(features), -1).astype(np.float64).clip(0, None)
    if matrix.shape[1] > SAMPLES:
        matrix = matrix[:, random.choice(matrix.shape[1], SAMPLES, replace=False)]
    tiny = np.finfo(float).tiny ** 0.5
    parts = random.uniform(0.5, 1.5, (len(matrix), count))
    maps = random.uniform(0.5, 1.5, (count, matrix.shape[1]))
    for _ in range(STEPS):
        maps *= (parts.T @ matrix) / (parts.T @ parts @ maps + tiny)
        parts *= (matrix @ maps.T) / (parts @ (maps @ maps.T) + tiny)
    basis = parts.T
    return (basis / ((basis @ matrix).mean(axis=1, keepdims=True) + tiny)).astype(features.dtype)


def make_guides(features: Any, basis: Any, size: Tuple[int, int]) -> Any:
    """Make guides from responses: combine them by the basis, and resize to a style layer.

    Parameters
    ----------
    features : array, (L, H, W)
        Responses of the content layer.
    basis : array, (K, L)
        From `guide_basis`.
    size : (int, int)
        Height and width of the style layer's responses.

    Returns
    -------
    array, (K, *size)

    Examples
    --------
    >>> import numpy as np
    >>> guides = make_guides(np.ones((6, 4, 4)), np.full((2, 6), 0.5), size=(8, 8))
    >>> guides.shape
    (2, 8, 8)
    >>> bool(np.allclose(guides, 3))
    True
    """
    down, across = resampling(features, size)
    return down @ arrays.namespace(features).tensordot(basis, features, 1) @ across.T


def add_guides_gradient(gradient: Any, guides_gradient: Any, basis: Any) -> None:
    """Add the gradient that passes through `make_guides` to the responses' gradient.

    Parameters
    ----------
    gradient : array, (L, H', W')
        Gradient to the content layer's responses, changed in place.
    guides_gradient : array, (K, H, W)
        Gradient to the guides.
    basis : array, (K, L)
        The basis given to `make_guides`.

    Examples
    --------
    >>> import numpy as np
    >>> gradient = np.zeros((6, 4, 4))
    >>> add_guides_gradient(gradient, np.ones((2, 8, 8)), np.full((2, 6), 0.5))
    >>> bool(np.isclose(gradient.sum(), 2 * 8 * 8 * 6 * 0.5))
    True
    """
    down, across = resampling(gradient, guides_gradient.shape[1:])
    tensordot = arrays.namespace(gradient).tensordot
    gradient += tensordot(basis.T, down.T @ guides_gradient @ across, 1)
