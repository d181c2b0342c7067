"""A few guides from the many responses of a content layer: where in the picture which kind of content is.

guide_k = resize(sum_l B_kl F_l): linear in the responses F, so that its gradient is the transpose.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Tuple

import numpy as np

from ..backends import arrays

SAMPLES = 4096
STEPS = 200


def guide_basis(features: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Find the kinds of content in an image by non-negative matrix factorisation (Lee & Seung 2001).

    Rectified responses F (L, M) are approximated by parts times maps, both non-negative; the parts are
    combinations of channels that respond together. Each is scaled for a mean guide of 1 over this image.

    Parameters
    ----------
    features : ndarray, (L, H, W)
        The content image's responses at the content layer.
    count : int
        Guides wanted, K, at most L.

    Returns
    -------
    ndarray, (K, L)
        For `make_guides`, of the same type as the features.
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
    """Guides (K, *size) of responses (L, H, W): combined by the basis (K, L), resized to a style layer."""
    down, across = _resampling(features, size)
    return down @ arrays.namespace(features).tensordot(basis, features, 1) @ across.T


def add_guides_gradient(gradient: Any, guides_gradient: Any, basis: Any) -> None:
    """Carry a gradient from guides (K, H, W) back to the responses' `gradient` (L, H', W'), adding to it."""
    down, across = _resampling(gradient, guides_gradient.shape[1:])
    tensordot = arrays.namespace(gradient).tensordot
    gradient += tensordot(basis.T, down.T @ guides_gradient @ across, 1)


def _resampling(features: Any, size: Tuple[int, int]) -> list:
    """Two matrices that resize rows and columns of maps like `features` to `size`."""
    kind = arrays.kind(features)
    return [_triangle(new, old, kind) for new, old in zip(size, features.shape[1:])]


@lru_cache(maxsize=64)
def _triangle(new: int, old: int, kind: arrays.Kind) -> Any:
    """Linear interpolation from `old` to `new` positions as a matrix; when shrinking, it averages."""
    ratio = old / new
    centres = (np.arange(new) + 0.5) * ratio - 0.5
    distance = np.abs(np.clip(centres, 0, old - 1)[:, np.newaxis] - np.arange(old))
    weights = np.clip(1 - distance / max(1.0, ratio), 0, None)
    return kind.of(weights / weights.sum(axis=1, keepdims=True))
