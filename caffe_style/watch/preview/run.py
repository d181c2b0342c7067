"""The state that a run shares with its page: written by the run's callback, read by the server's threads."""

from __future__ import annotations

import collections
import math
import secrets
import threading
import time
from typing import Any, Deque, Dict, List, Optional, Sequence

import numpy as np

from ...system import interrupts
from ..page.shown import as_jpeg
from ..watcher import Watcher
from .server import PageServer

#: Number of iterations from which the remaining time is estimated.
RECENT = 20
#: Seconds to wait at the end for an open page, so that it shows the end. A page is open if it has sent a
#: request within as many seconds.
PATIENCE = 3.0


class Preview(Watcher):
    """A watcher that shows a run on a web page.

    The server listens on 127.0.0.1 only, so that other machines cannot reach it. Pages of other sites cannot
    pause or stop the run.

    Parameters
    ----------
    port : int
        Port of the server; 0 picks a free one.

    Attributes
    ----------
    url : str
        Address of the page.

    Raises
    ------
    OptionError
        If the port is out of range, in use or not allowed.

    Examples
    --------
    >>> with Preview() as page:
    ...     print(page.url)
    http://127.0.0.1:...
    """

    def __init__(self, port: int = 0) -> None:
        self.identity = secrets.token_urlsafe(16)
        self._changed = threading.Condition()
        self._encoding = threading.Lock()
        self._status, self._message = "starting", ""
        self._request: Optional[str] = None
        self._parameters: Dict[str, Any] = {}
        self._names: List[str] = []
        self._rows: List[List[Optional[float]]] = []
        self._image: Optional[np.ndarray] = None
        self._version, self._jpeg_version, self._jpeg = 0, 0, b""
        self._durations: Deque[float] = collections.deque(maxlen=RECENT)
        self._worked, self._resumed = 0.0, time.monotonic()
        self._asked, self._asked_since_end = -math.inf, 0
        self._server = PageServer(port, self)
        self.url = self._server.url

    def __enter__(self) -> Preview:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self.end("finished", "")
        else:
            self.end("failed", str(error) or kind.__name__)
        self.close()

    def begin(self, parameters: Dict[str, Any]) -> None:
        """Show the run's parameters. The remaining time is computed from `iterations` among them."""
        with self._changed:
            self._parameters = parameters
            self._resumed = time.monotonic()

    def step(self, record: Any, image: np.ndarray) -> None:
        """Show an iteration, and wait while the run is paused.

        Raises
        ------
        StopIteration
            If the run was stopped on the page.
        """
        with self._changed:
            duration = time.monotonic() - self._resumed
            self._durations.append(duration)
            self._worked += duration
            self._names = list(record.terms)
            values = [record.loss, *record.terms.values()]
            self._rows.append([record.iteration, *(_plain(value) for value in values)])
            self._image, self._version = image, self._version + 1
            self._status = "running"
            while self._request == "pause":
                self._status = "paused"
                # Without a timeout some systems would not handle Ctrl-C.
                with interrupts.within():
                    self._changed.wait(0.5)
            if self._request == "stop":
                raise StopIteration
            self._status = "running"
            self._resumed = time.monotonic()

    def end(self, status: str, message: str, history: Sequence[Any] = ()) -> None:
        """Show how the run ended, and wait a moment for an open page to show it. Later calls do nothing.

        Parameters
        ----------
        status : str
            Status as in `caffe_style.optimise.evaluations.Result`, or "failed".
        message : str
            Sentence to show, such as where the picture is.
        """
        with self._changed:
            if self._ended:
                return
            self._status, self._message, ended = status, message, time.monotonic()
            # A page sends another request once it shows the last picture.
            while ended - self._asked < PATIENCE and self._asked_since_end < 2:
                if not self._changed.wait(ended + PATIENCE - time.monotonic()):
                    break

    @property
    def _ended(self) -> bool:
        return self._status not in ("starting", "running", "paused")

    def close(self) -> None:
        """Stop the server."""
        self._server.close()

    def ask(self, request: str) -> None:
        """Ask the run to "pause", "continue" or "stop" after its current iteration."""
        with self._changed:
            # A stop is final: another page cannot replace it by a pause.
            if self._request != "stop":
                self._request = request
            self._changed.notify_all()

    def state(self, after: int = 0) -> Dict[str, Any]:
        """Return what the page shows, as values that JSON can hold; the loss curve begins at row `after`."""
        with self._changed:
            self._asked = time.monotonic()
            self._asked_since_end += self._ended
            self._changed.notify_all()
            status = self._status
            if status in ("starting", "running") and self._request in ("pause", "stop"):
                status = {"pause": "pausing", "stop": "stopping"}[self._request]
            iterations = self._parameters.get("iterations")
            done = self._rows[-1][0] if self._rows else 0
            left = None
            if iterations and self._durations and not self._ended:
                left = (iterations - done) * sum(self._durations) / len(self._durations)
            return {
                "run": self.identity,
                "status": status,
                "message": self._message,
                "iteration": done,
                "iterations": iterations,
                "worked": self._worked,
                "left": left,
                "version": self._version,
                "names": self._names,
                "after": min(after, len(self._rows)),
                "rows": self._rows[after:],
                "parameters": self._parameters,
            }

    def picture(self) -> Optional[bytes]:
        """Return the current picture as JPEG, or None before the first iteration."""
        with self._encoding:
            with self._changed:
                image, version = self._image, self._version
            if image is None:
                return None
            if version != self._jpeg_version:
                self._jpeg, self._jpeg_version = as_jpeg(image), version
            return self._jpeg


def _plain(value: float) -> Optional[float]:
    """Return a number that JSON can hold, or None."""
    return float(value) if math.isfinite(value) else None
