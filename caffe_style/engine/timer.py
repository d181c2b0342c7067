"""pycaffe's Timer."""

from __future__ import annotations

import time
from typing import Optional


class Timer:
    """A stopwatch. What a GPU has been given counts only when its results were read.

    Examples
    --------
    >>> timer = Timer()
    >>> timer.start()
    >>> timer.stop()
    >>> timer.ms >= 0
    True
    """

    def __init__(self) -> None:
        self._started: Optional[float] = None
        self._elapsed = 0.0

    def start(self) -> None:
        """Begin."""
        self._started = time.perf_counter()

    def stop(self) -> None:
        """End; without a start nothing is measured."""
        if self._started is not None:
            self._elapsed = time.perf_counter() - self._started
            self._started = None

    @property
    def ms(self) -> float:
        """Milliseconds between start and stop; a watch that still runs is stopped."""
        self.stop()
        return 1000 * self._elapsed
