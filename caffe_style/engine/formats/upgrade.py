"""What Caffe does to old network definitions when it reads them, so that the rest knows one format only.

In Caffe's order: parameters of data layers that moved to transform_param; `layers` (V1: types are an enum) to
`layer`; inputs of the net to an Input layer; BatchNorm layers that gave learning rates to their statistics.
"""

from __future__ import annotations

from typing import Any

from ...errors import PrototxtError
from ..proto.caffe_pb2 import LayerParameter, NetParameter, V1LayerParameter

#: Names that are not the enum's words with capitals: CONVOLUTION is Convolution, HDF5_DATA is not Hdf5Data.
_IRREGULAR_TYPES = {
    "NONE": "",
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "IM2COL": "Im2col",
    "LRN": "LRN",
    "MVN": "MVN",
    "RELU": "ReLU",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "TANH": "TanH",
}


def upgrade(net: Any) -> Any:
    """Bring a NetParameter to the current format, in place.

    Parameters
    ----------
    net : NetParameter
        As read from a text or binary file.

    Returns
    -------
    NetParameter
        The same message: `layers`, `input`, `input_dim` and `input_shape` are empty now.

    Raises
    ------
    PrototxtError
        For `layer` beside `layers`, and for inputs without a shape each.
    """
    if len(net.layers) and len(net.layer):
        raise PrototxtError("the net has both 'layer' and 'layers' entries: use 'layer' for all")
    for old in net.layers:
        _move_transformation(old)
        net.layer.add().CopyFrom(upgrade_v1_layer(old))
    net.ClearField("layers")
    _inputs_to_layer(net)
    for layer in net.layer:
        if layer.type == "BatchNorm" and len(layer.param) == 3:
            for spec in layer.param:
                spec.lr_mult = spec.decay_mult = 0
    return net


def v1_type_name(value: int) -> str:
    """The name of a V1 layer type: 4 is Convolution, 21 is SoftmaxWithLoss."""
    enum = V1LayerParameter.LayerType.Name(value)
    return _IRREGULAR_TYPES.get(enum, enum.title().replace("_", ""))


def upgrade_v1_layer(old: Any) -> Any:
    """The LayerParameter that says what a V1LayerParameter says."""
    new = LayerParameter(bottom=old.bottom, top=old.top, loss_weight=old.loss_weight)
    if old.HasField("name"):
        new.name = old.name
    if old.HasField("type"):
        new.type = v1_type_name(old.type)
    for field in ("blobs", "include", "exclude"):
        getattr(new, field).extend(getattr(old, field))
    for field, value in old.ListFields():
        if field.name.endswith("_param"):
            getattr(new, field.name).CopyFrom(value)
    # What is one entry a parameter now was four lists, each as long as needed.
    lists = (
        ("name", old.param),
        ("share_mode", old.blob_share_mode),
        ("lr_mult", old.blobs_lr),
        ("decay_mult", old.weight_decay),
    )
    for attribute, values in lists:
        for i, value in enumerate(values):
            spec = new.param[i] if i < len(new.param) else new.param.add()
            setattr(spec, attribute, value)
    return new


def _move_transformation(old: Any) -> None:
    """scale, mean_file, crop_size and mirror of a V1 data layer, to transform_param."""
    for data_param in ("data_param", "image_data_param", "window_data_param"):
        if not old.HasField(data_param):
            continue
        param = getattr(old, data_param)
        for name in ("scale", "mean_file", "crop_size", "mirror"):
            if param.HasField(name):
                setattr(old.transform_param, name, getattr(param, name))
                param.ClearField(name)


def _inputs_to_layer(net: Any) -> None:
    """The net's `input`s become the tops of an Input layer named "input", the first of the net."""
    count = len(net.input)
    shapes = [list(shape.dim) for shape in net.input_shape]
    if not shapes:
        shapes = [net.input_dim[i : i + 4] for i in range(0, len(net.input_dim) - 3, 4)]
    if count and (len(net.input_shape) or len(net.input_dim)):
        if len(shapes) < count:
            raise PrototxtError(
                "the net has %d input(s) but %d shape(s): an input needs an input_shape or four input_dim"
                % (count, len(shapes))
            )
        layer = LayerParameter(name="input", type="Input", top=net.input)
        for shape in shapes[:count]:
            layer.input_param.shape.add(dim=shape)
        others = NetParameter(layer=net.layer)
        net.ClearField("layer")
        net.layer.extend([layer])
        net.layer.extend(others.layer)
    for field in ("input", "input_shape", "input_dim"):
        net.ClearField(field)
