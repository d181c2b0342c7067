"""The jobs of the studio, made one after the other by the batch machinery."""

from __future__ import annotations

import logging
import queue
import re
import threading
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from ...errors import OptionError
from ..batch.jobs import Job, read_job
from .folder import UNFINISHED, id_of
from .job import StudioJob

#: Most jobs that wait, and most that are remembered.
MOST_WAITING, MOST_REMEMBERED = 50, 200
_NUMBERED = re.compile(r"picture-(\d{4,9})\.png")


class Jobs:
    """The jobs of a folder. A thread makes one after the other, each in a process of its own.

    Parameters
    ----------
    folder : Path
        Folder in which the jobs run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._jobs: Dict[int, StudioJob] = {}
        self._number, self._ended = 0, False
        self._lock = threading.RLock()
        self._waiting: queue.Queue = queue.Queue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def add(self, entry: Mapping[str, Any]) -> StudioJob:
        """Add a job that makes a new picture.

        Parameters
        ----------
        entry : mapping
            Names of options with their values, as in a file of jobs.

        Raises
        ------
        BatchError, OptionError
            If the command line does not accept it, or too many jobs wait.
        """
        with self._lock:
            output = self._free_name()
            asked = {**entry, "output": output, "preview": 0}
            return self._add(read_job(output, asked, 0, self._folder))

    def add_unfinished(self, name: str) -> StudioJob:
        """Add a job that continues a picture from its checkpoint.

        Parameters
        ----------
        name : str
            Name of the picture in the folder.
        """
        saved = name + UNFINISHED
        # Everything else is in the checkpoint.
        arguments = ("transfer", "--resume=%s" % saved, "--preview", "0")
        return self._add(Job(name, arguments, Path(name), self._folder, Path(saved)))

    def get(self, number: int) -> Optional[StudioJob]:
        """Return a job by its number."""
        return self._jobs.get(number)

    def list(self) -> List[Dict[str, Any]]:
        """Return all jobs as the page shows them, the newest first."""
        with self._lock:
            jobs = list(self._jobs.values())
        return [
            {
                "number": job.number,
                "name": str(job.job.output),
                "picture": id_of(str(job.job.output)),
                "status": job.status,
                "message": job.message,
            }
            for job in reversed(jobs)
        ]

    def close(self) -> None:
        """End all jobs, and wait until they have saved their pictures."""
        with self._lock:
            self._ended = True
            jobs = list(self._jobs.values())
        for job in jobs:
            if job.alive:
                job.stop()
        self._waiting.put(None)
        self._thread.join()

    def _add(self, job: Job) -> StudioJob:
        with self._lock:
            if self._ended:
                raise OptionError("The studio is ending")
            alive = [each for each in self._jobs.values() if each.alive]
            if len(alive) > MOST_WAITING:
                raise OptionError("%d jobs wait already: let some end first" % MOST_WAITING)
            if any(each.job.output == job.output for each in alive):
                raise OptionError("%s is being made already" % job.output)
            # What an earlier job told of the picture is out of date.
            self._jobs = {
                n: each for n, each in self._jobs.items() if each.job.output != job.output
            }
            self._number += 1
            added = self._jobs[self._number] = StudioJob(self._number, job)
            for number in list(self._jobs)[:-MOST_REMEMBERED]:
                if not self._jobs[number].alive:
                    del self._jobs[number]
            self._waiting.put(added)
            return added

    def _free_name(self) -> str:
        """Return the name of a new picture. Names of pictures that wait or have a checkpoint are taken, too."""
        taken = [path.name.removesuffix(UNFINISHED) for path in self._folder.iterdir()]
        taken += [str(each.job.output) for each in self._jobs.values()]
        numbers = [int(found[1]) for found in map(_NUMBERED.fullmatch, taken) if found]
        return "picture-%04d.png" % (1 + max(numbers, default=0))

    def _work(self) -> None:
        while True:
            job = self._waiting.get()
            if job is None:
                return
            if job.status != "waiting":
                continue
            try:
                job.make()
            except Exception as error:  # the next job is made all the same
                logging.getLogger("caffe_style").exception("job %d", job.number)
                job.status, job.message = "failed", str(error)
