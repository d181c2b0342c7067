"""Joining the records of all optimisations of a run, with iterations counted from the run's start."""

from __future__ import annotations

import dataclasses
from typing import Any, List, Optional

from ..scene.scene import Scene
from ..watch.watcher import Watcher


class Past:
    """The records of a run before an optimisation.

    Parameters
    ----------
    history : list of Record
        Records so far.
    resumed : bool
        Whether the optimisation continues within a scale, so that its first evaluation repeats the last one of
        the history.
    """

    def __init__(self, history: List[Any], resumed: bool = False) -> None:
        self.history, self._skip = history, int(resumed)
        # The last evaluations may belong to a step that was not accepted.
        self.iterations = max(
            (record.iteration for record in history if record.accepted), default=0
        )
        self._seconds = history[-1].seconds if history else 0.0

    def after(self, record: Any) -> Any:
        """Return a record with iteration and seconds counted from the start of the run."""
        return dataclasses.replace(
            record,
            iteration=self.iterations + record.iteration,
            seconds=self._seconds + record.seconds,
        )

    def joined(self, records: List[Any]) -> List[Any]:
        """Return the history, followed by the records of an optimisation."""
        return self.history + [self.after(record) for record in records[self._skip :]]


class ScaleWatcher(Watcher):
    """A watcher that passes the records and pictures of one scale to the watcher of the whole run.

    Iterations are counted from the run's start, and pictures have the final size.

    Parameters
    ----------
    watcher : Watcher
    past : Past
    final : Scene
        Scene of the last scale, which determines size and colours.
    """

    def __init__(self, watcher: Watcher, past: Past, final: Scene) -> None:
        self._watcher, self._past, self._final = watcher, past, final

    def wants_image(self, record: Any) -> bool:
        """Return whether the run's watcher wants the picture."""
        return self._watcher.wants_image(self._past.after(record))

    def step(self, record: Any, image: Optional[Any]) -> None:
        """Pass the iteration to the run's watcher."""
        image = None if image is None else self._final.finish(image)
        self._watcher.step(self._past.after(record), image)
