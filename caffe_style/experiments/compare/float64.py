"""The float64 reference: the layers' numpy definitions on float64 blobs.

Every backend computes in float32, each in its own order. The reference is the same network in double precision.
Its rounding errors, near 1e-16, are negligible in comparison.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any, Dict, List, Tuple

import numpy as np

from ...engine.devices import Device
from ...errors import BackendError
from ...networks.network import Network

#: Layer types whose numpy definition takes the precision of its input.
TYPES = ("Concat", "Convolution", "Dropout", "Input", "LRN", "Pooling", "ReLU", "Split")


class Float64Blob:
    """A blob with data and diff in float64, in the shape and channels-last layout of an engine's blob."""

    def __init__(self, blob: Any) -> None:
        self._blob = blob
        self._buffers: Dict[str, np.ndarray] = {}

    @property
    def shape(self) -> Tuple[int, ...]:
        """Shape of the blob in Caffe's order."""
        return self._blob.shape

    @property
    def count(self) -> int:
        """Number of values."""
        return self._blob.count

    def reshape(self, *shape: int) -> None:
        """Change the shape."""
        self._blob.reshape(*shape)

    def _buffer(self, name: str) -> np.ndarray:
        if name not in self._buffers or self._buffers[name].shape != self._blob.physical_shape:
            self._buffers[name] = np.zeros(self._blob.physical_shape)
        return self._buffers[name]

    def data_buffer(self, overwritten: bool = False) -> np.ndarray:
        """Return the data in the memory's layout."""
        return self._buffer("data")

    def diff_buffer(self, overwritten: bool = False) -> np.ndarray:
        """Return the diff in the memory's layout."""
        return self._buffer("diff")

    def read_data(self) -> np.ndarray:
        """Return the data. Devices call this method."""
        return self.data

    def share_data(self, other: Float64Blob) -> None:
        """Use the data of `other`."""
        self._buffers["data"] = other.data_buffer()

    data = data_view = property(
        lambda self: np.moveaxis(self.data_buffer(), -1, 1), doc="Values, (N, C, H, W)."
    )
    diff = diff_view = property(
        lambda self: np.moveaxis(self.diff_buffer(), -1, 1), doc="Their gradient."
    )


class Float64Net:
    """A `backends.net.Net` that runs the graph of an engine's net in float64.

    Parameters
    ----------
    net : Net
        Net of the embedded engine. Its graph, shapes and weights are used, but not the values of its blobs.
    """

    device = Device()

    def __init__(self, net: Any) -> None:
        self._net = net
        self._layer_names: List[str] = list(net._layer_names)
        self.inputs = net.inputs
        self.top_names, self.bottom_names = net.top_names, net.bottom_names
        self.blobs = OrderedDict((name, Float64Blob(blob)) for name, blob in net.blobs.items())

    def reshape(self) -> None:
        """Give every blob the shape that follows from the inputs' shapes."""
        self._net.reshape()

    def _forward(self, start: int, end: int) -> None:
        """Run the layers from index `start` up to index `end`, both included."""
        for name in self._layer_names[start : end + 1]:
            layer, bottom, top = self._prepare(name)
            layer.forward(bottom, top)

    def _backward(self, start: int, end: int) -> None:
        """Run the layers backward from `start` down to `end`, both included, without gradients of weights."""
        for name in reversed(self._layer_names[end : start + 1]):
            layer, bottom, top = self._prepare(name)
            layer.param_propagate_down = [False] * len(layer.blobs)
            layer.backward(top, [True] * len(bottom), bottom)

    def _prepare(self, name: str) -> Tuple[Any, List[Float64Blob], List[Float64Blob]]:
        layer = self._net.layer_dict[name]
        if layer.type not in TYPES:
            raise BackendError("the float64 reference has no layer type '%s'" % layer.type)
        bottom, top = (
            [self.blobs[blob] for blob in names[name]]
            for names in (self.bottom_names, self.top_names)
        )
        return layer, bottom, top


def float64_network(network: Network) -> Network:
    """Return the same network in double precision.

    Parameters
    ----------
    network : Network
        Network on a device of the embedded engine. It cannot be used afterwards.

    Returns
    -------
    Network
    """
    twin = copy.copy(network)
    twin.net, twin.backend = Float64Net(network.net), "float64"
    return twin
