"""A device with kernels for some layers, which leaves the others to another device."""

from __future__ import annotations

import logging
from typing import Any, Callable, Dict, NamedTuple, Sequence, Set

from ..blob import Blob
from ..layers.base import Layer
from .base import Device

Blobs = Sequence[Blob]
Wanted = Sequence[bool]


class Kernel(NamedTuple):
    """How a device runs one layer type.

    Attributes
    ----------
    serves : callable
        `serves(layer, bottom, top) -> bool`: whether it can.
    forward : callable
        `forward(device, layer, bottom, top)`.
    backward : callable
        `backward(device, layer, top, wanted, bottom)`.
    host_slopes : bool
        Whether the host must compute the gradients to parameters, where they are asked for.
    """

    serves: Callable[[Any, Blobs, Blobs], bool]
    forward: Callable[[Any, Any, Blobs, Blobs], None]
    backward: Callable[[Any, Any, Blobs, Wanted, Blobs], None]
    host_slopes: bool = False


class KernelDevice(Device):
    """Runs layers by its kernels; one that they do not serve runs on the host.

    Where the device has memory of its own, which costs copies then, this is told once.

    Parameters
    ----------
    kernels : dict of str to Kernel
        By layer type.
    host : Device
        Runs the other layers.
    """

    def __init__(self, kernels: Dict[str, Kernel], host: Device) -> None:
        self._kernels = kernels
        self._host = host
        self._told: Set[str] = set()

    def _kernel(self, layer: Layer, bottom: Blobs, top: Blobs) -> Any:
        kernel = self._kernels.get(layer.type)
        if kernel is not None and kernel.serves(layer, bottom, top):
            return kernel
        if bottom and self.own_memory:
            self.tell(
                "the %s device has no kernel for %s here: it runs on the host"
                % (self.name, layer.type)
            )
        return None

    def tell(self, message: str) -> None:
        """Log a message, once."""
        if message not in self._told:
            self._told.add(message)
            logging.getLogger("caffe_style").info(message)

    def forward(self, layer: Layer, bottom: Blobs, top: Blobs) -> None:
        """Run the layer's forward."""
        kernel = self._kernel(layer, bottom, top)
        if kernel is None:
            self._host.forward(layer, bottom, top)
        else:
            kernel.forward(self, layer, bottom, top)

    def backward(self, layer: Layer, top: Blobs, propagate_down: Wanted, bottom: Blobs) -> None:
        """Run the layer's backward."""
        kernel = self._kernel(layer, bottom, top)
        if kernel is None:
            self._host.backward(layer, top, propagate_down, bottom)
            return
        if kernel.host_slopes and any(layer.param_propagate_down):
            self.tell("gradients to the parameters of %s are computed on the host" % layer.type)
            self._host.backward(layer, top, [False] * len(bottom), bottom)
        kernel.backward(self, layer, top, propagate_down, bottom)
