"""The log of training, in the form that Caffe's has (tools read it): on standard error, silent as Caffe's."""

from __future__ import annotations

import os
import sys
from datetime import datetime


def log(message: str) -> None:
    """Write one line, unless GLOG_minloglevel in the environment is above 0."""
    if os.environ.get("GLOG_minloglevel", "0") in ("", "0"):
        now = datetime.now().strftime("%m%d %H:%M:%S.%f")
        print("I%s %5d solver] %s" % (now, os.getpid(), message), file=sys.stderr)
