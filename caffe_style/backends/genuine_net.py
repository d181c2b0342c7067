"""The net that genuine Caffe runs, changed so that it computes no gradients of weights."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ..errors import ResourceError
from .net import TrainableNet

#: Name of the layer that is added after the image: see `for_image_gradients`.
IMAGE_LAYER = "caffe_style_image"


_MOST_VALUES = 2**31 - 1


def for_image_gradients(param: Any, parameters: Mapping[str, int]) -> Any:
    """Return the network changed so that Caffe computes the gradient of the image, and of no parameter.

    With force_backward Caffe also computes the gradient of every parameter, which takes a third of the time.
    Without it, Caffe runs backward only from a loss, and only down to a parameter with a learning rate.
    Therefore a Scale layer with the factor 1 is added in place on the image, and all other parameters get
    `lr_mult: 0`. A layer with a loss (Reduction) is added to each end of the network. No evaluation runs it.

    Parameters
    ----------
    param : NetParameter
        Definition of the network.
    parameters : mapping of str to int
        Number of parameter blobs of each layer.

    Returns
    -------
    NetParameter
    """
    changed = type(param)()
    changed.CopyFrom(param)
    changed.ClearField("force_backward")
    del changed.layer[:]
    ends: Dict[str, None] = {}
    for layer in param.layer:
        copy = changed.layer.add()
        copy.CopyFrom(layer)
        for _ in range(len(copy.param), parameters.get(layer.name, 0)):
            copy.param.add()
        for rate in copy.param:
            rate.lr_mult = 0
        for blob in layer.bottom:
            ends.pop(blob, None)
        ends.update(dict.fromkeys(layer.top))
        if layer.type == "Input":
            changed.layer.add(
                name=IMAGE_LAYER, type="Scale", bottom=layer.top[:1], top=layer.top[:1]
            )
    for blob in ends:
        name = "%s_loss_%s" % (IMAGE_LAYER, blob)
        changed.layer.add(name=name, type="Reduction", bottom=[blob], top=[name], loss_weight=[1.0])
    return changed


def columns_count(net: TrainableNet, layer: str) -> int:
    """Return the number of values in a convolution's columns (im2col); 0 for other layers."""
    filters = tuple(net.params[layer][0].shape) if layer in net.params else ()
    if len(filters) != 4 or filters[2:] == (1, 1):
        return 0
    channels = net.blobs[net.bottom_names[layer][0]].shape[1]
    height, width = net.blobs[net.top_names[layer][0]].shape[2:]
    return int(channels * filters[2] * filters[3] * height * width)


def check_counts(net: TrainableNet) -> None:
    """Raise ResourceError if a blob would have more values than Caffe can count."""
    for layer in net._layer_names:
        counts = [net.blobs[blob].count for blob in net.top_names[layer]]
        if max([columns_count(net, layer), *counts]) > _MOST_VALUES:
            raise ResourceError(
                "layer '%s': genuine Caffe's blobs hold 2^31 values at most, and this picture needs "
                "more: choose a smaller size, or --tile" % layer
            )


def net_class(caffe: Any) -> type:
    """Return a subclass of Caffe's Net that checks each new size first, and hides the added Scale layer."""

    class CheckedNet(caffe.Net):
        """A net with `rules`: the same network on the embedded engine, without memory for its values."""

        def reshape(self) -> None:
            """Reshape the net, or raise LayerError or ResourceError and leave the other blobs unchanged."""
            for name in self.inputs:
                self.rules.blobs[name].reshape(*self.blobs[name].shape)
            self.rules.reshape()
            check_counts(self.rules)
            caffe.Net.reshape(self)

        @property
        def params(self) -> Any:
            """Parameters of each layer, without those of the added Scale layer."""
            return type(self._everything)(
                (layer, blobs) for layer, blobs in self._everything.items() if layer != IMAGE_LAYER
            )

        _everything = caffe.Net.params

    return CheckedNet
