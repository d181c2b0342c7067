"""The progress bar of a run."""

from __future__ import annotations

import sys
from typing import Any

from .watcher import Watcher


class Progress(Watcher):
    """A watcher that shows a progress bar with the loss on standard error.

    Parameters
    ----------
    iterations : int
        Number of iterations of the run.
    quiet : bool
        Whether to show nothing.
    """

    def __init__(self, iterations: int, quiet: bool) -> None:
        self._iterations, self._quiet = iterations, quiet
        self._bar: Any = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._bar is not None:
            self._bar.close()

    def wants_image(self, record: Any) -> bool:
        """Return False."""
        return False

    def step(self, record: Any, image: Any) -> None:
        """Move the bar to an iteration."""
        self.show(record.iteration, record.loss)

    def show(self, iteration: int, loss: float) -> None:
        """Move the bar to an iteration. The bar appears with the first iteration, below earlier messages."""
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                total=self._iterations,
                initial=iteration - 1,
                disable=self._quiet,
                unit="it",
                file=sys.stderr,
                dynamic_ncols=True,
            )
        self._bar.set_postfix_str("loss %.4g" % loss, refresh=False)
        self._bar.update(iteration - self._bar.n)
