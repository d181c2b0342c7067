"""The engine's opencl device: PyOpenCL, and kernels of our own beside this file."""

from .choice import list_devices
from .device import OpenclDevice, make_device

__all__ = ["OpenclDevice", "list_devices", "make_device"]
