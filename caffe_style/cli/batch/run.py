"""Running a file of jobs: several at a time here, or on the workers of a Dask cluster."""

from __future__ import annotations

import contextlib
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Sequence, Set, Tuple, Union

from ...engine.native.cpus import available_cpus
from ...errors import BatchError
from .cluster import on_cluster
from .jobs import read_jobs
from .outcomes import Outcome, Record, record_path
from .process import Processes, Start, Task, make


def run_batch(
    jobs_file: Union[str, Path],
    *,
    processes: int = 1,
    scheduler: Optional[str] = None,
    callback: Optional[Callable[[Outcome, int, int], Any]] = None,
) -> List[Outcome]:
    """Make all pictures of a file of jobs that are not made yet.

    A job that fails is an outcome, not the end of the rest. After an interruption, or with new jobs in the
    file, run it again: pictures that were made by the same command, and after their inputs, are kept, and jobs
    that had begun go on from their checkpoints if they keep one.

    Parameters
    ----------
    jobs_file : str or Path
        As `read_jobs` reads it.
    processes : int
        How many jobs at a time; they share the processors.
    scheduler : str, optional
        Address of a Dask scheduler whose workers do the jobs instead. They need caffe_style, and the folder of
        the file under the same name; a job takes one of a worker's threads, and computes with one unless it
        says `threads` itself.
    callback : callable, optional
        `callback(outcome, done, all)` after each job, kept ones included.

    Returns
    -------
    list of Outcome
        In the order of the file; after Ctrl-C those without an outcome are "interrupted".

    Raises
    ------
    BatchError
        For a file that is not understood or a scheduler that is not there, before anything runs, and for a
        cluster that goes away meanwhile: what it made is kept.
    """
    jobs = read_jobs(jobs_file)
    record = Record(record_path(Path(jobs_file)))
    outcomes: List[Optional[Outcome]] = [record.kept(job) for job in jobs]
    done = 0

    def tell(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        if callback is not None:
            callback(outcome, done, len(jobs))

    for outcome in outcomes:
        if outcome is not None:
            tell(outcome)
    missing = [number for number, outcome in enumerate(outcomes) if outcome is None]
    tasks = [Task(number, jobs[number], record.resumable(jobs[number])) for number in missing]
    start = on_cluster(scheduler) if scheduler is not None else _here(processes)
    record.begin([task.job for task in tasks])
    try:
        # Closed at once when interrupted: that ends what still runs.
        with contextlib.closing(start(tasks)) as finished_jobs:
            for number, outcome in finished_jobs:
                outcomes[number] = outcome
                record.add(jobs[number], outcome)
                tell(outcome)
    except KeyboardInterrupt:
        pass
    finally:
        # Also when a cluster is gone.
        finished = [
            outcome or Outcome(str(job.output), "interrupted")
            for job, outcome in zip(jobs, outcomes)
        ]
        record.write_table(finished)
    return finished


def _here(processes: int) -> Start:
    if processes < 1:
        raise BatchError("processes must be at least 1, not %d" % processes)

    def start(tasks: Sequence[Task]) -> Iterator[Tuple[int, Outcome]]:
        threads = max(1, available_cpus() // processes) if processes > 1 else None
        running = Processes()
        with ThreadPoolExecutor(processes) as pool:
            futures = {
                pool.submit(make, task.job, threads, running, task.resume): task.number
                for task in tasks
            }
            waiting: Set[Future] = set(futures)
            try:
                while waiting:
                    finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in finished:
                        yield futures[future], future.result()
            finally:
                running.end()

    return start
