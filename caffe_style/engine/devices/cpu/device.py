"""The cpu device: native kernels for the layers that matter, the layers' own numpy for the others."""

from __future__ import annotations

import sys

from ... import native
from ...layers.base import Layer
from ..base import Device
from ..kernels import Blobs, KernelDevice, Wanted
from . import layers
from .kept import Keeper

_told = False


def make_device(name: str, index: int = 0) -> Device:
    """The device "cpu" or "numpy"; there is one of each."""
    return Device() if name == "numpy" else make_cpu_device()


def make_cpu_device() -> Device:
    """The native device where its kernels were built, else the numpy one (told once)."""
    global _told
    if native.available:
        return CpuDevice()
    if not _told:
        _told = True
        print(
            "caffe_style: no native kernels (%s): running on numpy, several times slower"
            % native.why_not,
            file=sys.stderr,
        )
    return Device()


class CpuDevice(KernelDevice):
    """Runs the kernels of `layers.KERNELS`; a layer they do not serve runs as it defines itself."""

    name = "cpu"
    fuses_relu = True
    uses_blas = False

    def __init__(self) -> None:
        super().__init__(layers.KERNELS, Device())
        self.keeper = Keeper()

    def reserve(self, needed: int) -> None:
        """Keep filters only in the memory that a run leaves."""
        self.keeper.reserve(needed)

    def forward_with_relu(self, layer: Layer, bottom: Blobs, top: Blobs) -> None:
        """Run a convolution and its ReLU in one pass over the top."""
        if layers.is_plain(layer, bottom, top):
            layers.convolution_forward(self, layer, bottom, top, relu=True)
        else:
            layer.forward(bottom, top)
            native.relu(top[0].data_buffer(), top[0].data_buffer())

    def backward_with_relu(
        self, layer: Layer, top: Blobs, propagate_down: Wanted, bottom: Blobs
    ) -> None:
        """Run both, the mask applied while the diff is read."""
        if layers.is_plain(layer, bottom, top) and not any(layer.param_propagate_down):
            layers.convolution_backward(self, layer, top, propagate_down, bottom, relu=True)
        else:
            diff = top[0].diff_buffer()
            native.relu_gradient(top[0].data_buffer(), diff, diff)
            self.backward(layer, top, propagate_down, bottom)
