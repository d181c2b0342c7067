"""Watching a run: what is called as a picture is made."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Sequence, Union


class Watcher:
    """The base of all that watch a run; its methods do nothing.

    A watcher serves as the callback of an experiment.

    Examples
    --------
    >>> class Printer(Watcher):
    ...     def wants_image(self, record):
    ...         return False
    ...     def step(self, record, image):
    ...         print(record.iteration, record.loss)
    """

    def begin(self, parameters: Dict[str, Any]) -> None:
        """Hear the run's parameters, before the first evaluation."""

    def wants_image(self, record: Any) -> bool:
        """Return whether `step` looks at an iteration's picture: to bring it from a device takes time."""
        return True

    def step(self, record: Any, image: Optional[Any]) -> None:
        """See an iteration.

        Parameters
        ----------
        record : Record
            See `caffe_style.optimise.evaluations`.
        image : ndarray, (H, W, 3) uint8 RGB, or None
            None may be given where `wants_image` says no.

        Raises
        ------
        StopIteration
            To end the run after this iteration.
        """

    def end(self, status: str, message: str, history: Sequence[Any] = ()) -> None:
        """Hear how the run ended.

        Parameters
        ----------
        status : str
            As in `caffe_style.optimise.evaluations.Result`, or "failed".
        message : str
            The same for people.
        history : sequence of Record
            One an evaluation.
        """

    def __call__(self, record: Any, image: Optional[Any]) -> None:
        """Do the same as `step`: a watcher is a callback."""
        self.step(record, image)


class Function(Watcher):
    """A function `callback(record, image)` as a watcher."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self._function = function

    def step(self, record: Any, image: Optional[Any]) -> None:
        """Call the function."""
        self._function(record, image)


class Several(Watcher):
    """Several watchers, called in their order."""

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = list(watchers)

    def begin(self, parameters: Dict[str, Any]) -> None:
        """Pass the parameters on."""
        for watcher in self._watchers:
            watcher.begin(parameters)

    def wants_image(self, record: Any) -> bool:
        """Return whether one of them wants the picture."""
        return any([watcher.wants_image(record) for watcher in self._watchers])

    def step(self, record: Any, image: Optional[Any]) -> None:
        """Pass the iteration on."""
        for watcher in self._watchers:
            watcher.step(record, image)

    def end(self, status: str, message: str, history: Sequence[Any] = ()) -> None:
        """Pass the ending on."""
        for watcher in self._watchers:
            watcher.end(status, message, history)


#: What an experiment takes as its callback.
Callback = Union[Watcher, Callable[[Any, Any], Any], None]


def as_watcher(callback: Callback) -> Watcher:
    """Return a callback as a watcher; None is one that wants nothing."""
    if callback is None:
        return Several([])
    return callback if isinstance(callback, Watcher) else Function(callback)
