"""Which OpenCL devices are here, and which of them a user means."""

from __future__ import annotations

import warnings
from typing import Any, List, NamedTuple, Union

from ....errors import BackendError

INSTALL = (
    'pip install "caffe-style[opencl]", and the OpenCL driver of your GPU (or PoCL for the CPU)'
)
TRIVIAL = "__kernel void nothing(__global float* x) { x[0] = 0; }"


class Found(NamedTuple):
    """One device of one platform.

    Attributes
    ----------
    device : pyopencl.Device
        The handle.
    name : str
        The device's name, its platform's, its driver's version.
    fault : str
        Why it cannot be used; empty where it can.
    """

    device: Any
    name: str
    fault: str


def import_pyopencl() -> Any:
    """The module pyopencl.

    Raises
    ------
    BackendError
        When it is not installed.
    """
    try:
        import pyopencl
    except ImportError as error:
        raise BackendError("no PyOpenCL here (%s): %s" % (error, INSTALL)) from None
    return pyopencl


def list_devices() -> List[Found]:
    """All devices, in the order in which `--device` counts: GPUs first, what cannot be used last.

    Raises
    ------
    BackendError
        When PyOpenCL or every platform is missing.
    """
    cl = import_pyopencl()
    try:
        platforms = cl.get_platforms()
    except cl.Error:
        platforms = []
    if not platforms:
        raise BackendError("no OpenCL platform here: " + INSTALL)
    found = []
    for platform in platforms:
        try:
            devices = platform.get_devices()
        except cl.Error:  # a driver without its hardware
            devices = []
        for device in devices:
            driver = device.driver_version.strip()
            name = "%s (%s %s)" % (device.name.strip(), platform.name.strip(), driver)
            found.append(Found(device, name, find_fault(cl, device)))
    return sorted(found, key=lambda each: (bool(each.fault), not is_gpu(cl, each.device)))


def is_gpu(cl: Any, device: Any) -> bool:
    """Whether a device works in many narrow lanes rather than few wide vectors."""
    return not device.type & cl.device_type.CPU


def find_fault(cl: Any, device: Any) -> str:
    """Why a device cannot run kernels; PoCL's compiler, for one, refuses processors newer than itself."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cl.Program(cl.Context([device]), TRIVIAL).build()
    except cl.Error as error:
        lines = [line.strip() for line in str(error).splitlines() if "error:" in line]
        return "its driver cannot compile: " + (lines or str(error).splitlines())[0]
    return ""


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
        raise BackendError("no OpenCL device %s: there is %s" % (wanted, there or "none"))
    if matching[0].fault:
        raise BackendError(
            "the OpenCL device %s cannot be used: %s: a newer driver can (for PoCL the distribution's,"
            " pocl-opencl-icd)" % (matching[0].name, matching[0].fault)
        )
    return matching[0]
