"""Style layers and their weights without naming each: all convolutions, and geometric weights."""

from __future__ import annotations

from typing import Any, Dict, List, Union

from ..errors import OptionError
from .kinds import Layers, LayerWeights

#: Stands for every convolution of the network.
ALL = "all"


class StyleLayers(LayerWeights):
    """Layers with their weights, or `ALL`.

    Examples
    --------
    >>> StyleLayers().read("all", "style_layers")
    'all'
    >>> StyleLayers().read("conv1_1:0.5", "style_layers")
    {'conv1_1': 0.5}
    """

    metavar = "LAYER[:WEIGHT],...|all"

    def check(self, value: Any, name: str) -> Union[str, Dict[str, float]]:
        """Return `ALL` or a dict of str to float."""
        return ALL if value == ALL else super().check(value, name)

    def read(self, text: str, name: str) -> Union[str, Dict[str, float]]:
        """Return `ALL`, or the layers and weights in a text."""
        return ALL if text == ALL else super().read(text, name)

    def write(self, value: Any) -> str:
        """Return the text."""
        return ALL if value == ALL else super().write(value)

    def note(self, value: Any) -> Union[str, Dict[str, float]]:
        """Return `ALL` or a plain dict."""
        return ALL if value == ALL else super().note(value)


def every_layer(layers: Any, network: Any) -> Any:
    """Return the layers, with every convolution of the network at equal weights in place of `ALL`.

    Raises
    ------
    OptionError
        If `ALL` is one of several layers, or has a weight.
    """
    if layers != ALL:
        if layers and ALL in layers and ALL not in network.net.blobs:
            raise OptionError("style_layers: all stands alone, without a weight or another layer")
        return layers
    blobs = network.convolutions
    return dict.fromkeys(blobs, 1 / len(blobs))


def geometric(layers: Layers, order: List[str], factor: float) -> Dict[str, float]:
    """Multiply the weight of each layer by the factor to the power of its depth; their total size stays.

    The depth of a layer is its place among the layers in the order of the network. Novak & Nikulin (2016b,
    section 3.1) have the factors 1/2 for the style and 2 for the content.

    Examples
    --------
    >>> geometric({"conv2": 1.0, "conv1": 1.0, "conv3": 1.0}, ["conv1", "conv2", "conv3"], 0.5)
    {'conv2': 0.8571428571428571, 'conv1': 1.7142857142857142, 'conv3': 0.42857142857142855}
    """
    depths = {blob: depth for depth, blob in enumerate(b for b in order if b in layers)}
    scaled = {blob: weight * factor ** depths[blob] for blob, weight in layers.items()}
    ratio = sum(map(abs, layers.values())) / (sum(map(abs, scaled.values())) or 1.0)
    return {blob: weight * ratio for blob, weight in scaled.items()}
