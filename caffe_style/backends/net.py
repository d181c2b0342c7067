"""The interface of a net on any backend: the part of pycaffe's interface that this package uses.

The nets of the embedded engine, of genuine Caffe and of the float64 reference have it. They also have a
`device`, which gives access to the blobs' values and says how much memory they need.
"""

from __future__ import annotations

from typing import Any, Mapping, Protocol, Sequence, runtime_checkable

import numpy as np

from ..engine.devices import Device


@runtime_checkable
class Blob(Protocol):
    """Values and their gradient.

    Attributes
    ----------
    data, diff : ndarray, float32
        Views of the net's own memory. The net reads the values that are written into them.
    shape : sequence of int
        (N, C, H, W) for responses.
    count : int
        Number of values.
    """

    data: np.ndarray
    diff: np.ndarray

    @property
    def shape(self) -> Sequence[int]:
        """Lengths of the axes."""

    @property
    def count(self) -> int:
        """Number of values."""

    def reshape(self, *shape: int) -> None:
        """Change the shape. The other blobs follow when `reshape` of the net is called."""


@runtime_checkable
class Net(Protocol):
    """A net that an objective runs.

    Attributes
    ----------
    blobs : mapping of str to Blob
    inputs : sequence of str
        Names of the blobs that take the net's input.
    top_names, bottom_names : mapping of str to sequence of str
        Names of the blobs that each layer writes, and of those that it reads.
    _layer_names : sequence of str
        Names of the layers, in the order in which they run.
    device : Device
        Device that gives the losses access to the blobs.
    """

    device: Device

    @property
    def blobs(self) -> Mapping[str, Blob]:
        """Blobs by name."""

    @property
    def inputs(self) -> Sequence[str]:
        """Names of the blobs that take the net's input."""

    @property
    def top_names(self) -> Mapping[str, Sequence[str]]:
        """Names of the blobs that each layer writes."""

    @property
    def bottom_names(self) -> Mapping[str, Sequence[str]]:
        """Names of the blobs that each layer reads."""

    _layer_names: Sequence[str]

    def reshape(self) -> None:
        """Give every blob the shape that follows from the inputs' shapes."""

    def _forward(self, start: int, end: int) -> Any:
        """Run the layers from index `start` up to index `end`, both included."""

    def _backward(self, start: int, end: int) -> Any:
        """Run the layers backward from index `start` down to index `end`, both included."""


@runtime_checkable
class TrainableNet(Net, Protocol):
    """A net whose parameters can be read and set."""

    @property
    def params(self) -> Mapping[str, Sequence[Blob]]:
        """Parameters of each layer, usually filters and bias."""
