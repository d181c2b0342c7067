"""What OpenCL's loader sees: PyOpenCL's handles of devices, and their names."""

from __future__ import annotations

import os
from typing import Any, List

from ..table import PYOPENCL, import_library


def import_pyopencl() -> Any:
    """The module pyopencl; what the loader is to see has to be in the environment before.

    Raises
    ------
    BackendError
        When it is not installed or does not load.
    """
    pyopencl = import_library(PYOPENCL)
    # In its own folder its loader would find drivers beside those that were chosen; it crashes without any.
    os.environ["PYOPENCL_HOME"] = os.path.dirname(__file__)
    return pyopencl


def visible_devices(cl: Any) -> List[Any]:
    """Handles of all devices, in the loader's order. A driver that is ill can end the process here."""
    try:
        platforms = cl.get_platforms()
    except cl.Error:
        return []
    devices: List[Any] = []
    for platform in platforms:
        try:
            devices += platform.get_devices()
        except cl.Error:  # a driver without its hardware
            pass
    return devices


def name_of(device: Any) -> str:
    """The device's name, its platform's, its driver's version."""
    driver = device.driver_version.strip()
    return "%s (%s %s)" % (device.name.strip(), device.platform.name.strip(), driver)


def is_gpu(cl: Any, device: Any) -> bool:
    """Whether a device works in many narrow lanes rather than few wide vectors."""
    return not device.type & cl.device_type.CPU
