"""Which OpenCL device a user means, among those that were tried and work."""

from __future__ import annotations

from typing import Any, List, Union

from ....errors import BackendError
from ..table import PYOPENCL, Found, check_library
from . import drivers, trials
from .platforms import import_pyopencl, is_gpu, name_of, visible_devices


def list_devices() -> List[Found]:
    """All devices, in the order in which `--device` counts: GPUs first, what cannot be used last.

    Drivers and devices that are new are tried first, in processes of their own: see `trials`. A handle is a
    pyopencl.Device, a name the device's, its platform's and its driver's version.

    Raises
    ------
    BackendError
        When PyOpenCL or every driver is missing.
    """
    check_library(PYOPENCL)
    faults = trials.try_drivers()
    working = [driver for driver, fault in faults.items() if not fault]
    devices: List[Any] = []
    if working:
        drivers.preload_siblings()
        with drivers.shown(working):
            cl = import_pyopencl()
            devices = visible_devices(cl)
    named = ((device, name_of(device)) for device in devices)
    found = [Found(name, trials.try_device(name, working), device) for device, name in named]
    gpus = [each for each in found if is_gpu(cl, each.handle)]
    # The loader has no order for drivers; that of GPUs is what people know.
    processors = sorted((each for each in found if each not in gpus), key=lambda each: each.name)
    found = sorted(gpus + processors, key=lambda each: bool(each.fault))
    found += [Found(driver, fault) for driver, fault in faults.items() if fault]
    if not found:
        raise BackendError("no OpenCL device here: " + PYOPENCL.install)
    return found


def choose_device(wanted: Union[int, str]) -> Found:
    """The device of this number in `list_devices`, or the first whose name contains this text.

    Raises
    ------
    BackendError
        When there is none, listing those that are there; or when it cannot be used.
    """
    found = list_devices()
    if isinstance(wanted, int):
        matching = found[wanted : wanted + 1] if wanted >= 0 else []
    else:
        matching = [each for each in found if wanted.lower() in each.name.lower()]
    if not matching:
        there = "; ".join("%d: %s" % numbered for numbered in enumerate(e.name for e in found))
        raise BackendError("no OpenCL device %s: there is %s" % (wanted, there))
    if matching[0].fault:
        raise BackendError(
            "the OpenCL device %s cannot be used: its driver %s; a newer driver may help,"
            " and once %s is deleted it is tried again"
            % (matching[0].name, matching[0].fault, drivers.cache_folder())
        )
    return matching[0]
