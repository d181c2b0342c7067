"""What genuine pycaffe was seen to do: weights that are saved and loaded."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from helpers.engine_nets import CONV, VGG, filled_vgg, input_layer, net_of

from caffe_style import engine as caffe
from caffe_style.errors import CaffeStyleError


@pytest.fixture
def net():
    return filled_vgg()


def test_save_and_load(net, tmp_path):
    path = str(tmp_path / "net.caffemodel")
    assert net.save(path) is None
    message = caffe.proto.caffe_pb2.NetParameter()
    message.ParseFromString(pathlib.Path(path).read_bytes())
    assert [layer.name for layer in message.layer] == list(net._layer_names)
    other = net_of(VGG)
    other.copy_from(path)
    for name in net.params:
        for mine, theirs in zip(net.params[name], other.params[name]):
            assert np.array_equal(mine.data, theirs.data)
    out = net.forward()["pool"]
    assert np.array_equal(other.forward(data=net.blobs["data"].data)["pool"], out)


def test_weights_go_by_layer_name(net, tmp_path):
    path = str(tmp_path / "net.caffemodel")
    net.save(path)
    fewer = net_of(input_layer("data", (1, 3, 4, 4)) + CONV % ("conv1", "data", "x"))
    fewer.copy_from(path)
    assert np.array_equal(fewer.params["conv1"][0].data, net.params["conv1"][0].data)
    more = net_of(VGG + CONV % ("conv3", "pool", "conv3"))
    before = more.params["conv3"][0].data.copy()
    more.copy_from(path)
    assert np.array_equal(more.params["conv3"][0].data, before)
    with pytest.raises(CaffeStyleError, match="conv1"):
        net_of(VGG.replace("num_output: 3", "num_output: 4")).copy_from(path)
    without_bias = VGG.replace("num_output: 3", "num_output: 3 bias_term: false")
    with pytest.raises(CaffeStyleError, match="conv1"):
        net_of(without_bias).copy_from(path)


def test_weights_in_the_constructor(net, tmp_path):
    weights, path = str(tmp_path / "w.caffemodel"), str(tmp_path / "net.prototxt")
    net.save(weights)
    pathlib.Path(path).write_text(VGG)
    for other in (
        caffe.Net(path, weights, caffe.TEST),
        caffe.Net(path, caffe.TEST, weights=weights),
    ):
        assert np.array_equal(other.params["conv2"][0].data, net.params["conv2"][0].data)


def test_missing_files(tmp_path):
    path = str(tmp_path / "net.prototxt")
    with pytest.raises(CaffeStyleError, match="net.prototxt"):
        caffe.Net(path, caffe.TEST)
    pathlib.Path(path).write_text(VGG)
    with pytest.raises(CaffeStyleError, match="w.caffemodel"):
        caffe.Net(path, str(tmp_path / "w.caffemodel"), caffe.TEST)


def test_inner_product_takes_legacy_shapes(tmp_path):
    text = input_layer("data", (1, 4)) + (
        'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"'
        " inner_product_param { num_output: 3 } }"
    )
    message = caffe.proto.caffe_pb2.NetParameter()
    layer = message.layer.add(name="fc", type="InnerProduct")
    for height, width in ((3, 4), (1, 3)):
        layer.blobs.add(num=1, channels=1, height=height, width=width)
    values = [np.arange(12, dtype=np.float32), np.arange(3, dtype=np.float32)]
    for blob, array in zip(layer.blobs, values):
        if (
            blob.DESCRIPTOR.fields_by_name["data"].type
            == blob.DESCRIPTOR.fields_by_name["data"].TYPE_BYTES
        ):
            blob.data = array.tobytes()
        else:
            blob.data.extend(array.tolist())
    path = tmp_path / "old.caffemodel"
    path.write_bytes(message.SerializeToString())
    net = net_of(text)
    net.copy_from(str(path))
    assert np.array_equal(net.params["fc"][0].data, values[0].reshape(3, 4))
    assert np.array_equal(net.params["fc"][1].data, values[1])
