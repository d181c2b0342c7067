"""Older formats of network definitions, brought to the present one as Caffe does when it reads them.

- V1 (2013 to 2014): `layers` with enum types, learning rates by `blobs_lr`, parameter names in `param`.
- Inputs at the top level: `input` with `input_shape` or groups of four `input_dim`.
- BatchNorm whose three statistics had learning rates.
- Data layers with the transformation in their own message.
"""

from __future__ import annotations

from typing import Any

from ...errors import PrototxtError

#: V1 enum names whose layer type is not the same word in capitals.
_TYPES = {
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "CONTRASTIVE_LOSS": "ContrastiveLoss",
    "DUMMY_DATA": "DummyData",
    "EUCLIDEAN_LOSS": "EuclideanLoss",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "HINGE_LOSS": "HingeLoss",
    "IM2COL": "Im2col",
    "IMAGE_DATA": "ImageData",
    "INFOGAIN_LOSS": "InfogainLoss",
    "INNER_PRODUCT": "InnerProduct",
    "LRN": "LRN",
    "MEMORY_DATA": "MemoryData",
    "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss",
    "MVN": "MVN",
    "NONE": "",
    "RELU": "ReLU",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "TANH": "TanH",
    "WINDOW_DATA": "WindowData",
}

#: Fields of TransformationParameter that data layers once had themselves.
_TRANSFORMATION = ("scale", "mean_file", "crop_size", "mirror")
_DATA_PARAMS = {
    "Data": "data_param",
    "ImageData": "image_data_param",
    "WindowData": "window_data_param",
}


def upgrade(net: Any) -> None:
    """Bring a NetParameter to the present format, in place.

    Raises
    ------
    PrototxtError
        When it mixes `layer` and `layers`, or its inputs have no shapes.
    """
    if len(net.layers):
        if len(net.layer):
            raise PrototxtError("has both `layer` and the older `layers`: use one of them")
        for old in net.layers:
            _upgrade_layer(old, net.layer.add())
        net.ClearField("layers")
    for layer in net.layer:
        if layer.type in _DATA_PARAMS:
            _upgrade_transformation(layer)
        if layer.type == "BatchNorm" and len(layer.param) == 3:
            for spec in layer.param:
                # Statistics are not learnt.
                spec.lr_mult = 0
                spec.decay_mult = 0
    if len(net.input):
        _upgrade_inputs(net)


def layer_type(enum_name: str) -> str:
    """The present name of a V1 layer type."""
    return _TYPES.get(enum_name, enum_name.capitalize())


def _upgrade_layer(old: Any, new: Any) -> None:
    types = old.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number
    for field, value in old.ListFields():
        name = field.name
        if name == "type":
            new.type = layer_type(types[value].name)
        elif name in ("name",):
            new.name = value
        elif name in ("bottom", "top", "loss_weight"):
            getattr(new, name).extend(value)
        elif name in ("include", "exclude", "blobs"):
            getattr(new, name).extend(value)
        elif name.endswith("_param"):
            getattr(new, name).CopyFrom(value)
    for name, attribute in (
        ("param", "name"),
        ("blob_share_mode", "share_mode"),
        ("blobs_lr", "lr_mult"),
        ("weight_decay", "decay_mult"),
    ):
        for index, value in enumerate(getattr(old, name)):
            while len(new.param) <= index:
                new.param.add()
            setattr(new.param[index], attribute, value)


def _upgrade_transformation(layer: Any) -> None:
    source = getattr(layer, _DATA_PARAMS[layer.type])
    for name in _TRANSFORMATION:
        if source.HasField(name):
            setattr(layer.transform_param, name, getattr(source, name))
            source.ClearField(name)


def _upgrade_inputs(net: Any) -> None:
    """Top-level inputs become an Input layer called "input", put first."""
    if len(net.input_shape) and len(net.input_dim):
        raise PrototxtError("has both input_shape and input_dim: give one of them")
    shapes = [list(shape.dim) for shape in net.input_shape]
    if not shapes:
        dims = list(net.input_dim)
        shapes = [dims[first : first + 4] for first in range(0, len(dims), 4)]
    if len(shapes) != len(net.input) or any(
        len(shape) != 4 for shape in shapes if len(net.input_dim)
    ):
        raise PrototxtError(
            "names %d inputs but %d shapes: give each one input_shape, or four input_dim"
            % (len(net.input), len(shapes))
        )
    old_layers = list(net.layer)
    first = type(net)().layer.add(name="input", type="Input")
    first.top.extend(net.input)
    for shape in shapes:
        first.input_param.shape.add().dim.extend(shape)
    copies = []
    for layer in old_layers:
        copy = type(layer)()
        copy.CopyFrom(layer)
        copies.append(copy)
    del net.layer[:]
    net.layer.extend([first] + copies)
    for name in ("input", "input_shape", "input_dim"):
        net.ClearField(name)
