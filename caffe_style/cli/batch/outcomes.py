"""What became of jobs, and the record of it that lets a batch go on."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from ...errors import BatchError, ImageError
from ...pictures import images
from ...pictures.files import write_whole
from .jobs import Job

STATUSES = ("made", "kept", "failed", "interrupted")


class Outcome(NamedTuple):
    """What became of a job.

    Attributes
    ----------
    output : str
    status : str
        One of STATUSES; "kept" is a picture that an earlier run of the batch made.
    loss : float or None
        The last one.
    seconds : float
    reason : str
        Why it failed, in one line.
    """

    output: str
    status: str
    loss: Optional[float] = None
    seconds: float = 0.0
    reason: str = ""


class Record:
    """The outcomes so far, in a file that is rewritten whole after each job.

    Parameters
    ----------
    path : Path
        ``JOBS.outcomes.json`` beside the file of jobs; a table for people, ``.csv``, goes beside it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: Dict[str, Dict[str, Any]] = {}
        if path.is_file():
            try:
                self._entries = dict(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError) as error:
                raise BatchError(
                    "%s, the batch's record, is broken (%s): remove it to begin anew"
                    % (path, error)
                ) from None

    def kept(self, job: Job) -> Optional[Outcome]:
        """The outcome of a job that was made already: by the same command, since its inputs changed.

        Its metadata must be what it was, too: a picture that something else wrote meanwhile is made again.
        """
        entry = self._entries.get(str(job.output))
        output = job.folder / job.output
        if entry is None or entry["arguments"] != list(job.arguments) or not output.is_file():
            return None
        made = output.stat().st_mtime
        if any(path.is_file() and path.stat().st_mtime > made for path in job.inputs()):
            return None
        noted = _metadata(output)
        if noted is None or noted != entry.get("parameters"):
            return None
        return Outcome(str(job.output), "kept", entry["loss"], entry["seconds"])

    def add(self, job: Job, outcome: Outcome) -> None:
        """Note an outcome; only a picture that was made is kept the next time."""
        self._entries.pop(str(job.output), None)
        if outcome.status == "made":
            entry = {"arguments": list(job.arguments), **outcome._asdict()}
            entry["parameters"] = _metadata(job.folder / job.output)
            self._entries[str(job.output)] = entry
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


def _metadata(picture: Path) -> Optional[Dict[str, Any]]:
    """What a picture says of itself; None if it cannot be read."""
    try:
        return images.read_metadata(picture)
    except ImageError:
        return None


def record_path(jobs: Path) -> Path:
    """``jobs.outcomes.json`` beside ``jobs.yaml``."""
    return Path(os.path.splitext(str(jobs))[0] + ".outcomes.json")
