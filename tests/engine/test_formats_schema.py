"""The schema: that it is Caffe's, that the compiled one is current, that classes are as generated code's."""

from __future__ import annotations

import copy
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from caffe_style.engine.proto import caffe_pb2

ENGINE = Path(caffe_pb2.__file__).resolve().parent.parent

# Caffe's numbers for what a layer can hold, in their order: they are the file format.
LAYER_FIELDS = "name type bottom top loss_weight param blobs include exclude phase propagate_down"
LAYER_PARAMS_FROM_100 = """transform loss accuracy argmax concat contrastive_loss convolution
data dropout dummy_data eltwise exp hdf5_data hdf5_output hinge_loss image_data infogain_loss
inner_product lrn memory_data mvn pooling power relu sigmoid softmax slice tanh threshold
window_data python prelu spp reshape log flatten reduction embed tile batch_norm elu bias scale
input crop parameter recurrent swish clip"""
# Numbers of the forks, where BVLC's leaves them free; 1137, 1138 and 2143 are this engine's own.
LAYER_PARAMS_OF_FORKS = dict(
    psroi_pooling_param=149,
    shuffle_channel_param=164,
    permute_param=202,
    prior_box_param=203,
    detection_output_param=204,
    norm_param=206,
    bn_param=1137,
    upsample_param=1138,
    interp_param=2143,
    relu6_param=100000,
    roi_pooling_param=8266711,
    smooth_l1_loss_param=8266712,
)
V1_FIELDS_FROM_2 = "bottom top name type blobs blobs_lr weight_decay"
V1_PARAMS_FROM_9 = """concat convolution data dropout hdf5_data hdf5_output image_data
infogain_loss inner_product lrn pooling window_data power memory_data argmax eltwise threshold
dummy_data accuracy - hinge_loss relu slice - - mvn - transform tanh sigmoid softmax
contrastive_loss exp loss"""
V1_TYPES = """NONE ACCURACY BNLL CONCAT CONVOLUTION DATA DROPOUT EUCLIDEAN_LOSS FLATTEN
HDF5_DATA HDF5_OUTPUT IM2COL IMAGE_DATA INFOGAIN_LOSS INNER_PRODUCT LRN
MULTINOMIAL_LOGISTIC_LOSS POOLING RELU SIGMOID SOFTMAX SOFTMAX_LOSS SPLIT TANH WINDOW_DATA
ELTWISE POWER SIGMOID_CROSS_ENTROPY_LOSS HINGE_LOSS MEMORY_DATA ARGMAX THRESHOLD DUMMY_DATA
SLICE MVN ABSVAL SILENCE CONTRASTIVE_LOSS EXP DECONVOLUTION"""


def numbers(message) -> dict:
    return {field.name: field.number for field in message.DESCRIPTOR.fields}


def counted(words: str, start: int, suffix: str = "") -> dict:
    return {word + suffix: start + i for i, word in enumerate(words.split()) if word != "-"}


def test_compiled_schema_is_that_of_the_text(tmp_path):
    protoc = pytest.importorskip("grpc_tools.protoc")
    out = tmp_path / "schema.desc"
    arguments = ["protoc", "-I%s" % ENGINE, "--descriptor_set_out=%s" % out, "schema.proto"]
    assert protoc.main(arguments) == 0
    current = descriptor_pb2.FileDescriptorSet.FromString((ENGINE / "schema.desc").read_bytes())
    assert current == descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


def test_layer_numbers():
    expected = counted(LAYER_FIELDS, 1)
    expected.update(counted(LAYER_PARAMS_FROM_100, 100, "_param"))
    expected.update(LAYER_PARAMS_OF_FORKS)
    assert numbers(caffe_pb2.LayerParameter) == expected


def test_v1_layer_numbers():
    expected = dict(include=32, exclude=33, loss_weight=35, param=1001, blob_share_mode=1002)
    expected.update(counted(V1_FIELDS_FROM_2, 2))
    expected.update(counted(V1_PARAMS_FROM_9, 9, "_param"))
    assert numbers(caffe_pb2.V1LayerParameter) == expected
    assert dict(caffe_pb2.V1LayerParameter.LayerType.items()) == counted(V1_TYPES, 0)


def test_net_solver_and_blob_numbers():
    net = counted("name layers input input_dim force_backward state debug_info input_shape", 1)
    assert numbers(caffe_pb2.NetParameter) == dict(net, layer=100)
    solver = numbers(caffe_pb2.SolverParameter)
    assert [solver[name] for name in ("train_net", "net", "type", "weights")] == [1, 24, 40, 42]
    blob = counted("num channels height width data diff shape double_data double_diff", 1)
    assert numbers(caffe_pb2.BlobProto) == blob


