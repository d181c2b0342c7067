"""Foreign native code tried in a process of its own, so that its crash is one line and not our end."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

#: The folder of the package that runs: there `python -m` finds no other.
PLACE = Path(__file__).resolve().parents[3]
#: How `faulthandler` begins when a limit has passed.
LATE = "Timeout ("
#: What a step may take of the clock, as a multiple of the processor's time: others use the machine, too.
PATIENCE = 4


class Outcome(NamedTuple):
    """What became of a process.

    Attributes
    ----------
    answers : list
        What it told, as JSON.
    fault : str
        How it failed, in one line; empty where it did not.
    """

    answers: List[Any]
    fault: str


def run_apart(module: str, job: Any, environment: Optional[Dict[str, str]] = None) -> Outcome:
    """Run `python -m module JOB` to its end; see `Answering` for the other side.

    Parameters
    ----------
    module : str
        Of this package.
    job : object
        Anything that JSON can hold.
    environment : dict of str to str, optional
        Variables beside those of this process.

    Returns
    -------
    Outcome
    """
    known = {**os.environ, **(environment or {})}
    # Where this process found the package, the other may look for it in vain: workers have a path of their own.
    known["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PLACE), known.get("PYTHONPATH")]))
    # Files, not pipes: a compiler that a dead driver has left behind would keep a pipe open.
    with tempfile.TemporaryFile() as answers, tempfile.TemporaryFile() as complaints:
        status = subprocess.run(
            [sys.executable, "-m", module, json.dumps(job)],
            stdin=subprocess.DEVNULL,
            stdout=answers,
            stderr=complaints,
            cwd=str(PLACE),
            env=known,
        ).returncode
        told, said = (_lines(stream) for stream in (answers, complaints))
    return Outcome([json.loads(line) for line in told], how_it_ended(status, said))


def how_it_ended(status: int, complaints: List[str]) -> str:
    """How a process ended with this exit status and these lines on standard error; '' where it went well."""
    if status == 0:
        return ""
    if any(line.startswith(LATE) for line in complaints) or status == -getattr(
        signal, "SIGPROF", 0
    ):
        return "takes too long"
    last = complaints[-1] if complaints else "no message"
    if status < 0:
        return "crashes (%s): %s" % (_name_of(-status), last)
    return "crashes: %s" % last


def _name_of(number: int) -> str:
    """Return a signal's name. Those for programs' own use, and those of other systems, have numbers only."""
    known = {int(one): one.name for one in signal.Signals}
    return known.get(number, "signal %d" % number)


class Answering:
    """The other side: answers as lines of JSON on standard output, what libraries print on standard error.

    Parameters
    ----------
    limit : float
        Seconds of the processor's time after which a process that has not answered again ends, whatever it is
        stuck in; of the clock, `PATIENCE` times as many.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._stream = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self._rearm()

    def tell(self, answer: Any) -> None:
        """Answer, and begin the limit anew."""
        self._stream.write(json.dumps(answer) + "\n")
        self._stream.flush()
        self._rearm()

    def _rearm(self) -> None:
        # Neither needs a lock that a stuck driver could hold: a signal that ends it, and a thread of C.
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, self._limit)
        faulthandler.dump_traceback_later(PATIENCE * self._limit, exit=True)


def _lines(stream: Any) -> List[str]:
    stream.seek(0)
    text = stream.read().decode(errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip()]
