"""The entry point of a worker, run as the script `bootstrap.py MODULE ARGUMENT...`.

It is run as a script because `python -m` would look for the package in the working folder first.
"""

from __future__ import annotations

import _thread
import importlib.util
import os
import signal
import sys
import threading
import time
from pathlib import Path

PACKAGE = Path(__file__).parent.parent.parent
#: Seconds that an interrupted worker has to write its results.
PATIENCE = 300


def load_package() -> None:
    """Import the package that this file belongs to, even if another module has its name."""
    here = str(Path(__file__).parent)
    # Python before 3.11 puts the script's folder first on the module path.
    sys.path[:] = [entry for entry in sys.path if entry not in ("", here)]
    spec = importlib.util.spec_from_file_location(
        PACKAGE.name, str(PACKAGE / "__init__.py"), submodule_search_locations=[str(PACKAGE)]
    )
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE.name] = package
    spec.loader.exec_module(package)


def end_with_parent() -> None:
    """Interrupt this process, as Ctrl-C does, when the other end of its standard input is closed."""
    # A process started in the background may ignore the signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pipe, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_watch, args=(pipe,), daemon=True).start()


def _watch(pipe: int) -> None:
    os.read(pipe, 1)
    if hasattr(signal, "pthread_kill"):
        # This also interrupts a system call that is waiting.
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    else:
        _thread.interrupt_main()
    time.sleep(PATIENCE)
    os._exit(130)


if __name__ == "__main__":
    end_with_parent()
    load_package()
    sys.exit(importlib.import_module(sys.argv[1]).main(sys.argv[2:]))
