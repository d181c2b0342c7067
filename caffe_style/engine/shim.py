"""`install_as_caffe`: let old scripts import the embedded engine under Caffe's name."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Optional

from ..errors import OptionError

#: Modules of pycaffe that scripts import by name, and ours.
_SUBMODULES = {
    "io": "io",
    "proto": "proto",
    "proto.caffe_pb2": "proto.caffe_pb2",
    "net_spec": "net_spec",
    "pycaffe": "pycaffe",
    "classifier": "classifier",
    "detector": "detector",
    "coord_map": "coord_map",
    "draw": "draw",
    "_caffe": "_caffe",
}


#: Here `import caffe` is the engine, too: multiprocessing hands sys.path on to the processes it spawns.
_STAND_IN = str(Path(__file__).resolve().parent.parent / "stand_in")


def install_as_caffe(replace: bool = False, gpu: Optional[str] = None) -> ModuleType:
    """Make `import caffe` mean the embedded engine from now on.

    Where genuine Caffe is importable it stays, unless told otherwise: one line says so. Nothing but `caffe`
    and its submodules is put into `sys.modules`. Processes that multiprocessing spawns find the engine too.

    Parameters
    ----------
    replace : bool
        Take the engine even where genuine Caffe is.
    gpu : "cpu", optional
        Let `caffe.set_mode_gpu()` stay on the cpu where there is no GPU, and say so once. It fails otherwise.

    Raises
    ------
    OptionError
        For another `gpu`.

    Returns
    -------
    module
        What `import caffe` gives.
    """
    if gpu not in (None, "cpu"):
        raise OptionError('gpu must be None or "cpu", not %r' % (gpu,))
    if not replace and genuine_caffe_is_here():
        print("caffe_style: genuine Caffe is here, `import caffe` uses it", file=sys.stderr)
        return importlib.import_module("caffe")
    from .. import engine

    if gpu == "cpu":
        # In the environment, where processes that are started later see it too.
        os.environ[engine.modes.VARIABLE] = "cpu"
    if _STAND_IN not in sys.path:
        sys.path.insert(0, _STAND_IN)
    sys.modules["caffe"] = engine
    for theirs, ours in _SUBMODULES.items():
        sys.modules["caffe." + theirs] = importlib.import_module("caffe_style.engine." + ours)
    return engine


def genuine_caffe_is_here() -> bool:
    """Whether `import caffe` gives BVLC's module, not the empty one of that name: it has a compiled part."""
    from .. import engine

    if sys.modules.get("caffe") is engine:
        return False
    try:
        package = importlib.util.find_spec("caffe")
    except ValueError:
        return False
    # Looked for without importing the package, which would begin its log.
    places = package and package.submodule_search_locations
    return bool(places) and PathFinder.find_spec("_caffe", places) is not None
