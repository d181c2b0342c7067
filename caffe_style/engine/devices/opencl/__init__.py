"""The engine's opencl device: PyOpenCL, and kernels of our own beside this file."""

from .device import OpenclDevice, make_opencl_device
from .platforms import list_devices

__all__ = ["OpenclDevice", "list_devices", "make_opencl_device"]
