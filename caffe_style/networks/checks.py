"""Checks of a network that was opened, and the kind of its pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .network import Network

from typing import Any

import numpy as np

from ..backends.net import TrainableNet
from ..errors import ModelError, OptionError, PrototxtError, WeightsError


def set_pooling(param: Any, pooling: str) -> None:
    """Set the operation of all pooling layers of a definition; raise OptionError if it is unknown."""
    if pooling not in ("max", "average"):
        raise OptionError("pooling must be max or average, not '%s'" % pooling)
    for layer in param.layer:
        if layer.type == "Pooling":
            method = layer.pooling_param
            method.pool = method.AVE if pooling == "average" else method.MAX


def check_input(network: Network) -> None:
    """Raise ModelError or PrototxtError unless the network's one input is an image (1, 3, H, W)."""
    if len(network.net.inputs) != 1:
        raise ModelError(
            "%s must have one input, the image; it has %s" % (network.name, network.net.inputs)
        )
    shape = tuple(network.net.blobs[network.input_blob].shape)
    if len(shape) != 4 or shape[1] != 3:
        raise PrototxtError(
            "%s reads a blob of shape %s, not an image (1, 3, H, W)" % (network.name, shape)
        )


def check_finite(net: TrainableNet, path: str) -> None:
    """Raise WeightsError, naming the layer, unless all weights are finite numbers."""
    for layer, blobs in net.params.items():
        for blob in blobs:
            if not np.isfinite(blob.data).all():
                raise WeightsError(
                    "%s: the weights of layer '%s' are not all finite numbers" % (path, layer)
                )
