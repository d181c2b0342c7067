"""Networks written in Python, as pycaffe writes them."""

from __future__ import annotations

import copy

import pytest
from google.protobuf import text_format

from caffe_style.engine import net_spec
from caffe_style.engine.net_spec import NetSpec, to_proto
from caffe_style.engine.net_spec import layers as L
from caffe_style.engine.net_spec import params as P
from caffe_style.engine.proto.caffe_pb2 import TRAIN, NetParameter


def message(text: str) -> NetParameter:
    return text_format.Parse(text, NetParameter())


def test_a_net_of_many_kinds_of_fields():
    n = NetSpec()
    n.data, n.label = L.Data(
        source="db",
        backend=P.Data.LMDB,
        ntop=2,
        transform_param=dict(scale=0.5, mean_value=[1, 2]),
        include=dict(phase=TRAIN),
    )
    n.conv1 = L.Convolution(
        n.data,
        kernel_size=3,
        num_output=4,
        weight_filler=dict(type="xavier"),
        param=[dict(lr_mult=1), dict(lr_mult=2, decay_mult=0)],
    )
    n.relu1 = L.ReLU(n.conv1, in_place=True)
    n.pool1 = L.Pooling(n.relu1, pool=P.Pooling.AVE, kernel_size=2, stride=2)
    n.up = L.Deconvolution(n.pool1, convolution_param=dict(num_output=4, kernel_size=2))
    n.crop = L.Crop(n.up, n.data, offset=[1, 2])
    n.py = L.Python(n.crop, module="m", layer="l", param_str="{}", loss_weight=1)
    n.loss = L.SoftmaxWithLoss(n.crop, n.label, loss_param=dict(ignore_label=255))
    n.quiet = L.Silence(n.data, ntop=0)
    assert n.to_proto() == message(
        """
        layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
          transform_param { scale: 0.5 mean_value: 1 mean_value: 2 }
          data_param { source: "db" backend: LMDB } }
        layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
          param { lr_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
          convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
        layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
        layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
          pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
        layer { name: "up" type: "Deconvolution" bottom: "pool1" top: "up"
          convolution_param { num_output: 4 kernel_size: 2 } }
        layer { name: "crop" type: "Crop" bottom: "up" bottom: "data" top: "crop"
          crop_param { offset: 1 offset: 2 } }
        layer { name: "py" type: "Python" bottom: "crop" top: "py" loss_weight: 1
          python_param { module: "m" layer: "l" param_str: "{}" } }
        layer { name: "loss" type: "SoftmaxWithLoss" bottom: "crop" bottom: "label" top: "loss"
          loss_param { ignore_label: 255 } }
        layer { name: "quiet" type: "Silence" bottom: "data" }
        """
    )


def test_unnamed_tops_get_their_type_and_a_count():
    data = L.Input(shape=[dict(dim=[1, 3, 8, 8])])
    one = L.Convolution(data, num_output=1, kernel_size=1)
    two = L.Convolution(data, num_output=2, kernel_size=1)
    left, right = L.Slice(L.Concat(one, two), ntop=2)
    net = to_proto(L.Eltwise(left, right))
    assert [layer.name for layer in net.layer] == (
        ["Input1", "Convolution1", "Convolution2", "Concat1", "Slice1", "Eltwise1"]
    )
    assert list(net.layer[4].top) == ["Slice1", "Slice2"]
    assert list(net.layer[5].bottom) == ["Slice1", "Slice2"]
    assert L.ReLU(data).to_proto().layer[1].name == "ReLU1"


def test_a_blob_between_named_ones_is_written_before_its_reader():
    n = NetSpec()
    n.data = L.DummyData(shape=dict(dim=[1]))
    n.top = L.TanH(L.Sigmoid(n.data))
    assert [layer.name for layer in n.to_proto().layer] == ["data", "Sigmoid1", "top"]


def test_a_thousand_layers_deep():
    top = L.Input(shape=dict(dim=[1]))
    for _ in range(1500):
        top = L.ReLU(top)
    assert len(to_proto(top).layer) == 1501


def test_explicit_name_and_items():
    n = NetSpec()
    n["fire2/data"] = L.Input(name="source", shape=dict(dim=[1, 2]))
    n.update({"relu": L.ReLU(n["fire2/data"])})
    first, second = n.to_proto().layer
    assert (first.name, list(first.top), list(second.bottom)) == (
        "source",
        ["fire2/data"],
        ["fire2/data"],
    )
    assert n.keys() == ["fire2/data", "relu"] and "relu" in n
    del n["fire2/data"], n.relu
    assert n.values() == []


def test_a_net_runs(tmp_path):
    import caffe_style.engine as caffe

    n = NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 3, 8, 8]))
    n.conv = L.Convolution(n.data, num_output=2, kernel_size=3, weight_filler=dict(type="msra"))
    n.relu = L.ReLU(n.conv, in_place=True)
    path = tmp_path / "net.prototxt"
    path.write_text(str(n.to_proto()))
    net = caffe.Net(str(path), caffe.TEST)
    assert net.forward()["conv"].shape == (1, 2, 6, 6)


def test_names_of_parameter_messages():
    names = net_spec.param_name_dict()
    assert names["Convolution"] == "convolution" and names["InnerProduct"] == "inner_product"
    assert names["HDF5Data"] == "hdf5_data" and names["LRN"] == "lrn"
    assert "Deconvolution" not in names


def test_mistakes():
    data = L.Input(shape=dict(dim=[1]))
    with pytest.raises(TypeError, match="Concat input 1 is not a Top"):
        L.Concat(data, "data")
    with pytest.raises(AttributeError, match="LayerParameter has no field 'kernels'"):
        to_proto(L.Convolution(data, kernels=3))
    with pytest.raises(AttributeError):
        P.Pooling.MEAN  # noqa: B018
    with pytest.raises(AttributeError):
        P.Nonsense.MAX  # noqa: B018
    with pytest.raises(AttributeError, match="nowhere"):
        NetSpec().nowhere  # noqa: B018


def test_a_copy_of_a_spec():
    n = NetSpec()
    n.data = L.Input(shape=dict(dim=[1]))
    assert copy.copy(n).to_proto() == n.to_proto()
