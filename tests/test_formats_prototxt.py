"""Prototxts: what parses, where it does not, and what old ones become."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from caffe_style.engine.formats.prototxt import (
    MissingPrototxtError,
    parse_net,
    read_prototxt,
    write_prototxt,
)
from caffe_style.engine.formats.upgrade import upgrade, v1_type_name
from caffe_style.engine.proto.caffe_pb2 import (
    LayerParameter,
    NetParameter,
    ParamSpec,
    V1LayerParameter,
)
from caffe_style.errors import PrototxtError

CONVOLUTION = 'layer { name: "c" type: "Convolution" convolution_param { num_output: 4 } }'


def message(text: str) -> NetParameter:
    return text_format.Parse(text, NetParameter())


def test_current_format_stays_as_it_is():
    assert parse_net(CONVOLUTION) == message(CONVOLUTION)


@pytest.mark.parametrize(
    "text, line, column, says",
    [
        (
            'layer {\n  type: "X"\n  nonsense: 3\n}',
            3,
            3,
            '"LayerParameter" has no field named "nonsense"',
        ),
        ("layer {\n convolution_param { pads: 1 } }", 2, 22, '"ConvolutionParameter" has no field'),
        ('layer {\n  type "Convolution"\n}', 2, 8, 'Expected ":"'),
        ("layer { pooling_param { pool: MEAN } }", 1, 31, "has no value named MEAN"),
        ("layer { convolution_param { num_output: -1 } }", 1, 41, "out of range"),
        ('layer { name: "a" name: "b" }', 1, 25, 'multiple "name"'),
        ('name: "never closed', 1, 7, "quote"),
        ("layers {\n  layer { } }", 2, 9, "V0 format"),
    ],
)
def test_errors_say_where(text, line, column, says):
    with pytest.raises(PrototxtError) as caught:
        parse_net(text, "net.prototxt")
    error = caught.value
    assert (error.path, error.line) == ("net.prototxt", line)
    assert abs(error.column - column) <= 6  # releases of protobuf point before or after the word
    assert str(error).startswith("net.prototxt:%d:%d: " % (line, error.column))
    assert says in str(error) and "\n" not in str(error) and "caffe_style" not in str(error)


def test_a_required_field_is_missed():
    with pytest.raises(PrototxtError, match=r"layer\[0\].clip_param.max"):
        parse_net("layer { clip_param { min: 1 } }")


def test_files(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_bytes(b"\xef\xbb\xbf# caf\xe9\n" + CONVOLUTION.encode())
    assert read_prototxt(str(path)) == message(CONVOLUTION)
    path.write_bytes(b"")
    assert read_prototxt(str(path)) == NetParameter()
    assert read_prototxt(str(tmp_path)) == NetParameter()
    path.write_bytes(b"\n\x03net\xa2\x06\x05\x00")
    with pytest.raises(PrototxtError, match="not text"):
        read_prototxt(str(path))


def test_a_missing_file_is_a_runtime_error_too(tmp_path):
    missing = str(tmp_path / "nowhere.prototxt")
    for error in (MissingPrototxtError, RuntimeError, PrototxtError):
        with pytest.raises(error, match="Could not open file .*nowhere.prototxt"):
            read_prototxt(missing)
    with pytest.raises(PrototxtError):
        read_prototxt("a\0b")


def test_write_and_read(tmp_path):
    path = tmp_path / "out.prototxt"
    net = message('name: "caf\u00e9" ' + CONVOLUTION)
    write_prototxt(net, str(path))
    assert read_prototxt(str(path)) == net
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.prototxt"]
    with pytest.raises(PrototxtError, match="cannot write"):
        write_prototxt(net, str(tmp_path / "no folder" / "x"))


# ---- Upgrades ----

V1 = """
name: "old" force_backward: true
layers {
  name: "conv1" type: CONVOLUTION bottom: "data" top: "conv1"
  param: "w" param: "b" blob_share_mode: PERMISSIVE
  blobs_lr: 1 blobs_lr: 2 weight_decay: 1 weight_decay: 0
  blobs { num: 1 channels: 1 height: 1 width: 2 data: 1 data: 2 }
  convolution_param { num_output: 2 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } }
  include { phase: TEST } include { stage: "s" }
}
layers {
  name: "loss" type: SOFTMAX_LOSS bottom: "conv1" bottom: "label" top: "loss" loss_weight: 0.5
  loss_param { ignore_label: 3 } softmax_param { axis: 2 } exclude { min_level: 2 }
}
layers { bottom: "conv1" }
"""
V2 = """
name: "old" force_backward: true
layer {
  name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  param { name: "w" share_mode: PERMISSIVE lr_mult: 1 decay_mult: 1 }
  param { name: "b" lr_mult: 2 decay_mult: 0 }
  blobs { num: 1 channels: 1 height: 1 width: 2 data: 1 data: 2 }
  convolution_param { num_output: 2 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } }
  include { phase: TEST } include { stage: "s" }
}
layer {
  name: "loss" type: "SoftmaxWithLoss" bottom: "conv1" bottom: "label" top: "loss" loss_weight: 0.5
  loss_param { ignore_label: 3 } softmax_param { axis: 2 } exclude { min_level: 2 }
}
layer { bottom: "conv1" }
"""


def test_v1_text_and_binary():
    assert parse_net(V1) == message(V2)
    assert upgrade(NetParameter.FromString(message(V1).SerializeToString())) == message(V2)


def test_all_v1_types_have_a_registered_name():
    import caffe_style.engine as caffe

    # What reads or writes databases is not in the engine.
    sources = {"", "Data", "HDF5Data", "HDF5Output", "ImageData", "WindowData", "MemoryData"}
    names = {v1_type_name(value) for value in V1LayerParameter.LayerType.values()}
    assert names - set(caffe.layer_type_list()) <= sources
    assert {"ReLU", "LRN", "HDF5Data", "EuclideanLoss", "MultinomialLogisticLoss", "TanH"} <= names


def test_every_v1_parameter_message_survives():
    old = V1LayerParameter(name="all")
    fields = [f for f in V1LayerParameter.DESCRIPTOR.fields if f.name.endswith("_param")]
    for field in fields:
        getattr(old, field.name).SetInParent()
    new = upgrade(NetParameter(layers=[old])).layer[0]
    assert len(fields) > 25
    assert all(new.HasField(field.name) for field in fields)


@pytest.mark.parametrize(
    "shapes",
    [
        "input_dim: [1, 3, 8, 9, 2, 4, 5, 6]",
        "input_shape { dim: [1, 3, 8, 9] } input_shape { dim: [2, 4, 5, 6] }",
    ],
)
def test_inputs_become_the_first_layer(shapes):
    net = parse_net('input: "a" input: "b" %s %s' % (shapes, CONVOLUTION))
    text = 'name: "input" type: "Input" top: "a" top: "b"'
    text += " input_param { shape { dim: [1, 3, 8, 9] } shape { dim: [2, 4, 5, 6] } }"
    assert net == message("layer { %s } %s" % (text, CONVOLUTION))


def test_inputs_of_v1_come_first_too():
    net = parse_net('input: "data" input_dim: [1, 3, 8, 9]' + V1)
    assert [layer.name for layer in net.layer] == ["input", "conv1", "loss", ""]


def test_inputs_without_any_shape_are_dropped_as_in_caffe():
    assert parse_net('input: "data" ' + CONVOLUTION) == message(CONVOLUTION)


@pytest.mark.parametrize(
    "text", ['input: "a" input_dim: [1, 3, 8]', 'input: "a" input: "b" input_shape { dim: 1 }']
)
def test_an_input_without_its_shape(text):
    with pytest.raises(PrototxtError, match=r"net.prototxt: the net has \d input\(s\) but"):
        parse_net(text, "net.prototxt")


def test_layer_beside_layers():
    with pytest.raises(PrototxtError, match="both 'layer' and 'layers'"):
        parse_net(CONVOLUTION + V1)


def test_statistics_of_batch_norm_are_not_learned():
    three = "param { lr_mult: 1 } param { lr_mult: 1 name: 'v' } param { }"
    net = parse_net("layer { type: 'BatchNorm' %s } layer { type: 'Scale' %s }" % (three, three))
    fixed, free = net.layer
    assert [(spec.lr_mult, spec.decay_mult) for spec in fixed.param] == [(0, 0)] * 3
    assert fixed.param[1].name == "v"
    assert list(free.param) == [ParamSpec(lr_mult=1), ParamSpec(lr_mult=1, name="v"), ParamSpec()]
    two = "layer { type: 'BatchNorm' param { lr_mult: 1 } param { lr_mult: 1 } }"
    assert parse_net(two) == message(two)


@pytest.mark.parametrize("data", ["data_param", "image_data_param", "window_data_param"])
def test_transformation_of_old_data_layers_moves(data):
    old = "scale: 0.5 mean_file: 'm' crop_size: 3 mirror: true"
    net = parse_net("layers { type: DATA %s { source: 's' %s } }" % (data, old))
    expected = LayerParameter(type="Data")
    getattr(expected, data).source = "s"
    text_format.Parse(old, expected.transform_param)
    assert net.layer[0] == expected
