"""The six networks: the published sizes, at any image size, and the published weights' answers."""

from pathlib import Path

import numpy as np
import pytest

from caffe_style.engine import TEST, Net
from caffe_style.networks import zoo

ROOT = Path(__file__).resolve().parents[2]

# Parameters of the whole published network (a quarter of its file's size in bytes, to a thousandth)
# less those of the fully connected or auxiliary layers that these prototxts leave out.
PARAMETERS = {
    "vgg19": 143_667_240 - (25088 + 1) * 4096 - (4096 + 1) * 4096 - (4096 + 1) * 1000,
    "vgg16": 138_357_544 - (25088 + 1) * 4096 - (4096 + 1) * 4096 - (4096 + 1) * 1000,
    "alexnet": 60_965_224 - (9216 + 1) * 4096 - (4096 + 1) * 4096 - (4096 + 1) * 1000,
    "caffenet": 60_965_224 - (9216 + 1) * 4096 - (4096 + 1) * 4096 - (4096 + 1) * 1000,
    "googlenet": 6_998_552 - (1024 + 1) * 1000,
    "squeezenet": 1_248_424,
}
# The last blob, and how big the published network sees it.
TOPS = {
    "vgg19": ("pool5", (512, 7, 7)),
    "vgg16": ("pool5", (512, 7, 7)),
    "alexnet": ("pool5", (256, 6, 6)),
    "caffenet": ("pool5", (256, 6, 6)),
    "googlenet": ("inception_5b/output", (1024, 7, 7)),
    "squeezenet": ("conv_final", (1000, 15, 15)),
}


def open_net(name):
    return Net(str(zoo.get_model(name).prototxt), TEST)


@pytest.fixture(params=sorted(TOPS))
def network(request):
    return request.param, open_net(request.param)


def test_parameters_are_as_many_as_published(network):
    name, net = network
    counted = sum(blob.data.size for blobs in net.params.values() for blob in blobs)
    assert counted == PARAMETERS[name]


def test_shapes_are_the_published_ones(network):
    name, net = network
    top, shape = TOPS[name]
    assert list(net.inputs) == ["data"] and list(net.outputs) == [top]
    assert net.blobs["data"].shape[2] in (224, 227)
    assert tuple(net.blobs[top].shape) == (1, *shape)


def test_any_image_size_runs_both_ways(network):
    name, net = network
    rng = np.random.RandomState(0)
    for blobs in net.params.values():
        fan_in = np.prod(blobs[0].data.shape[1:])
        blobs[0].data[...] = rng.randn(*blobs[0].data.shape) * np.sqrt(2.0 / fan_in)
    net.blobs["data"].reshape(1, 3, 97, 71)
    net.blobs["data"].data[...] = rng.randn(1, 3, 97, 71)
    top = TOPS[name][0]
    net.forward()
    assert np.ptp(net.blobs[top].data) > 0
    net.blobs[top].diff[...] = rng.randn(*net.blobs[top].data.shape)
    net.backward()
    assert net.blobs["data"].diff.shape == (1, 3, 97, 71)
    assert np.isfinite(net.blobs["data"].diff).all() and np.ptp(net.blobs["data"].diff) > 0


@pytest.mark.parametrize("name, order", [("alexnet", "norm pool"), ("caffenet", "pool norm")])
def test_alexnet_normalises_before_pooling_and_caffenet_after(name, order):
    names = list(open_net(name)._layer_names)
    for number in "12":
        start = names.index("relu" + number) + 1
        assert names[start : start + 2] == [kind + number for kind in order.split()]


def test_squeezenet_sees_the_cat(squeezenet_weights):
    """A cat is an Egyptian cat (285), a tabby (281) or a tiger cat (282), in this order of doubt."""
    from PIL import Image

    model = zoo.get_model("squeezenet")
    cat = ROOT / "examples" / "cat.jpg"
    # As Caffe is used: the shorter side to 256, then the centre 227 x 227.
    picture = np.asarray(Image.open(cat).resize((385, 256), Image.BILINEAR), dtype=np.float32)
    crop = picture[14:241, 79:306, ::-1] - np.float32(model.mean)
    net = Net(str(model.prototxt), str(squeezenet_weights), TEST)
    net.blobs["data"].reshape(1, 3, 227, 227)
    net.blobs["data"].data[...] = crop.transpose(2, 0, 1)
    net.forward()
    scores = net.blobs["conv_final"].data[0].mean((1, 2))
    probability = np.exp(scores - scores.max())
    probability /= probability.sum()
    assert set(probability.argsort()[-3:]) == {281, 282, 285}
    assert probability[285] > 0.5
    assert probability[[281, 282, 285]].sum() > 0.9
