"""The net that genuine Caffe runs: with a factor on the image, so that no weight gradients are computed."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ..errors import ResourceError
from .net import TrainableNet

#: Put in place on the image; see `for_image_gradients`.
IMAGE_LAYER = "caffe_style_image"


_MOST_VALUES = 2**31 - 1


def for_image_gradients(param: Any, parameters: Mapping[str, int]) -> Any:
    """The network changed so that Caffe computes the image's gradient and no parameter's.

    Under force_backward Caffe computes the gradient of every parameter too, a third of the time. Without, it
    goes back to parameters that learn, and from losses: so all get `lr_mult: 0` but a Scale by 1, in place on
    the image, and whatever ends the network gets a loss (Reduction), which no evaluation runs.

    Parameters
    ----------
    param : NetParameter
    parameters : mapping of str to int
        Layer -> how many parameter blobs it has.

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
    """Values in what Caffe lays a convolution's input out in (im2col), 0 for other layers."""
    filters = tuple(net.params[layer][0].shape) if layer in net.params else ()
    if len(filters) != 4 or filters[2:] == (1, 1):
        return 0
    channels = net.blobs[net.bottom_names[layer][0]].shape[1]
    height, width = net.blobs[net.top_names[layer][0]].shape[2:]
    return int(channels * filters[2] * filters[3] * height * width)


def check_counts(net: TrainableNet) -> None:
    """Raise ResourceError where a blob would have more values than Caffe counts."""
    for layer in net._layer_names:
        counts = [net.blobs[blob].count for blob in net.top_names[layer]]
        if max([columns_count(net, layer), *counts]) > _MOST_VALUES:
            raise ResourceError(
                "layer '%s': genuine Caffe's blobs hold 2^31 values at most, fewer than this picture "
                "needs: choose a smaller size, or --tile" % layer
            )


def net_class(caffe: Any) -> type:
    """Caffe's Net, asking the engine's rules before it takes a new size, and hiding the layers added."""

    class CheckedNet(caffe.Net):
        """`rules` is the same network on the embedded engine, with nothing allocated."""

        def reshape(self) -> None:
            """Reshape, or raise LayerError or ResourceError and leave the other blobs as they were."""
            for name in self.inputs:
                self.rules.blobs[name].reshape(*self.blobs[name].shape)
            self.rules.reshape()
            check_counts(self.rules)
            caffe.Net.reshape(self)

        @property
        def params(self) -> Any:
            """Layer name -> parameters, without the factor on the image."""
            return type(self._everything)(
                (layer, blobs) for layer, blobs in self._everything.items() if layer != IMAGE_LAYER
            )

        _everything = caffe.Net.params

    return CheckedNet
