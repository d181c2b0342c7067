"""Running one job in its own process."""

from __future__ import annotations

import csv
import logging
import os
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from ...system.workers import start_worker
from .jobs import Job
from .outcomes import Outcome

#: Exit statuses of `caffe-style` after an error that the user can correct, and after Ctrl-C.
_REFUSED, _INTERRUPTED = 2, 130


class Task(NamedTuple):
    """A job to run: its number, counted from 0, and whether it continues from its checkpoint."""

    number: int
    job: Job
    resume: bool


#: Function that starts all tasks, and yields the number and outcome of each when it ends.
Start = Callable[[Sequence[Task]], Iterator[Tuple[int, Outcome]]]


#: Function that is called with each line that a process prints on standard error.
Heard = Optional[Callable[[bytes], None]]


class Processes:
    """The processes of running jobs, which can be ended together. Jobs that begin later end at once."""

    def __init__(self) -> None:
        self._running: Set[subprocess.Popen] = set()
        self._ended = False
        self._lock = threading.Lock()

    def run(self, arguments: List[str], folder: Path, heard: Heard = None) -> Tuple[int, bytes]:
        """Run `caffe-style` in a folder, and return its exit status and its standard error."""
        with self._lock:
            if self._ended:
                return _INTERRUPTED, b""
            process = start_worker(
                "caffe_style.cli",
                arguments,
                folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            self._running.add(process)
        told = b""
        with process.stderr:
            for line in process.stderr:
                told += line
                if heard is not None:
                    heard(line)
        status = process.wait()
        with self._lock:
            self._running.remove(process)
            process.stdin.close()
        return status, told

    def end(self) -> None:
        """Interrupt all processes, as Ctrl-C does. They save their pictures."""
        with self._lock:
            self._ended = True
            for process in self._running:
                process.stdin.close()


def make(
    job: Job,
    threads: Optional[int] = None,
    processes: Optional[Processes] = None,
    resume: bool = False,
    heard: Heard = None,
) -> Outcome:
    """Run one job in its own process, and return its outcome even if the process fails.

    Parameters
    ----------
    job : Job
    threads : int, optional
        Number of threads, if the job does not set it.
    processes : Processes, optional
        Running processes, to which the job's process is added.
    resume : bool
        Whether to continue from the job's checkpoint. If that is refused, the job starts from the beginning.
    heard : callable, optional
        `heard(line)`, called with each line (bytes) of the process's standard error while it runs.
    """
    processes, began = processes or Processes(), time.perf_counter()
    try:
        (job.folder / job.output).parent.mkdir(parents=True, exist_ok=True)
        status, told, loss = _attempt(job, threads, processes, resume, heard)
        if resume and status == _REFUSED:
            logging.getLogger("caffe_style").warning(
                "%s: started again (%s)", job.output, _reason(status, told)
            )
            status, told, loss = _attempt(job, threads, processes, False, heard)
        if status == 0 and job.checkpoint is not None and not job.keeps_checkpoint:
            _remove(job.folder / job.checkpoint)
    except (OSError, ValueError) as error:
        return Outcome(str(job.output), "failed", None, time.perf_counter() - began, str(error))
    seconds = time.perf_counter() - began
    if status == 0:
        return Outcome(str(job.output), "made", loss, seconds)
    if status in (_INTERRUPTED, -signal.SIGINT):
        return Outcome(str(job.output), "interrupted", loss, seconds)
    return Outcome(str(job.output), "failed", None, seconds, _reason(status, told))


def _attempt(
    job: Job, threads: Optional[int], processes: Processes, resume: bool, heard: Heard
) -> Tuple[int, bytes, Optional[float]]:
    """Run the command line; return its status, its standard error and the last loss."""
    with tempfile.TemporaryDirectory() as folder:
        curve = Path(folder) / "curve.csv"
        # The job's own options are last, so that they take precedence.
        arguments = [job.arguments[0], "--quiet", "--output=%s" % job.output, "--curve", str(curve)]
        if threads:
            arguments += ["--threads", str(threads)]
        if job.checkpoint is not None:
            arguments.append("--checkpoint=%s" % job.checkpoint)
            if resume:
                arguments.append("--resume=%s" % job.checkpoint)
        status, told = processes.run(arguments + list(job.arguments[1:]), job.folder, heard)
        return status, told, _last_loss(curve)


def _remove(path: Path) -> None:
    if path.exists():
        os.unlink(str(path))


def _last_loss(curve: Path) -> Optional[float]:
    if not curve.is_file():
        return None
    with open(curve, newline="") as stream:
        losses = [float(row["loss"]) for row in csv.DictReader(stream)]
    return losses[-1] if losses else None


def _reason(status: int, told: bytes) -> str:
    """Return the last line that a process printed, or how it ended if it printed nothing."""
    lines = told.decode(errors="replace").strip().splitlines()
    if status < 0:
        how = "its process was killed by signal %d" % -status
        return how + (" (not enough memory?)" if status == -9 else "")
    if not lines:
        return "its process ended with status %d" % status
    return lines[-1].removeprefix("caffe-style: ").removeprefix("error: ")
