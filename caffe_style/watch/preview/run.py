"""A run as its page sees it: the callback of an experiment on one side, the server's threads on the other."""

from __future__ import annotations

import collections
import io
import math
import secrets
import threading
import time
from typing import Any, Deque, Dict, List, Optional, Sequence

import numpy as np

from ...system import interrupts
from ..watcher import Watcher
from .server import PageServer

#: Pictures are shown at most this wide or high: it must not take longer to send one than to make it.
LONGEST_SHOWN = 1600
#: Iterations whose durations tell the time left.
RECENT = 20
#: A page that asked within this many seconds is waited for as long, to show how the run ended.
PATIENCE = 3.0


class Preview(Watcher):
    """Shows a run at `url`; use it as the run's callback.

    The page is bound to 127.0.0.1: other machines cannot reach it. Only the page itself can pause or stop.

    Parameters
    ----------
    port : int
        0 picks a free one.

    Attributes
    ----------
    url : str

    Raises
    ------
    OptionError
        When the port is out of range, taken or not allowed.
    """

    def __init__(self, port: int = 0) -> None:
        self.identity = secrets.token_urlsafe(16)
        self._changed = threading.Condition()
        self._encoding = threading.Lock()
        self._status, self._message = "starting", ""
        self._wish: Optional[str] = None
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
        """Show the parameters of the run that begins; `iterations` among them tells the time left."""
        with self._changed:
            self._parameters = parameters
            self._resumed = time.monotonic()

    def step(self, record: Any, image: np.ndarray) -> None:
        """Show an iteration; wait while the page says pause.

        Raises
        ------
        StopIteration
            When the page says stop.
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
            while self._wish == "pause":
                self._status = "paused"
                # With a timeout Ctrl-C is heard on every system.
                with interrupts.within():
                    self._changed.wait(0.5)
            if self._wish == "stop":
                raise StopIteration
            self._status = "running"
            self._resumed = time.monotonic()

    def end(self, status: str, message: str, history: Sequence[Any] = ()) -> None:
        """Show how the run ended; an open page is given a moment to see it. Later calls do nothing.

        Parameters
        ----------
        status : str
            As in `caffe_style.optimise.minimise.Result`, or "failed".
        message : str
            For people, such as where the picture is.
        """
        with self._changed:
            if self._ended:
                return
            self._status, self._message, ended = status, message, time.monotonic()
            # A page asks again once it shows the last picture.
            while ended - self._asked < PATIENCE and self._asked_since_end < 2:
                if not self._changed.wait(ended + PATIENCE - time.monotonic()):
                    break

    @property
    def _ended(self) -> bool:
        return self._status not in ("starting", "running", "paused")

    def close(self) -> None:
        """Take the page away."""
        self._server.close()

    def ask(self, wish: str) -> None:
        """Let the run do something after its present iteration: "pause", "continue" or "stop"."""
        with self._changed:
            # Who asked to stop cannot be talked out of it by another page's pause.
            if self._wish != "stop":
                self._wish = wish
            self._changed.notify_all()

    def state(self, after: int = 0) -> Dict[str, Any]:
        """What the page shows, for JSON; of the loss curve, the rows from `after` on."""
        with self._changed:
            self._asked = time.monotonic()
            self._asked_since_end += self._ended
            self._changed.notify_all()
            status = self._status
            if status in ("starting", "running") and self._wish in ("pause", "stop"):
                status = {"pause": "pausing", "stop": "stopping"}[self._wish]
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
        """The present picture as JPEG, None before the first iteration."""
        with self._encoding:
            with self._changed:
                image, version = self._image, self._version
            if image is None:
                return None
            if version != self._jpeg_version:
                self._jpeg, self._jpeg_version = _as_jpeg(image), version
            return self._jpeg


def _plain(value: float) -> Optional[float]:
    """A number that JSON has."""
    return float(value) if math.isfinite(value) else None


def _as_jpeg(image: np.ndarray) -> bytes:
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((LONGEST_SHOWN, LONGEST_SHOWN))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=92, subsampling=0)
    return buffer.getvalue()
