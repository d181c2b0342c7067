"""What genuine pycaffe was seen to do: Net, its dictionaries, blobs, reshape."""

from __future__ import annotations

import gc
import pathlib

import numpy as np
import pytest
from helpers.engine_nets import CONV, RELU, VGG, branches, filled_vgg, input_layer, net_of

from caffe_style import engine as caffe
from caffe_style.errors import CaffeStyleError, LayerError


@pytest.fixture
def net():
    return filled_vgg()


# -- constructors ----------------------------------------------------------------------------------


def test_constructors(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(VGG)
    for net in (
        caffe.Net(str(path), caffe.TEST),
        caffe.Net(str(path).encode(), caffe.TRAIN),
        caffe.Net(str(path), phase=caffe.TEST),
        caffe.Net(network_file=str(path), phase=caffe.TEST, level=0, stages=None, weights=None),
    ):
        assert list(net.blobs) == ["data", "conv1", "conv2", "pool"]
    for arguments in ((str(path),), (path, caffe.TEST), (str(path), None, caffe.TEST, 0)):
        with pytest.raises(TypeError):
            caffe.Net(*arguments)
    with pytest.raises(TypeError, match="unknown: phases"):
        caffe.Net(str(path), caffe.TEST, phases=1)
    with pytest.raises(CaffeStyleError, match="phase"):
        caffe.Net(str(path), 7)
    assert isinstance(path, pathlib.Path)


def test_constants():
    assert (caffe.TRAIN, caffe.TEST) == (0, 1)
    assert caffe.__version__ == "1.0.0"
    assert "Convolution" in caffe.layer_type_list()


def test_phase_level_and_stages():
    rules = 'layer { name: "%s" type: "AbsVal" bottom: "data" top: "%s" %s }\n'
    text = input_layer("data", (1, 2))
    for name, rule in (
        ("train", "include { phase: TRAIN }"),
        ("test", "include { phase: TEST }"),
        ("deep", "include { min_level: 2 }"),
        ("shallow", "include { max_level: 1 }"),
        ("deploy", 'include { stage: "deploy" }'),
        ("not_deploy", 'include { not_stage: "deploy" }'),
        ("excluded", 'exclude { stage: "deploy" }'),
    ):
        text += rules % (name, name, rule)
    names = net_of(text, caffe.TEST).outputs
    assert names == sorted(["test", "shallow", "not_deploy", "excluded"])
    names = net_of(text, caffe.TRAIN, level=2, stages=["deploy"]).outputs
    assert names == sorted(["train", "deep", "deploy"])


# -- names -----------------------------------------------------------------------------------------


def test_names_and_order(net):
    assert list(net.blobs) == ["data", "conv1", "conv2", "pool"]
    assert list(net._layer_names) == ["data", "conv1", "relu1", "conv2", "relu2", "pool"]
    assert [layer.type for layer in net.layers][:3] == ["Input", "Convolution", "ReLU"]
    assert list(net.layer_dict) == list(net._layer_names)
    assert net.layer_dict["conv1"] is net.layers[1]
    assert (net.inputs, net.outputs) == (["data"], ["pool"])
    assert net.top_names["relu1"] == net.bottom_names["relu1"] == ["conv1"]
    assert net.bottom_names["data"] == []
    assert list(net.params) == ["conv1", "conv2"]
    assert [blob.data.shape for blob in net.params["conv1"]] == [(3, 3, 3, 3), (3,)]
    assert net.blobs is net.blobs and net.blobs["data"] is net.blobs["data"]
    for missing in ("tops", "bottoms", "phase", "layer_names"):
        assert not hasattr(net, missing)
    net.anything = 3
    assert net.anything == 3


def test_outputs_are_sorted():
    text = input_layer("data", (1, 2))
    for name in ("zeta", "a2", "a10", "Beta", "alpha"):
        text += 'layer { name: "%s" type: "AbsVal" bottom: "data" top: "%s" }\n' % (name, name)
    assert net_of(text).outputs == ["Beta", "a10", "a2", "alpha", "zeta"]


def test_split_names_follow_the_layer_that_wrote_last():
    net = branches()
    assert "conv1_relu1_0_split" in net._layer_names
    assert net.bottom_names["b"] == ["conv1_relu1_0_split_1"]
    assert net.top_names["conv1_relu1_0_split"] == [
        "conv1_relu1_0_split_0",
        "conv1_relu1_0_split_1",
    ]
    text = input_layer("data", (1, 2)).replace('name: "data"', 'name: "in"')
    text += RELU % ("r", "data", "r") + RELU % ("s", "data", "s")
    assert list(net_of(text).blobs)[:3] == ["data", "data_in_0_split_0", "data_in_0_split_1"]


def test_two_layers_of_one_name():
    text = input_layer("data", (1, 2, 4, 4)) + CONV % ("conv", "data", "a")
    text += CONV.replace("num_output: 3", "num_output: 5") % ("conv", "a", "b")
    net = net_of(text)
    assert list(net._layer_names) == ["data", "conv", "conv"] and len(net.layers) == 3
    assert list(net.params) == ["conv"] and net.params["conv"][0].shape == (5, 3, 3, 3)
    assert net.top_names["conv"] == ["b"]


def test_blobs_start_at_zero_and_params_at_their_fillers(net):
    assert not net.blobs["conv2"].data.any() and not net.blobs["conv2"].diff.any()
    assert net.params["conv1"][0].data.any() and not net.params["conv1"][1].data.any()
    with pytest.raises(KeyError):
        net.blobs["nope"]
    with pytest.raises(IndexError):
        net.params["conv1"][2]
    assert net.params["conv1"][-1].shape == (3,)


# -- blobs -----------------------------------------------------------------------------------------


def test_blob(net):
    blob = net.blobs["data"]
    assert (blob.num, blob.channels, blob.height, blob.width) == (2, 3, 6, 6)
    assert list(blob.shape) == [2, 3, 6, 6] and blob.count == 216
    assert (net.params["conv1"][1].num, net.params["conv1"][1].width) == (3, 1)
    assert blob.data.dtype == blob.diff.dtype == np.float32
    assert blob.data is not blob.data and np.shares_memory(blob.data, blob.data)
    with pytest.raises(AttributeError):
        blob.data = np.zeros(3)
    with pytest.raises(ValueError):
        blob.data[...] = np.zeros((2, 3, 6, 5))
    view = blob.data
    view[0, 1, 2, 3] = 42
    assert blob.data[0, 1, 2, 3] == 42


def test_arrays_outlive_the_net():
    net = net_of(VGG)
    data = net.blobs["data"].data
    data[...] = 3
    del net
    gc.collect()
    assert (data == 3).all()


def test_blob_reshape_keeps_what_fits(net):
    blob = net.blobs["data"]
    before = blob.data.copy()
    assert blob.reshape(1, 3, 4, 4) is None
    assert np.array_equal(blob.data.ravel(), before.ravel()[:48])
    blob.diff[...] = 1
    blob.reshape(2, 3, 6, 6)
    assert np.array_equal(blob.data.ravel()[:48], before.ravel()[:48])
    blob.reshape(2, 3, 7, 7)
    assert not blob.data.any() and not blob.diff.any()
    assert net.blobs["conv1"].shape == (2, 3, 6, 6)  # the others wait
    assert net.reshape() is None
    assert net.blobs["pool"].shape == (2, 3, 4, 4)
    with pytest.raises(TypeError):
        blob.reshape((1, 3, 4, 4))
    with pytest.raises(LayerError):
        blob.reshape(1, -3, 4, 4)


def test_forward_follows_a_reshaped_input(net):
    net.blobs["data"].reshape(1, 3, 9, 8)
    assert net.forward()["pool"].shape == (1, 3, 5, 4)
