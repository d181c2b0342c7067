"""Running a file of jobs: several at a time on this machine, or on the workers of a Dask cluster."""

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
    """Make all pictures of a file of jobs that do not exist yet.

    If a job fails, the others continue. After an interruption, or with new jobs in the file, call this again.
    Pictures that were made by the same command, and after their inputs, are kept. Jobs with a checkpoint
    continue from it.

    Parameters
    ----------
    jobs_file : str or Path
        File as `read_jobs` reads it.
    processes : int
        Number of jobs at a time, which share the processors.
    scheduler : str, optional
        Address of a Dask scheduler whose workers run the jobs. The workers need caffe_style, and the folder of
        the file under the same name. A job takes one thread of a worker, and computes with one thread unless it
        sets `threads`.
    callback : callable, optional
        `callback(outcome, done, all)`, called after each job, also for pictures that are kept.

    Returns
    -------
    list of Outcome
        Outcomes in the order of the file. After Ctrl-C the jobs without an outcome are "interrupted".

    Raises
    ------
    BatchError
        If the file has an error or the scheduler does not answer, before any job runs; or if the connection to
        the cluster is lost. Pictures that were made are kept.
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
        # Closing ends the running jobs after an interruption.
        with contextlib.closing(start(tasks)) as finished_jobs:
            for number, outcome in finished_jobs:
                outcomes[number] = outcome
                record.add(jobs[number], outcome)
                tell(outcome)
    except KeyboardInterrupt:
        pass
    finally:
        # The table is also written if the cluster is lost.
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
