"""Starting a worker process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Optional, Sequence

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


def start_worker(
    module: str, arguments: Sequence[str], folder: Optional[Path] = None, **streams: Any
) -> subprocess.Popen:
    """Run `main` of one of our modules in a separate process.

    The worker imports this package, and nothing from its working folder, which may contain unknown files.
    Ctrl-C does not reach it. It is interrupted when its standard input is closed, which also happens when this
    process ends.

    Parameters
    ----------
    module : str
        Module with a function `main(arguments)` that returns an exit status.
    arguments : sequence of str
        Arguments of `main`.
    folder : path, optional
        Working folder; by default the current one.
    **streams
        Arguments of `Popen`, such as `stdout` and `stderr`.

    Returns
    -------
    Popen
        The process. Its `stdin` must stay open until the work is done, so do not use `communicate`.

    Raises
    ------
    OSError
    """
    folder = Path.cwd() if folder is None else folder
    return subprocess.Popen(
        [sys.executable, str(BOOTSTRAP), module, *arguments],
        cwd=str(folder),
        env=_environment(folder),
        stdin=subprocess.PIPE,
        # Only this process receives Ctrl-C. It then ends the worker.
        start_new_session=True,
        **streams,
    )


def _environment(folder: Path) -> Dict[str, str]:
    """Return this process's environment without entries that would put the folder on the module path."""
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    here = os.path.realpath(str(folder))
    path = [
        each
        for each in environment.pop("PYTHONPATH", "").split(os.pathsep)
        if os.path.isabs(each) and os.path.realpath(each) != here
    ]
    if path:
        environment["PYTHONPATH"] = os.pathsep.join(path)
    return environment
