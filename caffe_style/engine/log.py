"""pycaffe's log: `init_log` and `log` write lines as glog does."""

from __future__ import annotations

import os
import sys
import time

#: glog's levels, INFO to FATAL.
_LEVELS = 4
_least = 0


def init_log(level: int = 0) -> None:
    """From now on write to stderr what has at least this level.

    Parameters
    ----------
    level : int
        0 INFO, 1 WARNING, 2 ERROR, 3 FATAL. GLOG_minloglevel in the environment counts too.
    """
    global _least
    _least = min(max(int(level), 0), _LEVELS - 1)


def log(message: str) -> None:
    """Write a line of level INFO, as glog writes it."""
    if _least > 0 or os.environ.get("GLOG_minloglevel", "0").strip() not in ("", "0"):
        return
    now = time.time()
    stamp = time.strftime("%m%d %H:%M:%S", time.localtime(now))
    micro = int(now % 1 * 1e6)
    print("I%s.%06d %5d log] %s" % (stamp, micro, os.getpid(), message), file=sys.stderr)
