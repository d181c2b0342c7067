"""Resizing maps by two matrices, one for the rows and one for the columns.

The gradient of a resized map is resized by the transposed matrices.
"""

from __future__ import annotations

from typing import Any, List, Tuple

import numpy as np

from ..backends import arrays, caches


def resampling(features: Any, size: Tuple[int, int]) -> List[Any]:
    """Return the matrices D (h, H) and A (w, W) with which D F A^T resizes maps F (N, H, W) to `size` (h, w).

    A map that grows is interpolated linearly. One that shrinks is averaged.

    Examples
    --------
    >>> import numpy as np
    >>> down, across = resampling(np.zeros((3, 4, 2)), (2, 2))
    >>> down.sum(axis=1).tolist(), across.tolist()
    ([1.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
    """
    kind = arrays.kind(features)
    return [_triangle(new, old, kind) for new, old in zip(size, features.shape[1:])]


@caches.cached
def _triangle(new: int, old: int, kind: arrays.Kind) -> Any:
    """Return linear interpolation from `old` to `new` positions as a matrix; shrinking averages."""
    ratio = old / new
    centres = (np.arange(new) + 0.5) * ratio - 0.5
    distance = np.abs(np.clip(centres, 0, old - 1)[:, np.newaxis] - np.arange(old))
    weights = np.clip(1 - distance / max(1.0, ratio), 0, None)
    return kind.of(weights / weights.sum(axis=1, keepdims=True))
