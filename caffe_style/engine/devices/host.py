"""The plain device: every layer's own numpy definition."""

from __future__ import annotations

from typing import Sequence

from ..blob import Blob
from ..layers.base import Layer
from .base import Device


class HostDevice(Device):
    """Runs each layer as it defines itself."""

    name = "numpy"

    def forward(self, layer: Layer, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Run the layer's forward."""
        layer.forward(bottom, top)

    def backward(
        self,
        layer: Layer,
        top: Sequence[Blob],
        propagate_down: Sequence[bool],
        bottom: Sequence[Blob],
    ) -> None:
        """Run the layer's backward."""
        layer.backward(top, propagate_down, bottom)
