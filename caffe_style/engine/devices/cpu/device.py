"""The cpu device: native kernels for the layers that matter, the layers' own numpy for the others."""

from __future__ import annotations

import sys
import weakref
from typing import Any

from ....system.memory import available_bytes
from ... import native
from ...layers.base import Layer
from ..base import Device
from ..kernels import Blobs, KernelDevice, Wanted
from . import layers

#: Bytes that must be free for each weight, so that its transforms (up to 64 bytes) are kept.
FREE_FOR_FILTERS = 400

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
        self._filters: Any = weakref.WeakKeyDictionary()

    def kept_filters(self, layer: Layer, forward: bool) -> Any:
        """Where the kernels keep what they made of a layer's weights, until these change; or None.

        It begins in the second run forward with the same weights, so that a net that runs once, or is trained,
        keeps nothing; and not where memory is short. Results are the same with and without it.
        """
        memory = layer.blobs[0].data_memory
        weights, kept = self._filters.get(layer, (None, None))
        if weights != (memory, memory.version):
            weights, kept = (memory, memory.version), None
        elif forward and kept is None and _is_free(FREE_FOR_FILTERS * layer.blobs[0].count):
            kept = native.KeptFilters()
        self._filters[layer] = weights, kept
        return kept

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


def _is_free(size: int) -> bool:
    available = available_bytes()
    return available is None or available >= size
