"""The engine's cpu and numpy devices: the host, with native kernels and without."""

from .device import CpuDevice, make_cpu_device, make_device

__all__ = ["CpuDevice", "make_cpu_device", "make_device"]
