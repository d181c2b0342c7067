"""Hardware listed in a process of its own, where the library that lists it can end the process."""

from __future__ import annotations

import functools
import importlib
import json
import os
import sys
from typing import List

from ...errors import BackendError
from .apart import Answering, Outcome, run_apart

#: Seconds of the processor's time; loading PyTorch and its CUDA takes a few.
LIMIT = 14


def list_apart(title: str, module: str, function: str) -> List[str]:
    """Call a function without arguments that lists hardware, in another process.

    Parameters
    ----------
    title : str
        What people call the library.
    module : str
        Of this package.
    function : str
        Returns a list of Found or raises BackendError.

    Returns
    -------
    list of str
        The names of what it found.

    Raises
    ------
    BackendError
        What the function raised, or how the process ended.
    """
    answers, fault = _ask(module, function)
    if fault or not answers:
        raise BackendError("%s cannot be used: it %s" % (title, fault or "ends the process"))
    [answer] = answers
    if isinstance(answer, str):
        raise BackendError(answer)
    return answer


@functools.cache
def _ask(module: str, function: str) -> Outcome:
    # The script that imported us may have added folders, as those that use a Caffe of their own do.
    # Python itself passes over what is not a text, such as a Path.
    path = os.pathsep.join(place for place in sys.path if place and isinstance(place, str))
    return run_apart(__name__, [module, function], {"PYTHONPATH": path})


def main() -> None:
    """Do the job on the command line: the names, or the error as a text."""
    module, function = json.loads(sys.argv[1])
    answering = Answering(LIMIT)
    try:
        answering.tell([each.name for each in getattr(importlib.import_module(module), function)()])
    except BackendError as error:
        answering.tell(str(error))


if __name__ == "__main__":
    main()
