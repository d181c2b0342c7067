"""All convolutions as style layers, and geometric weights."""

from __future__ import annotations

import pytest

import caffe_style as cs
from caffe_style.engine.formats.prototxt import read_prototxt
from caffe_style.errors import OptionError
from caffe_style.settings.style_layers import geometric
from caffe_style.settings.transfer import TransferSettings


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


def test_all_convolutions_have_equal_weights(network):
    found = TransferSettings(style_layers="all").for_model(network)
    assert list(found.style_layers) == [
        "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv4_1", "conv4_2", "conv5_1",
    ]  # fmt: skip
    assert set(found.style_layers.values()) == {1 / 9}
    assert found.parameters()["style_layers"] == dict(found.style_layers)


def test_geometric_weights(network):
    asked = TransferSettings(
        style_layers={"conv2_1": 1.0, "conv1_1": 3.0},
        content_layers={"conv3_1": 1.0, "conv4_1": 1.0},
        layer_weights="geometric",
    )
    found = asked.for_model(network)
    style, content = found.style_layers, found.content_layers
    assert style["conv2_1"] / style["conv1_1"] == pytest.approx(0.5 / 3)
    assert content["conv4_1"] / content["conv3_1"] == pytest.approx(2)
    assert sum(style.values()) == pytest.approx(4) and sum(content.values()) == pytest.approx(2)
    # What is recorded names the weights, so that it is not weighted again.
    assert found.layer_weights == "given"
    assert found.for_model(network) == found


def test_layers_without_weight_stay_so():
    assert geometric({"a": 0.0}, ["a"], 2.0) == {"a": 0.0}


def test_weights_that_sum_to_zero_are_kept():
    found = geometric({"a": 1.0, "b": -1.0}, ["a", "b"], 0.5)
    assert found == pytest.approx({"a": 4 / 3, "b": -2 / 3})


@pytest.mark.parametrize("layers", [{"all": 2.0}, {"all": 1.0, "conv1_1": 1.0}])
def test_all_stands_alone(network, layers):
    with pytest.raises(OptionError, match="style_layers: all stands alone, without a weight"):
        TransferSettings(style_layers=layers).for_model(network)


def test_only_style_layers_can_be_all():
    with pytest.raises(OptionError, match="content_layers must be names of layers"):
        TransferSettings(content_layers="all")


def test_a_rectified_convolution_counts_once_rectified(tmp_path):
    (tmp_path / "own.prototxt").write_text(
        """name: "own" force_backward: true
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }
layer { name: "a" type: "Convolution" bottom: "data" top: "a"
  convolution_param { num_output: 2 kernel_size: 1 } }
layer { name: "r" type: "ReLU" bottom: "a" top: "rectified" }
layer { name: "b" type: "Convolution" bottom: "rectified" top: "b"
  convolution_param { num_output: 2 kernel_size: 1 } }
"""
    )
    network = cs.open_network("strokenet")
    network.param = read_prototxt(str(tmp_path / "own.prototxt"))
    assert network.convolutions == ["rectified", "b"]
