"""Arrays that depend only on sizes, kept for the next evaluation."""

from __future__ import annotations

import functools
from typing import Any, Callable, List

_caches: List[Any] = []


def cached(function: Callable) -> Any:
    """Decorate a function of sizes and an `arrays.Kind`, so that its last 64 results are kept."""
    _caches.append(functools.lru_cache(maxsize=64)(function))
    return _caches[-1]


def misses() -> int:
    """Return how many results the functions that are `cached` had to compute.

    Once this number has grown, results from before may no longer be kept.

    Examples
    --------
    >>> double = cached(lambda size: 2 * size)
    >>> before = misses()
    >>> double(4), double(4), misses() - before
    (8, 8, 1)
    """
    return sum(cache.cache_info().misses for cache in _caches)
