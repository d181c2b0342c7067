"""Old network definitions end as the current ones that say the same."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor

from caffe_style.engine import layer_type_list
from caffe_style.engine.formats.prototxt import parse_net
from caffe_style.engine.formats.upgrade import upgrade, upgrade_v1_layer, v1_type_name
from caffe_style.engine.proto.caffe_pb2 import (
    LayerParameter,
    NetParameter,
    ParamSpec,
    V1LayerParameter,
)
from caffe_style.errors import PrototxtError

# The layer types that had an enum, as Caffe's factory names them, in the enum's order.
TYPES = """Accuracy BNLL Concat Convolution Data Dropout EuclideanLoss Flatten HDF5Data
HDF5Output Im2col ImageData InfogainLoss InnerProduct LRN MultinomialLogisticLoss Pooling ReLU
Sigmoid Softmax SoftmaxWithLoss Split TanH WindowData Eltwise Power SigmoidCrossEntropyLoss
HingeLoss MemoryData ArgMax Threshold DummyData Slice MVN AbsVal Silence ContrastiveLoss Exp
Deconvolution"""


def fill(message) -> None:
    """Something else than the default in every field, so that a field left behind shows."""
    for field in message.DESCRIPTOR.fields:
        current = getattr(message, field.name)
        repeated = hasattr(current, "extend")
        if field.message_type is not None:
            fill(current.add() if repeated else current)
            continue
        if field.enum_type is not None:
            value = field.enum_type.values[-1].number
        elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            value = field.name if field.type == FieldDescriptor.TYPE_STRING else b"bytes"
        elif field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            value = repeated or not field.default_value
        else:
            value = field.number + 1
        if repeated:
            current.append(value)
        else:
            setattr(message, field.name, value)


def test_v1_type_names():
    names = [v1_type_name(value) for value in V1LayerParameter.LayerType.values()]
    assert names == ["", *TYPES.split()]


def test_the_engine_has_every_v1_type_that_reads_no_database():
    databases = {"Data", "HDF5Data", "HDF5Output", "ImageData", "WindowData", "MemoryData"}
    assert set(TYPES.split()) - set(layer_type_list()) <= databases


def test_everything_of_a_v1_layer_is_moved():
    old = V1LayerParameter()
    fill(old)
    new = upgrade_v1_layer(old)
    assert (new.name, new.type) == ("name", v1_type_name(39))
    (spec,) = new.param
    assert (spec.name, spec.share_mode) == ("param", ParamSpec.PERMISSIVE)
    assert (spec.lr_mult, spec.decay_mult) == (8, 9)
    moved = {"name", "type", "param", "blob_share_mode", "blobs_lr", "weight_decay"}
    for field in V1LayerParameter.DESCRIPTOR.fields:
        if field.name not in moved:
            assert getattr(new, field.name) == getattr(old, field.name), field.name


def test_v1_lists_of_different_lengths_become_one_entry_a_parameter():
    net = parse_net(
        """layers { name: "c" type: CONVOLUTION param: "w" blobs_lr: 1 blobs_lr: 2 weight_decay: 0.5
           blob_share_mode: STRICT blob_share_mode: PERMISSIVE blob_share_mode: STRICT }"""
    )
    first, second, third = net.layer[0].param
    assert (first.name, first.lr_mult, first.decay_mult) == ("w", 1, 0.5)
    assert (second.lr_mult, second.decay_mult, second.share_mode) == (2, 1, ParamSpec.PERMISSIVE)
    assert not second.HasField("name") and not third.HasField("lr_mult")


def test_v1_net_reads_as_the_current_one():
    old = """name: "n" input: "data" input_dim: 1 input_dim: 3 input_dim: 9 input_dim: 8 force_backward: true
    layers { name: "conv1" type: CONVOLUTION bottom: "data" top: "conv1" blobs_lr: 1 blobs_lr: 2
             convolution_param { num_output: 4 kernel_size: 3 pad: 1 } include { phase: TEST } }
    layers { name: "relu1" type: RELU bottom: "conv1" top: "conv1" }
    layers { name: "loss" type: SOFTMAX_LOSS bottom: "conv1" bottom: "label" loss_weight: 2 }"""
    new = """name: "n" force_backward: true
    layer { name: "input" type: "Input" top: "data"
            input_param { shape { dim: 1 dim: 3 dim: 9 dim: 8 } } }
    layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
            param { lr_mult: 1 } param { lr_mult: 2 }
            convolution_param { num_output: 4 kernel_size: 3 pad: 1 } include { phase: TEST } }
    layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "conv1" bottom: "label" loss_weight: 2 }"""
    expected = parse_net(new)
    assert parse_net(old) == expected
    binary = text_format.Parse(old, NetParameter()).SerializeToString()
    assert upgrade(NetParameter.FromString(binary)) == expected


def test_layer_without_name_or_type_stays_without():
    (layer,) = parse_net('layers { top: "a" }').layer
    assert not layer.HasField("name") and not layer.HasField("type")


def test_layer_beside_layers_is_refused():
    net = NetParameter()
    net.layer.add(name="a")
    net.layers.add(name="b")
    with pytest.raises(PrototxtError, match="both 'layer' and 'layers'"):
        upgrade(net)


INPUTS = 'input: "data" input: "label" layer { name: "relu" bottom: "data" }'
SHAPES = "input_shape { dim: 2 dim: 3 } input_shape { dim: 2 }"
DIMS = "".join("input_dim: %d " % size for size in (2, 3, 4, 5, 2, 1, 1, 1))


@pytest.mark.parametrize(
    "given, expected",
    [(SHAPES, [[2, 3], [2]]), (DIMS, [[2, 3, 4, 5], [2, 1, 1, 1]]), (SHAPES + DIMS, [[2, 3], [2]])],
    ids=["input_shape", "input_dim", "both"],
)
def test_inputs_become_the_first_layer(given, expected):
    net = parse_net(INPUTS + given)
    layer, relu = net.layer
    assert (layer.name, layer.type, list(layer.top)) == ("input", "Input", ["data", "label"])
    assert [list(shape.dim) for shape in layer.input_param.shape] == expected
    assert relu.name == "relu"
    assert not (net.input or net.input_dim or net.input_shape)


def test_inputs_without_shapes_are_dropped_as_caffe_drops_them():
    net = parse_net(INPUTS)
    assert [layer.name for layer in net.layer] == ["relu"] and not net.input


@pytest.mark.parametrize("given", ["input_shape { dim: 2 }", "input_dim: 2 " * 7])
def test_too_few_shapes_are_told(given):
    with pytest.raises(PrototxtError, match=r"2 input\(s\) but 1 shape\(s\)"):
        parse_net(INPUTS + given)


def test_batch_norm_statistics_do_not_learn():
    text = 'layer { type: "%s" param { lr_mult: 1 name: "m" } param { decay_mult: 3 } %s }'
    (layer,) = parse_net(text % ("BatchNorm", "param { }")).layer
    assert [(spec.lr_mult, spec.decay_mult) for spec in layer.param] == [(0, 0)] * 3
    assert layer.param[0].name == "m"
    for kind, third in (("Convolution", "param { }"), ("BatchNorm", "")):
        (layer,) = parse_net(text % (kind, third)).layer
        assert (layer.param[0].lr_mult, layer.param[1].decay_mult) == (1, 3)


@pytest.mark.parametrize("kind", ["data", "image_data", "window_data"])
def test_transformations_of_data_layers_move(kind):
    fields = 'scale: 0.5 mean_file: "m" crop_size: 7 mirror: true'
    old = 'layers { type: %s %s_param { source: "s" %s } transform_param { force_gray: true } }'
    new = 'layer { type: "%s" %s_param { source: "s" } transform_param { force_gray: true %s } }'
    name = v1_type_name(V1LayerParameter.LayerType.Value(kind.upper()))
    assert parse_net(old % (kind.upper(), kind, fields)) == parse_net(new % (name, kind, fields))


def test_current_net_is_left_as_it_is():
    net = NetParameter(name="n", layer=[LayerParameter(name="a", type="ReLU", bottom=["b"])])
    before = net.SerializeToString()
    upgrade(net)
    upgrade(net)
    assert net.SerializeToString() == before
