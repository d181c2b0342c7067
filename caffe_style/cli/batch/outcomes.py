"""The outcomes of jobs, and a record of them, with which a batch can be continued."""

from __future__ import annotations

import csv
import json
import os
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from ...errors import BatchError, ImageError
from ...pictures import images
from ...system.files import write_whole
from .jobs import Job
from .reading import shorten

STATUSES = ("made", "kept", "failed", "interrupted")


class Outcome(NamedTuple):
    """The outcome of a job.

    Attributes
    ----------
    output : str
    status : str
        One of STATUSES; "kept" means that an earlier run of the batch has made the picture.
    loss : float or None
        Loss of the last evaluation.
    seconds : float
    reason : str
        Reason for a failure, in one line.
    """

    output: str
    status: str
    loss: Optional[float] = None
    seconds: float = 0.0
    reason: str = ""


class Record:
    """The outcomes so far, in a file that is written again after each job.

    Parameters
    ----------
    path : Path
        ``JOBS.outcomes.json`` in the folder of the file of jobs. A readable table, ``.csv``, is in the same
        folder.

    Raises
    ------
    BatchError
        If the file exists and is broken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: Dict[str, Dict[str, Any]] = {}
        if path.exists():
            try:
                self._entries = _checked(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, RecursionError) as error:
                raise BatchError(
                    "%s, the batch's record, is broken (%s): remove it to start again"
                    % (path, shorten(str(error)))
                ) from None

    def kept(self, job: Job) -> Optional[Outcome]:
        """Return the outcome of a job whose picture is of the same command and newer than its inputs, or None.

        The picture's metadata must be unchanged, too: a picture that another program replaced is made again.
        """
        entry = self._entries.get(str(job.output), {})
        output = job.folder / job.output
        if entry.get("arguments") != list(job.arguments) or not os.path.isfile(str(output)):
            return None
        if _changed_since(job, output.stat().st_mtime):
            return None
        noted = _metadata(output)
        if noted is None or noted != entry.get("parameters"):
            return None
        return Outcome(str(job.output), "kept", entry["loss"], entry["seconds"])

    def resumable(self, job: Job) -> bool:
        """Return whether a checkpoint belongs to the same command and to unchanged inputs."""
        begun = self._entries.get(str(job.output), {}).get("begun", {})
        if job.checkpoint is None or begun.get("arguments") != list(job.arguments):
            return False
        saved = job.folder / job.checkpoint
        if not os.path.isfile(str(saved)):
            return False
        written = saved.stat().st_mtime
        return written >= begun["time"] and not _changed_since(job, written)

    def begin(self, jobs: List[Job]) -> None:
        """Record the commands of jobs that begin now. Their checkpoints then belong to these commands."""
        now = time.time()
        for job in jobs:
            entry = self._entries.setdefault(str(job.output), {})
            arguments = list(job.arguments)
            if entry.get("begun", {}).get("arguments") != arguments:
                entry["begun"] = {"arguments": arguments, "time": now}
        self._write()

    def add(self, job: Job, outcome: Outcome) -> None:
        """Record an outcome. Only pictures that were made are kept in the next run."""
        entry = self._entries.pop(str(job.output), {})
        if outcome.status == "made":
            entry = {"arguments": list(job.arguments), **outcome._asdict()}
            entry["parameters"] = _metadata(job.folder / job.output)
            self._entries[str(job.output)] = entry
        elif "begun" in entry:
            self._entries[str(job.output)] = {"begun": entry["begun"]}
        self._write()

    def _write(self) -> None:
        text = json.dumps(self._entries, indent=1) + "\n"
        write_whole(self.path, lambda path: path.write_text(text, encoding="utf-8"))

    def write_table(self, outcomes: List[Outcome]) -> Path:
        """Write the summary as CSV."""
        table = self.path.with_suffix(".csv")

        def write(path: Path) -> None:
            with open(path, "w", newline="", encoding="utf-8") as stream:
                writer = csv.writer(stream)
                writer.writerow(Outcome._fields)
                writer.writerows(outcomes)

        write_whole(table, write)
        return table


def _checked(entries: Any) -> Dict[str, Dict[str, Any]]:
    """Return the entries of a record; raise ValueError if they are broken."""
    if not isinstance(entries, dict):
        raise ValueError("not a mapping")
    for output, entry in entries.items():
        if not isinstance(entry, dict):
            raise ValueError("%r is not a mapping" % output)
        if "arguments" in entry and not (
            isinstance(entry.get("loss", ""), (float, int, type(None)))
            and isinstance(entry.get("seconds"), (float, int))
        ):
            raise ValueError("%r has no loss or no seconds" % output)
        begun = entry.get("begun", {"time": 0.0})
        if not isinstance(begun, dict) or not isinstance(begun.get("time"), (float, int)):
            raise ValueError("%r has no starting time" % output)
    return entries


def _changed_since(job: Job, moment: float) -> bool:
    """Return whether a file that a job reads was written after a moment."""
    paths = [str(path) for path in job.inputs()]
    return any(os.path.isfile(path) and os.path.getmtime(path) > moment for path in paths)


def _metadata(picture: Path) -> Optional[Dict[str, Any]]:
    """Return a picture's metadata, or None if it cannot be read."""
    try:
        return images.read_metadata(picture)
    except ImageError:
        return None


def record_path(jobs: Path) -> Path:
    """Return the path of a record: ``jobs.outcomes.json`` in the folder of ``jobs.yaml``."""
    return Path(os.path.splitext(str(jobs))[0] + ".outcomes.json")
