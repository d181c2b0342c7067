"""The records of a run of several optimisations, counted through."""

from __future__ import annotations

import dataclasses
from typing import Any, List, Optional

from ..scene.scene import Scene
from ..watch.watcher import Watcher


class Past:
    """The records of a run so far, after which those of an optimisation count.

    Parameters
    ----------
    history : list of Record
    resumed : bool
        The optimisation goes on inside a scale: its first evaluation is the last one of the history again.
    """

    def __init__(self, history: List[Any], resumed: bool = False) -> None:
        self.history, self._skip = history, int(resumed)
        # The last evaluations may have been of a step that was not taken.
        self.iterations = max(
            (record.iteration for record in history if record.accepted), default=0
        )
        self._seconds = history[-1].seconds if history else 0.0

    def after(self, record: Any) -> Any:
        """Return the record as it counts after all that came before."""
        return dataclasses.replace(
            record,
            iteration=self.iterations + record.iteration,
            seconds=self._seconds + record.seconds,
        )

    def joined(self, records: List[Any]) -> List[Any]:
        """Return the history with an optimisation's records."""
        return self.history + [self.after(record) for record in records[self._skip :]]


class ScaleWatcher(Watcher):
    """Shows one scale to the watcher of the whole run: records counted on, pictures in their final size.

    Parameters
    ----------
    watcher : Watcher
    past : Past
    final : Scene
        Of the last scale, which gives size and colours.
    """

    def __init__(self, watcher: Watcher, past: Past, final: Scene) -> None:
        self._watcher, self._past, self._final = watcher, past, final

    def wants_image(self, record: Any) -> bool:
        """Return whether the run's watcher wants the picture."""
        return self._watcher.wants_image(self._past.after(record))

    def step(self, record: Any, image: Optional[Any]) -> None:
        """Pass the iteration on."""
        image = None if image is None else self._final.finish(image)
        self._watcher.step(self._past.after(record), image)
