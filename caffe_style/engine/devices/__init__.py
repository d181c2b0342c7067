"""Devices: who runs a layer. The engine has one current device, as Caffe has one current mode."""

from __future__ import annotations

import importlib
from typing import Optional, Union

from ...errors import BackendError
from .base import Device
from .table import DEVICES, GPUS, check_library, list_hardware, row_of

_current: Optional[Device] = None

NAMES = tuple(row.name for row in DEVICES)


def make_device(name: str, index: Union[int, str] = 0) -> Device:
    """The device of this name ('cpu': native kernels where they were built; 'numpy': never).

    `index` is the number of a GPU or, for opencl, a part of a device's own name.

    Raises
    ------
    BackendError
        For a name that is none of `NAMES`, and where the library or the hardware is missing.
    """
    row = row_of(name)
    if not row.by_name and not isinstance(index, int):
        raise BackendError("--device for %s takes a number, not '%s'" % (name, index))
    if row.needs is not None:
        check_library(row.needs)
    return importlib.import_module(row.module).make_device(name, index)


def use_device(name: str, index: Union[int, str] = 0) -> Device:
    """Make a device the current one for every net; returns it."""
    global _current
    _current = make_device(name, index)
    return _current


def current_device() -> Device:
    """The device that runs the nets: cpu until told otherwise."""
    return _current if _current is not None else use_device("cpu")


__all__ = [
    "DEVICES",
    "Device",
    "GPUS",
    "NAMES",
    "current_device",
    "list_hardware",
    "make_device",
    "row_of",
    "use_device",
]
