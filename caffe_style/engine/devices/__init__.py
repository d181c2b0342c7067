"""Devices: who runs a layer. The engine has one current device, as Caffe has one current mode."""

from __future__ import annotations

from typing import Optional, Union

from ...errors import BackendError
from .base import Device
from .host import HostDevice

_current: Optional[Device] = None

NAMES = ("cpu", "numpy", "opencl", "cuda", "cuda-tf32", "torch")


def make_device(name: str, index: Union[int, str] = 0) -> Device:
    """The device of this name ('cpu': native kernels where they were built; 'numpy': never).

    `index` is the number of a GPU or, for opencl, a part of a device's own name.

    Raises
    ------
    BackendError
        For a name that is none of `NAMES`.
    """
    if name != "opencl" and not isinstance(index, int):
        raise BackendError("--device for %s takes a number, not '%s'" % (name, index))
    if name == "numpy":
        return HostDevice()
    if name == "cpu":
        from .cpu import make_cpu_device

        return make_cpu_device()
    if name == "opencl":
        from .opencl import make_opencl_device

        return make_opencl_device(index)
    if name in NAMES:
        from .cuda import make_torch_device

        return make_torch_device(name, index)
    raise BackendError("unknown device '%s': choose one of %s" % (name, ", ".join(NAMES)))


def use_device(name: str, index: Union[int, str] = 0) -> Device:
    """Make a device the current one for every net; returns it."""
    global _current
    _current = make_device(name, index)
    return _current


def current_device() -> Device:
    """The device that runs the nets: cpu until told otherwise."""
    return _current if _current is not None else use_device("cpu")


__all__ = ["Device", "HostDevice", "NAMES", "current_device", "make_device", "use_device"]
