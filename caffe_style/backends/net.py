"""What is asked of a net, whichever Caffe it comes from: the part of pycaffe's interface that is used.

Nets of the embedded engine and of genuine Caffe have it, and so has the float64 reference. To it belongs a
`device`, which says where the blobs' values are and how much memory they take.
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
        Views: what is written into them is what the net reads.
    shape : sequence of int
        (N, C, H, W) for responses.
    count : int
        Number of values.
    """

    data: np.ndarray
    diff: np.ndarray

    @property
    def shape(self) -> Sequence[int]:
        """The axes' lengths."""

    @property
    def count(self) -> int:
        """Number of values."""

    def reshape(self, *shape: int) -> None:
        """Take another shape; the net follows at its own `reshape`."""


@runtime_checkable
class Net(Protocol):
    """A net that an objective runs.

    Attributes
    ----------
    blobs : mapping of str to Blob
    inputs : sequence of str
        The blobs that are fed.
    top_names, bottom_names : mapping of str to sequence of str
        Layer -> the blobs that it writes, that it reads.
    _layer_names : sequence of str
        In the order in which they run.
    device : Device
        Shows its blobs where losses work.
    """

    device: Device

    @property
    def blobs(self) -> Mapping[str, Blob]:
        """Blobs by name."""

    @property
    def inputs(self) -> Sequence[str]:
        """Names of the blobs that are fed."""

    @property
    def top_names(self) -> Mapping[str, Sequence[str]]:
        """Layer -> the blobs that it writes."""

    @property
    def bottom_names(self) -> Mapping[str, Sequence[str]]:
        """Layer -> the blobs that it reads."""

    _layer_names: Sequence[str]

    def reshape(self) -> None:
        """Give every blob the shape that follows from the inputs' shapes."""

    def _forward(self, start: int, end: int) -> Any:
        """Run the layers from one up to another, both included."""

    def _backward(self, start: int, end: int) -> Any:
        """Run the layers from one down to another, both included."""


@runtime_checkable
class TrainableNet(Net, Protocol):
    """A net whose parameters can be read and set."""

    @property
    def params(self) -> Mapping[str, Sequence[Blob]]:
        """Layer -> its parameters, usually filters and bias."""
