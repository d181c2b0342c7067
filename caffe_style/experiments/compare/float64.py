"""The float64 reference: the layers' own numpy definitions on float64 blobs.

Every backend computes in float32, each in its own order. What they all approximate is the same network in
double precision: its rounding, near 1e-16, is nothing beside theirs.
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
    """Data and diff in float64, in the shape and channels-last layout of one of the engine's blobs."""

    def __init__(self, blob: Any) -> None:
        self._blob = blob
        self._buffers: Dict[str, np.ndarray] = {}

    @property
    def shape(self) -> Tuple[int, ...]:
        """Caffe's shape."""
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
        """Data as it lies in memory."""
        return self._buffer("data")

    def diff_buffer(self, overwritten: bool = False) -> np.ndarray:
        """Diff as it lies in memory."""
        return self._buffer("diff")

    def read_data(self) -> np.ndarray:
        """`data`, as devices ask for it."""
        return self.data

    def share_data(self, other: Float64Blob) -> None:
        """Show the data of `other`."""
        self._buffers["data"] = other.data_buffer()

    data = data_view = property(
        lambda self: np.moveaxis(self.data_buffer(), -1, 1), doc="Values, (N, C, H, W)."
    )
    diff = diff_view = property(
        lambda self: np.moveaxis(self.diff_buffer(), -1, 1), doc="Their gradient."
    )


class Float64Net:
    """Runs the graph of an engine's net in float64; a `backends.net.Net`.

    Parameters
    ----------
    net : Net
        Of the embedded engine. Its graph, shapes and weights serve; its blobs' values do not.
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
        """Run the layers from one up to another, both included."""
        for name in self._layer_names[start : end + 1]:
            layer, bottom, top = self._prepare(name)
            layer.forward(bottom, top)

    def _backward(self, start: int, end: int) -> None:
        """Run from one down to another, both included; weights get no gradient."""
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
    """The same network in double precision.

    Parameters
    ----------
    network : Network
        On a device of the embedded engine; its net is used up.

    Returns
    -------
    Network
    """
    twin = copy.copy(network)
    twin.net, twin.backend = Float64Net(network.net), "float64"
    return twin
