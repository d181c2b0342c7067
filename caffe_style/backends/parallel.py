"""Small pieces of a loss's work, which the CPU threads share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterable, List

import numpy as np

from ..engine import native
from ..engine.native.cpus import available_cpus
from . import arrays

SHARES = 4
"""Shares of the work for each thread, so that a thread that is slower than the others gets fewer."""


def threads() -> int:
    """Return the number of CPU threads to use: that of the kernels or, without kernels, of available CPUs."""
    return native.get_threads() if native.available else available_cpus()


def side_by_side(work: Callable[[Any], float], items: Iterable[Any], features: Any) -> List[float]:
    """Call `work` on items that need many small matrix products, and return the results in their order.

    As many items are processed at a time as there are threads. Each product then runs on one thread. Dividing
    small products among threads costs more than it gains, and ten times as much if other programs compete for
    the processors. If `features` are on a device, the items are processed one after another.

    Examples
    --------
    >>> import numpy as np
    >>> side_by_side(lambda x: x / 2, [1, 2, 3], np.zeros(1))
    [0.5, 1.0, 1.5]
    """
    items, count = list(items), threads()
    if not native.available or arrays.namespace(features) is not np or count == 1:
        return [work(item) for item in items]
    # To hand over a single item may take longer than the work on it.
    size = max(1, len(items) // (SHARES * count))
    shares = [items[start : start + size] for start in range(0, len(items), size)]
    native.set_threads(1)
    try:
        with ThreadPoolExecutor(count) as pool:
            results = pool.map(lambda share: [work(item) for item in share], shares)
            return [result for share in results for result in share]
    finally:
        native.set_threads(count)
