"""What a device is: something that runs a layer's forward and backward on its blobs."""

from __future__ import annotations

from typing import Sequence

from ..blob import Blob
from ..layers.base import Layer


class Device:
    """Runs layers one at a time; a device with `fuses_relu` also convolution and ReLU as one.

    Attributes
    ----------
    name : str
        What the user calls it.
    fuses_relu : bool
        Whether `forward_with_relu` and `backward_with_relu` exist.
    """

    name = ""
    fuses_relu = False

    def forward(self, layer: Layer, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Run the layer's forward."""
        raise NotImplementedError

    def backward(
        self,
        layer: Layer,
        top: Sequence[Blob],
        propagate_down: Sequence[bool],
        bottom: Sequence[Blob],
    ) -> None:
        """Run the layer's backward."""
        raise NotImplementedError

    def forward_with_relu(self, layer: Layer, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Run a convolution and the in-place ReLU that follows it."""
        raise NotImplementedError

    def backward_with_relu(
        self,
        layer: Layer,
        top: Sequence[Blob],
        propagate_down: Sequence[bool],
        bottom: Sequence[Blob],
    ) -> None:
        """Run the two backward; the tops' diffs need not be masked afterwards."""
        raise NotImplementedError
