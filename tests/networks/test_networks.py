"""Opening a network: what is wrong with a definition or its weights is said in one line."""

from __future__ import annotations

import numpy as np
import pytest

import caffe_style as cs
from caffe_style.engine import Net
from caffe_style.engine.formats.prototxt import parse_net
from caffe_style.errors import (
    BackendError,
    ImageError,
    LayerError,
    OptionError,
    PrototxtError,
    WeightsError,
)
from caffe_style.pictures import images

DEFINITION = """name: "tiny"
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: %d kernel_size: 3 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
  convolution_param { num_output: 5 kernel_size: 9 } }
"""


@pytest.fixture
def tiny(tmp_path):
    """A model of the user's own: prototxt, and the caffemodel beside it."""
    prototxt = tmp_path / "tiny.prototxt"
    prototxt.write_text(DEFINITION % 4)
    save(tmp_path / "tiny.caffemodel", 4)
    return prototxt


def save(path, channels, fill=0.1):
    net = Net.from_param(parse_net(DEFINITION % channels))
    for blobs in net.params.values():
        for blob in blobs:
            blob.data[...] = fill
    net.save(str(path))


def picture(height=40, width=50):
    return images.coloured_noise(height, width, 1.0, 0)


def test_features_are_those_of_the_net(tiny):
    network = cs.open_network(tiny)
    image = picture()
    found = network.features(image, ["conv1", "conv2"])
    x = images.to_caffe(image, network.model.mean)[0]
    window = 0.1 * x[:, 3:6, 7:10].sum() + 0.1
    assert found["conv1"][2, 3, 7] == pytest.approx(max(window, 0), rel=1e-4)
    assert found["conv2"].shape == (5, 11, 16)


def test_pooling_can_be_chosen(tiny):
    image = picture()
    largest = cs.open_network(tiny, pooling="max").features(image, ["conv1", "pool1"])
    mean = cs.open_network(tiny, pooling="average").features(image, ["pool1"])
    corner = largest["conv1"][:, :2, :2]
    assert np.allclose(largest["pool1"][:, 0, 0], corner.max((1, 2)))
    assert np.allclose(mean["pool1"][:, 0, 0], corner.mean((1, 2)))
    with pytest.raises(OptionError, match="median"):
        cs.open_network(tiny, pooling="median")


def test_random_filters_are_seeded_centred_and_scaled():
    image = images.coloured_noise(128, 128, 1.0, 0)
    one, same, other = (
        cs.open_network("vgg16-random", seed=seed).features(image, ["conv2_1"])["conv2_1"]
        for seed in (0, 0, 1)
    )
    assert np.array_equal(one, same) and not np.allclose(one, other)
    assert 0.5 < one.mean() < 2
    assert 0.3 < (one > 0).mean() < 0.7


def test_picture_too_small(tiny):
    network = cs.open_network(tiny)
    with pytest.raises(ImageError, match="17 x 16.*too small.*conv2"):
        network.features(picture(16, 17), ["conv2"])
    with pytest.raises(ImageError, match="9 x 9.*too small"):
        network.features(picture(9, 9), ["conv1"])


def test_unknown_layer_suggests(tiny):
    with pytest.raises(LayerError, match="did you mean conv"):
        cs.open_network(tiny).features(picture(), ["conv_1"])


def test_unknown_backend(tiny):
    with pytest.raises(BackendError, match="abacus.*cpu"):
        cs.open_network(tiny, backend="abacus")


def test_no_weights_says_how_to_get_them(tiny):
    tiny.with_suffix(".caffemodel").unlink()
    with pytest.raises(WeightsError, match="models add"):
        cs.open_network(tiny)


def test_weights_of_another_shape(tiny):
    save(tiny.with_suffix(".caffemodel"), 6)
    with pytest.raises(WeightsError, match=r"conv1.*\(6, 3, 3, 3\).*\(4, 3, 3, 3\)"):
        cs.open_network(tiny)


def test_truncated_weights(tiny):
    path = tiny.with_suffix(".caffemodel")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="tiny.caffemodel"):
        cs.open_network(tiny)


def test_weights_that_are_not_numbers(tiny):
    save(tiny.with_suffix(".caffemodel"), 4, fill=np.nan)
    with pytest.raises(WeightsError, match="conv1.*finite"):
        cs.open_network(tiny)


def test_a_net_that_reads_no_image(tiny):
    tiny.write_text((DEFINITION % 4).replace("dim: 3", "dim: 2"))
    save_two = Net.from_param(parse_net((DEFINITION % 4).replace("dim: 3", "dim: 2")))
    save_two.save(str(tiny.with_suffix(".caffemodel")))
    with pytest.raises(PrototxtError, match="not an image"):
        cs.open_network(tiny)
