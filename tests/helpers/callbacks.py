"""Callbacks of runs."""

from __future__ import annotations

from typing import Any, Callable


def stop_at(iteration: int) -> Callable[[Any, Any], None]:
    """Return a callback that stops the run at an iteration."""

    def callback(record: Any, image: Any) -> None:
        if record.iteration == iteration:
            raise StopIteration

    return callback
