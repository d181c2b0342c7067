"""One job of the studio: a picture that waits, is being made, or was."""

from __future__ import annotations

import http.client
from typing import Any, Dict, Optional

from ...watch.preview.remote import RemoteRun
from ..batch.jobs import Job
from ..batch.outcomes import Outcome
from ..batch.process import Processes, make

#: Errors of a run that does not answer.
_NO_ANSWER = (OSError, http.client.HTTPException, ValueError)
#: State of a run before its page answers, with the entries of `Preview.state`.
_NOTHING_YET: Dict[str, Any] = {
    "iteration": 0,
    "iterations": None,
    "worked": 0.0,
    "left": None,
    "version": 0,
    "names": [],
    "parameters": {},
}


class StudioJob:
    """One job: its picture, and its run while there is one.

    Parameters
    ----------
    number : int
        Number of the job, its name in requests.
    job : Job
        The command line.

    Attributes
    ----------
    status : str
        "waiting", then "starting" as long as it runs, then "finished", "stopped" or "failed".
    message : str
        A sentence about it, or ''.
    """

    def __init__(self, number: int, job: Job) -> None:
        self.number, self.job = number, job
        self.status, self.message = "waiting", ""
        self.processes = Processes()
        self._run: Optional[RemoteRun] = None
        self._wish = "continue"
        self._last = dict(_NOTHING_YET)

    @property
    def alive(self) -> bool:
        """Whether the job waits or runs."""
        return self.status in ("waiting", "starting")

    def make(self) -> None:
        """Run the job to its end."""
        self.status = "starting"
        self._end(make(self.job, processes=self.processes, heard=self._hear))

    def stop(self) -> None:
        """End the job. A run saves its picture and its checkpoint."""
        self.processes.end()
        if self.status == "waiting":
            self._end(Outcome(str(self.job.output), "interrupted"))

    def ask(self, wish: str) -> None:
        """Ask the run to "pause" or "continue", as soon as it can hear that."""
        self._wish = wish
        try:
            if self._run is not None:
                self._run.ask(wish)
        except _NO_ANSWER:
            pass  # it ends, and its outcome will say how

    def state(self, after: int = 0) -> Dict[str, Any]:
        """Return the state of the run as `Preview.state` does; without a run, what was last known of it."""
        told: Optional[Dict[str, Any]] = None
        try:
            if self._run is not None and self.alive:
                told = self._run.state(after)
        except _NO_ANSWER:
            pass
        if told is None:
            paused = self.status == "starting" and self._wish == "pause"
            status = "pausing" if paused else self.status
            told = {**self._last, "status": status, "after": after, "rows": []}
        elif told["rows"]:
            self._last = told
        if not self.alive:
            told = {**told, "status": self.status, "left": None}
        return {**told, "run": self.number, "message": self.message}

    def picture(self) -> Optional[bytes]:
        """Return the growing picture as JPEG, or None if there is none."""
        try:
            return self._run.picture() if self._run is not None and self.alive else None
        except _NO_ANSWER:
            return None

    def _hear(self, line: bytes) -> None:
        text = line.decode(errors="replace").strip()
        if text.startswith("caffe-style: preview on "):
            self._run = RemoteRun(text.split()[-1])
            self.ask(self._wish)
        else:
            self.message = text.removeprefix("caffe-style: ").removeprefix("error: ")

    def _end(self, outcome: Outcome) -> None:
        status, message = "finished", ""
        if outcome.status == "interrupted":
            there = (self.job.folder / self.job.output).exists()
            kept = "The picture so far is %s." % outcome.output
            status, message = "stopped", kept if there else "It had no picture yet."
        elif outcome.status == "failed":
            stop = "" if outcome.reason.endswith((".", "?", "!")) else "."
            status, message = "failed", outcome.reason + stop
        if status != "finished" and self._can_continue():
            message += " It can be continued."
        # Whoever sees the end sees its message.
        self.message = message
        self.status = status

    def _can_continue(self) -> bool:
        saved = self.job.checkpoint
        return saved is not None and (self.job.folder / saved).exists()
