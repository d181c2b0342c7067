"""Linear interpolation of maps along one axis, as a matrix whose transpose gives the gradient."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..backends import arrays


@lru_cache(maxsize=64)
def interpolation(new: int, old: int, kind: arrays.Kind) -> Any:
    """Return linear interpolation from `old` to `new` positions as a matrix (new, old); shrinking averages.

    Examples
    --------
    >>> import numpy as np
    >>> interpolation(4, 2, arrays.kind(np.ones(1))).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    ratio = old / new
    centres = (np.arange(new) + 0.5) * ratio - 0.5
    distance = np.abs(np.clip(centres, 0, old - 1)[:, np.newaxis] - np.arange(old))
    weights = np.clip(1 - distance / max(1.0, ratio), 0, None)
    return kind.of(weights / weights.sum(axis=1, keepdims=True))
