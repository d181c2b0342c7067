"""The table of devices: all that the rest of the package knows of one by name.

A new device is a row here and a module with `make_device(name, index)`.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, List, NamedTuple, Optional

from ...errors import BackendError
from .listing import list_apart


class Library(NamedTuple):
    """A library that this package does without unless a device needs it.

    Attributes
    ----------
    module : str
        What Python imports.
    title : str
        What people call it.
    install : str
        How to get it, a clause for an error.
    """

    module: str
    title: str
    install: str


class Found(NamedTuple):
    """A piece of hardware, or a driver that fails before it names any.

    Attributes
    ----------
    name : str
        For people.
    fault : str
        Why it cannot be used; empty where it can.
    handle : object
        What its library calls it, where it has something like that.
    """

    name: str
    fault: str = ""
    handle: Any = None


class Row(NamedTuple):
    """A device.

    Attributes
    ----------
    name : str
        What the user calls it.
    module : str
        Which module makes it.
    needs : Library or None
        The library without which there is none.
    probe : str
        The function of the module that lists its hardware as a list of Found, in the order in which `--device`
        counts, or raises BackendError; empty where it runs on any machine.
    by_name : bool
        Whether `--device` may also be a part of the hardware's name.
    apart : bool
        Whether `probe` is called in a process of its own, since what it loads can end the process.
    """

    name: str
    module: str
    needs: Optional[Library] = None
    probe: str = ""
    by_name: bool = False
    apart: bool = False


PYOPENCL = Library(
    "pyopencl",
    "PyOpenCL",
    'pip install "caffe-style[opencl]", and the OpenCL driver of your GPU',
)
TORCH = Library(
    "torch",
    "PyTorch",
    "pip install 'caffe_style[cuda]', or see pytorch.org for the build that fits your GPU's driver",
)

_CPU, _OPENCL, _CUDA = (__name__.rpartition(".")[0] + part for part in (".cpu", ".opencl", ".cuda"))

DEVICES = (
    Row("cpu", _CPU),
    Row("numpy", _CPU),
    Row("opencl", _OPENCL, PYOPENCL, "list_devices", by_name=True),
    Row("cuda", _CUDA, TORCH, "list_gpus", apart=True),
    Row("cuda-tf32", _CUDA, TORCH, "list_gpus", apart=True),
    Row("torch", _CUDA, TORCH),
)
#: What Caffe's mode GPU takes, the first that is here.
GPUS = ("cuda", "opencl")


def row_of(name: str) -> Row:
    """The row of this name.

    Raises
    ------
    BackendError
        For a name that is not in the table.
    """
    for row in DEVICES:
        if row.name == name:
            return row
    names = ", ".join(row.name for row in DEVICES)
    raise BackendError("unknown device '%s': choose one of %s" % (name, names))


def check_library(library: Library) -> None:
    """Look for a library without loading it.

    Raises
    ------
    BackendError
        When it is not installed.
    """
    if importlib.util.find_spec(library.module) is None:
        raise BackendError("no %s here: %s" % (library.title, library.install))


def import_library(library: Library) -> Any:
    """The module of a library.

    Raises
    ------
    BackendError
        When it is not installed or does not load.
    """
    check_library(library)
    try:
        return importlib.import_module(library.module)
    except (ImportError, OSError) as error:
        raise BackendError(
            "%s does not load (%s): %s" % (library.title, error, library.install)
        ) from None


def list_hardware(row: Row) -> List[Found]:
    """The hardware that a device can run on; empty where it needs none of its own.

    Raises
    ------
    BackendError
        Why there is none, or no library for it.
    """
    if row.needs is not None:
        check_library(row.needs)
    if not row.probe:
        return []
    if row.apart:
        title = row.needs.title if row.needs else row.name
        return [Found(name) for name in list_apart(title, row.module, row.probe)]
    return getattr(importlib.import_module(row.module), row.probe)()
