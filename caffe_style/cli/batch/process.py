"""Running one job, in a process of its own."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import List, Optional, Set, Tuple

from .jobs import Job
from .outcomes import Outcome

#: Exit status of `caffe-style` after Ctrl-C.
_INTERRUPTED = 130


class Processes:
    """The processes of running jobs, which can be ended together; jobs that begin later end at once."""

    def __init__(self) -> None:
        self._running: Set[subprocess.Popen] = set()
        self._ended = False
        self._lock = threading.Lock()

    def run(self, command: List[str], folder: Path) -> Tuple[int, bytes]:
        """Run a command to its end, in a folder; return its exit status and what it wrote on standard error."""
        with self._lock:
            if self._ended:
                return _INTERRUPTED, b""
            process = subprocess.Popen(
                command,
                cwd=str(folder),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                # Ctrl-C is for this process, which ends the jobs: they hear of it once.
                start_new_session=True,
            )
            self._running.add(process)
        told = process.communicate()[1]
        with self._lock:
            self._running.remove(process)
        return process.returncode, told

    def end(self) -> None:
        """Interrupt them, as Ctrl-C does: they save what they have."""
        with self._lock:
            self._ended = True
            for process in self._running:
                process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)


def make(job: Job, threads: Optional[int] = None, processes: Optional[Processes] = None) -> Outcome:
    """Do one job in a process of its own, whatever becomes of that.

    Parameters
    ----------
    job : Job
    threads : int, optional
        For a job that does not say itself.
    processes : Processes, optional
        Among which its process is, to be ended.
    """
    name, began = str(job.output), time.perf_counter()
    # The job's own options come last and hold.
    arguments = [job.arguments[0], "--quiet", "--output", name]
    if threads:
        arguments += ["--threads", str(threads)]
    try:
        (job.folder / job.output).parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            curve = Path(folder) / "curve.csv"
            arguments += ["--curve", str(curve), *job.arguments[1:]]
            status, told = (processes or Processes()).run(
                [sys.executable, "-m", "caffe_style", *arguments], job.folder
            )
            loss = _last_loss(curve)
    except OSError as error:
        return Outcome(name, "failed", None, time.perf_counter() - began, str(error))
    seconds = time.perf_counter() - began
    if status == 0:
        return Outcome(name, "made", loss, seconds)
    if status in (_INTERRUPTED, -signal.SIGINT):
        return Outcome(name, "interrupted", loss, seconds)
    return Outcome(name, "failed", None, seconds, _reason(status, told))


def _last_loss(curve: Path) -> Optional[float]:
    if not curve.is_file():
        return None
    with open(curve, newline="") as stream:
        losses = [float(row["loss"]) for row in csv.DictReader(stream)]
    return losses[-1] if losses else None


def _reason(status: int, told: bytes) -> str:
    """The last line that a process told, or how it ended without a word."""
    lines = told.decode(errors="replace").strip().splitlines()
    if status < 0:
        how = "its process was killed by signal %d" % -status
        return how + (" (not enough memory?)" if status == -9 else "")
    if not lines:
        return "its process ended with status %d" % status
    return lines[-1].split("error: ", 1)[-1]
