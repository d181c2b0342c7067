"""The schema is Caffe's: numbers, names and defaults that its files depend on."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

import caffe_style.engine as engine
from caffe_style.engine.proto import caffe_pb2

SCHEMA = Path(engine.__file__).with_name("schema.proto")


def test_compiled_schema_is_the_text(tmp_path):
    pytest.importorskip("grpc_tools")
    compiled = tmp_path / "schema.desc"
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I%s" % SCHEMA.parent]
    subprocess.run(command + ["--descriptor_set_out=%s" % compiled, str(SCHEMA)], check=True)
    read = descriptor_pb2.FileDescriptorSet.FromString
    assert read(compiled.read_bytes()) == read(SCHEMA.with_suffix(".desc").read_bytes())


def test_it_lives_in_a_pool_of_its_own():
    # Else loading genuine Caffe's caffe_pb2, or a second copy of ours, would end in a conflict.
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("caffe_style.NetParameter")
    assert caffe_pb2.NetParameter.DESCRIPTOR.full_name == "caffe_style.NetParameter"


def test_module_has_what_generated_code_has():
    assert (caffe_pb2.TRAIN, caffe_pb2.TEST) == (0, 1)
    assert caffe_pb2.Phase.Name(1) == "TEST" and caffe_pb2.Phase.Value("TRAIN") == 0
    assert caffe_pb2.PoolingParameter.AVE == 1
    assert caffe_pb2.PoolingParameter.PoolMethod.Value("STOCHASTIC") == 2
    assert caffe_pb2.V1LayerParameter.CONVOLUTION == 4
    assert caffe_pb2.SolverParameter.SolverMode.keys() == ["CPU", "GPU"]
    messages = caffe_pb2.DESCRIPTOR.message_types_by_name
    assert all(getattr(caffe_pb2, name).DESCRIPTOR is messages[name] for name in messages)


def test_messages_are_of_the_module_s_classes():
    net = caffe_pb2.NetParameter(layer=[caffe_pb2.LayerParameter(name="a")])
    assert type(net.layer[0]) is caffe_pb2.LayerParameter
    assert type(net.layer[0].blobs.add()) is caffe_pb2.BlobProto
    assert copy.deepcopy(net) == net


#: Message -> fields as number, and default where it is not zero, from Caffe's published format.
NUMBERS = {
    "NetParameter": dict(name=1, layers=2, input=3, input_dim=4, input_shape=8, layer=100),
    "LayerParameter": dict(name=1, type=2, bottom=3, top=4, loss_weight=5, param=6, blobs=7)
    | dict(include=8, exclude=9, phase=10, propagate_down=11, transform_param=100)
    | dict(convolution_param=106, pooling_param=121, input_param=143, clip_param=148),
    "BlobProto": dict(num=1, width=4, data=5, diff=6, shape=7, double_data=8, double_diff=9),
    "ConvolutionParameter": dict(num_output=1, pad=3, kernel_size=4, group=5, stride=6)
    | dict(pad_h=9, kernel_w=12, stride_w=14, engine=15, axis=16, dilation=18),
    "PoolingParameter": dict(pool=1, kernel_size=2, stride=3, pad=4, round_mode=13),
    "V1LayerParameter": dict(bottom=2, top=3, name=4, type=5, blobs=6, blobs_lr=7, param=1001),
    "SolverParameter": dict(train_net=1, net=24, type=40, weights=42),
}
DEFAULTS = {
    "LRNParameter": dict(local_size=5, alpha=1, beta=0.75, k=1),
    "BatchNormParameter": dict(moving_average_fraction=0.999, eps=1e-5),
    "FillerParameter": dict(type="constant", max=1, std=1, sparse=-1),
    "MVNParameter": dict(normalize_variance=True, across_channels=False, eps=1e-9),
    "ParamSpec": dict(lr_mult=1, decay_mult=1),
    "NetState": dict(phase=1),
    "CropParameter": dict(axis=2),
    "ReshapeParameter": dict(axis=0, num_axes=-1),
    "FlattenParameter": dict(axis=1, end_axis=-1),
    "LossParameter": dict(normalization=1),
    "ExpParameter": dict(base=-1, scale=1, shift=0),
    "EltwiseParameter": dict(operation=1, stable_prod_grad=True),
    "DropoutParameter": dict(dropout_ratio=0.5),
    "ReductionParameter": dict(operation=1, coeff=1),
}


@pytest.mark.parametrize("message", NUMBERS)
def test_field_numbers(message):
    fields = getattr(caffe_pb2, message).DESCRIPTOR.fields_by_name
    assert {name: fields[name].number for name in NUMBERS[message]} == NUMBERS[message]


@pytest.mark.parametrize("message", DEFAULTS)
def test_defaults(message):
    empty = getattr(caffe_pb2, message)()
    found = {name: getattr(empty, name) for name in DEFAULTS[message]}
    assert found == pytest.approx(DEFAULTS[message])
