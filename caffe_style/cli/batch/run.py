"""Running a file of jobs: several at a time here, or on the workers of a Dask cluster."""

from __future__ import annotations

import contextlib
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Set, Union

from ...engine.native.cpus import available_cpus
from ...errors import BatchError
from .jobs import Job, read_jobs
from .outcomes import Outcome, Record, record_path
from .process import Processes, make

#: Seconds to find a scheduler in.
_PATIENCE = 10


def run_batch(
    jobs_file: Union[str, Path],
    *,
    processes: int = 1,
    scheduler: Optional[str] = None,
    callback: Optional[Callable[[Outcome, int, int], Any]] = None,
) -> List[Outcome]:
    """Make all pictures of a file of jobs that are not made yet.

    A job that fails is an outcome, not the end of the rest. After an interruption, or with new jobs in the
    file, run it again: pictures that were made by the same command, and after their inputs, are kept.

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
        For a file that is not understood, before anything runs, and for a scheduler that is not there.
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
    start = _on_cluster(scheduler) if scheduler else _here(processes)
    try:
        # Closed at once when interrupted: that ends what still runs.
        with contextlib.closing(start(jobs, missing)) as finished_jobs:
            for number, outcome in finished_jobs:
                outcomes[number] = outcome
                record.add(jobs[number], outcome)
                tell(outcome)
    except KeyboardInterrupt:
        pass
    finished = [
        outcome or Outcome(str(job.output), "interrupted") for job, outcome in zip(jobs, outcomes)
    ]
    record.write_table(finished)
    return finished


def _here(processes: int) -> Callable[[List[Job], List[int]], Iterator]:
    if processes < 1:
        raise BatchError("processes must be at least 1, not %d" % processes)

    def start(jobs: List[Job], numbers: List[int]) -> Iterator:
        threads = max(1, available_cpus() // processes) if processes > 1 else None
        running = Processes()
        with ThreadPoolExecutor(processes) as pool:
            futures = {
                pool.submit(make, jobs[number], threads, running): number for number in numbers
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


def _on_cluster(address: str) -> Callable[[List[Job], List[int]], Iterator]:
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise BatchError("a scheduler needs Dask: pip install 'caffe_style[distributed]'") from None
    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise BatchError("no Dask scheduler answers at %s (%s)" % (address, error)) from None

    def start(jobs: List[Job], numbers: List[int]) -> Iterator:
        with client:
            if not client.scheduler_info()["workers"]:
                raise BatchError("the Dask scheduler at %s has no workers: start some" % address)
            futures = {
                client.submit(make, jobs[number], 1, pure=False): number for number in numbers
            }
            for future in as_completed(futures, loop=client.loop):
                if future.status == "finished":
                    outcome = future.result()
                else:
                    # The worker itself is gone, or has no caffe_style.
                    reason = "its worker failed: %s" % future.exception()
                    outcome = Outcome(str(jobs[futures[future]].output), "failed", reason=reason)
                yield futures[future], outcome

    return start
