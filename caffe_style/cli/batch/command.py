"""`caffe-style batch`: many pictures from a file of jobs."""

from __future__ import annotations

import argparse
import sys
from typing import Any, List

from .. import INTERRUPTED, options
from ..options import number


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("batch", help="make many pictures from a file of jobs")
    parser.add_argument("jobs", metavar="JOBS", help="a .yaml or .csv: see docs/many-pictures.md")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--processes",
        type=number(int, 1, 256),
        default=1,
        metavar="N",
        help="number of jobs at a time, which share the processors (default: 1)",
    )
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="a Dask scheduler whose workers run the jobs"
    )
    options.add_quiet_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the pictures. The exit status is 1 if a job failed."""
    from tqdm import tqdm

    from .jobs import read_jobs
    from .outcomes import Outcome, record_path
    from .run import run_batch

    options.show_messages(args.quiet)
    # Errors in the file are reported before the progress bar appears.
    total = len(read_jobs(args.jobs))
    bar = tqdm(total=total, disable=args.quiet, unit="job", file=sys.stderr, dynamic_ncols=True)

    def callback(outcome: Outcome, done: int, jobs: int) -> None:
        bar.set_postfix_str("%s %s" % (outcome.output, outcome.status), refresh=False)
        bar.update(done - bar.n)

    with bar:
        outcomes = run_batch(
            args.jobs, processes=args.processes, scheduler=args.scheduler, callback=callback
        )
    statuses = [outcome.status for outcome in outcomes]
    if not args.quiet or "failed" in statuses:
        _print_table(outcomes)
    if not args.quiet:
        print(record_path(args.jobs).with_suffix(".csv"))
    if "interrupted" in statuses:
        return INTERRUPTED
    return 1 if "failed" in statuses else 0


def _print_table(outcomes: List[Any]) -> None:
    width = max(len(outcome.output) for outcome in outcomes)
    for outcome in outcomes:
        loss = "" if outcome.loss is None else "loss %.4g" % outcome.loss
        told = outcome.reason or "%-12s %7.1f s" % (loss, outcome.seconds)
        print("%s  %-11s  %s" % (outcome.output.ljust(width), outcome.status, told))
