"""Watchers: objects that a run calls as it makes a picture."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Sequence, Union


class Watcher:
    """The base class of watchers. Its methods do nothing.

    A watcher can be the callback of an experiment.

    Examples
    --------
    >>> class Printer(Watcher):
    ...     def wants_image(self, record):
    ...         return False
    ...     def step(self, record, image):
    ...         print(record.iteration)
    >>> import numpy as np
    >>> import caffe_style as cs
    >>> style = np.random.RandomState(0).randint(0, 256, (32, 32, 3), np.uint8)
    >>> network = cs.open_network("strokenet")
    >>> result = cs.texture(style, network, size=32, iterations=2, callback=Printer())
    1
    2
    """

    def begin(self, parameters: Dict[str, Any]) -> None:
        """Receive the run's parameters, before the first evaluation."""

    def wants_image(self, record: Any) -> bool:
        """Return whether `step` needs the iteration's picture, which takes time to copy from a device."""
        return True

    def step(self, record: Any, image: Optional[Any]) -> None:
        """Receive an iteration.

        Parameters
        ----------
        record : Record
            Record of the accepted evaluation, see `caffe_style.optimise.evaluations.Record`.
        image : ndarray, (H, W, 3) uint8 RGB, or None
            The picture. It may be None if `wants_image` returns False.

        Raises
        ------
        StopIteration
            To end the run after this iteration.
        """

    def end(self, status: str, message: str, history: Sequence[Any] = ()) -> None:
        """Receive how the run ended.

        Parameters
        ----------
        status : str
            Status as in `caffe_style.optimise.evaluations.Result`, or "failed".
        message : str
            The status as a sentence.
        history : sequence of Record
            One record for each evaluation.
        """

    def __call__(self, record: Any, image: Optional[Any]) -> None:
        """Call `step`, so that a watcher is a callback."""
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
        """Pass the parameters to all watchers."""
        for watcher in self._watchers:
            watcher.begin(parameters)

    def wants_image(self, record: Any) -> bool:
        """Return whether one of the watchers needs the picture."""
        return any([watcher.wants_image(record) for watcher in self._watchers])

    def step(self, record: Any, image: Optional[Any]) -> None:
        """Pass the iteration to all watchers."""
        for watcher in self._watchers:
            watcher.step(record, image)

    def end(self, status: str, message: str, history: Sequence[Any] = ()) -> None:
        """Pass the end of the run to all watchers."""
        for watcher in self._watchers:
            watcher.end(status, message, history)


#: Types of an experiment's callback.
Callback = Union[Watcher, Callable[[Any, Any], Any], None]


def as_watcher(callback: Callback) -> Watcher:
    """Return a callback as a watcher. For None the watcher does nothing.

    Examples
    --------
    >>> as_watcher(None).wants_image(record=None)
    False
    """
    if callback is None:
        return Several([])
    return callback if isinstance(callback, Watcher) else Function(callback)