def test_bytes_written_by_hand_are_read():
    """The tags of packed floats, a shape and a layer as Caffe writes them."""
    data = struct.pack("<3f", 1, -2, 0.5)
    blob = b"\x3a\x03\x0a\x01\x03" + b"\x2a\x0c" + data
    layer = b"\x0a\x02c1" + b"\x12\x04ReLU" + b"\x3a" + bytes([len(blob)]) + blob + b"\x50\x01"
    net = caffe_pb2.NetParameter.FromString(b"\xa2\x06" + bytes([len(layer)]) + layer)
    (read,) = net.layer
    assert (read.name, read.type, read.phase) == ("c1", "ReLU", caffe_pb2.TEST)
    assert list(read.blobs[0].data) == [1, -2, 0.5] and list(read.blobs[0].shape.dim) == [3]


def test_caffes_defaults():
    layer = caffe_pb2.LayerParameter()
    assert not layer.HasField("phase")
    conv, pool, lrn = layer.convolution_param, layer.pooling_param, layer.lrn_param
    assert (conv.bias_term, conv.group, conv.axis, list(conv.stride)) == (True, 1, 1, [])
    assert (pool.pool, pool.stride, pool.kernel_size, pool.round_mode) == (0, 1, 0, 0)
    assert (lrn.local_size, lrn.alpha, lrn.beta, lrn.k) == (5, 1, 0.75, 1)
    assert layer.dropout_param.dropout_ratio == 0.5
    assert (layer.exp_param.base, layer.exp_param.scale, layer.exp_param.shift) == (-1, 1, 0)
    assert (layer.reshape_param.num_axes, layer.flatten_param.end_axis) == (-1, -1)
    assert (layer.crop_param.axis, layer.reduction_param.coeff) == (2, 1)
    assert layer.reduction_param.operation == caffe_pb2.ReductionParameter.SUM
    assert layer.eltwise_param.operation == caffe_pb2.EltwiseParameter.SUM
    assert layer.batch_norm_param.moving_average_fraction == pytest.approx(0.999)
    assert layer.batch_norm_param.eps == pytest.approx(1e-5)
    assert layer.mvn_param.eps == pytest.approx(1e-9)
    filler = caffe_pb2.FillerParameter()
    assert (filler.type, filler.value, filler.max, filler.std) == ("constant", 0, 1, 1)
    assert (filler.sparse, filler.variance_norm) == (-1, caffe_pb2.FillerParameter.FAN_IN)
    assert caffe_pb2.NetState().phase == caffe_pb2.TEST
    assert caffe_pb2.LossParameter().normalization == caffe_pb2.LossParameter.VALID
    assert caffe_pb2.SolverParameter().solver_mode == caffe_pb2.SolverParameter.GPU
    spec = caffe_pb2.ParamSpec()
    assert (spec.lr_mult, spec.decay_mult) == (1, 1)


def test_names_are_as_in_generated_code():
    assert (caffe_pb2.TRAIN, caffe_pb2.TEST) == (0, 1)
    assert caffe_pb2.Phase.Name(caffe_pb2.TEST) == "TEST"
    assert caffe_pb2.Phase.Value("TRAIN") == 0
    assert caffe_pb2.PoolingParameter.AVE == 1
    assert caffe_pb2.PoolingParameter.PoolMethod.Value("STOCHASTIC") == 2
    assert caffe_pb2.V1LayerParameter.LayerType.Name(4) == "CONVOLUTION"
    assert caffe_pb2.ReductionParameter.MEAN == 4
    for name, descriptor in caffe_pb2.DESCRIPTOR.message_types_by_name.items():
        assert getattr(caffe_pb2, name).DESCRIPTOR is descriptor


def test_messages_hold_and_copy_each_other():
    net = caffe_pb2.NetParameter(name="n", layer=[caffe_pb2.LayerParameter(name="a")])
    assert type(net.layer[0]) is caffe_pb2.LayerParameter
    assert type(net.layer.add().blobs.add().shape) is caffe_pb2.BlobShape
    assert copy.deepcopy(net) == net
    assert pickle.loads(pickle.dumps(net)) == net


def test_schema_lives_in_a_pool_of_its_own():
    """Genuine Caffe's module, loaded in the same process, registers in the default pool."""
    assert caffe_pb2.NetParameter.DESCRIPTOR.full_name == "caffe_style.NetParameter"
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("caffe_style.NetParameter")


def test_pure_python_protobuf_serves_too():
    code = (
        "from caffe_style.engine.formats.prototxt import parse_net;"
        "net = parse_net('layer { name: \"a\" include { phase: TEST } }');"
        "assert type(net).FromString(net.SerializeToString()) == net;"
        "from google.protobuf.internal import api_implementation;"
        "print(api_implementation.Type())"
    )
    environment = dict(os.environ, PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python")
    environment["PYTHONPATH"] = str(ENGINE.parent.parent)
    ran = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)
    assert ran.returncode == 0 and ran.stdout.split() == [b"python"]
