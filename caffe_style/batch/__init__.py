"""Many pictures: a file of jobs, each a command line of `caffe-style` run in a process of its own."""

from .jobs import Job, read_jobs
from .outcomes import Outcome
from .run import run_batch

__all__ = ["Job", "Outcome", "read_jobs", "run_batch"]
