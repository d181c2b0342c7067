"""Starting a worker."""

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
    """Run `main` of one of our modules in a process of its own.

    It imports this very package, and nothing from the folder that it works in: what lies beside pictures is
    not ours. Ctrl-C does not reach it. It is interrupted when its standard input is closed, and so when this
    process ends, however that happens.

    Parameters
    ----------
    module : str
        Whose `main(arguments)` returns an exit status.
    arguments : sequence of str
    folder : path, optional
        Where it works; here by default.
    **streams
        `stdout`, `stderr` and the like, for `Popen`.

    Returns
    -------
    Popen
        `stdin` must not be closed before the work is done, so `communicate` is not for it.

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
        # Ctrl-C is for this process, which ends the worker: it hears of it once.
        start_new_session=True,
        **streams,
    )


def _environment(folder: Path) -> Dict[str, str]:
    """This process's, without what would put the folder on the module path."""
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
