"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, Union

from ..errors import OptionError


def write_whole(path: Union[str, Path], write: Callable[[Path], Any]) -> None:
    """Write a file under a temporary name beside it, and rename it when it is complete.

    Parameters
    ----------
    path : str or Path
    write : callable
        `write(temporary)`, whose ending is the path's.

    Raises
    ------
    OptionError
        If it cannot be written; what was there stays.
    """
    path = Path(path)
    temporary = path.with_name(".%s.%d.part%s" % (path.stem, os.getpid(), path.suffix))
    try:
        write(temporary)
        os.replace(str(temporary), str(path))
    except OSError as error:
        raise OptionError("%s: cannot be written (%s)" % (path, error)) from error
    finally:
        if temporary.exists():
            temporary.unlink()
