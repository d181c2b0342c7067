"""The chained loss in a scene: pairs of neighbouring layers, whose gradient is that of the whole objective."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.gradients import check_gradient, steep

import caffe_style as cs
from caffe_style.errors import OptionError
from caffe_style.objective.objective import Objective
from caffe_style.pictures import images
from caffe_style.scene.targets import Reference
from caffe_style.scene.terms import make_terms
from caffe_style.settings.style_losses import STYLE_LOSSES

#: Not in the order of the network.
LAYERS = {"conv2_1": 0.5, "conv1_1": 1.0, "conv1_2": 2.0}


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


def reference(layers, **more):
    picture = images.coloured_noise(40, 48, 1.0, 1)
    return Reference("style", picture, STYLE_LOSSES["chained"], layers, **more)


@pytest.mark.parametrize("normalisation", ["relative", "paper", "mean"])
def test_pairs_in_the_order_of_the_network(network, normalisation):
    terms = make_terms(network, reference(LAYERS), (32, 56), normalisation)
    assert [term.name for term in terms] == [
        "style conv1_1 and conv1_2",
        "style conv1_2 and conv2_1",
    ]
    network.resize(32, 56)
    blank = network.to_blob(np.zeros((32, 56, 3), np.uint8))
    parts = Objective(network.net, network.input_blob, terms)(blank)[2]
    assert all(value > 0 for value in parts.values())


@pytest.mark.parametrize("shift", [False, True])
def test_relative_losses_are_1_for_no_response(network, shift):
    terms = make_terms(network, reference(LAYERS, shift=shift), (32, 56))
    for term, weight in zip(terms, (1.5, 1.25)):
        network.resize(32, 56)
        silent = [np.zeros(network.net.blobs[blob].shape[1:], np.float32) for blob in term.blobs]
        value = term.loss(silent, [np.zeros_like(each) for each in silent])
        assert value == pytest.approx(weight, rel=1e-3)


def test_gradient_to_the_picture(network):
    terms = make_terms(network, reference(LAYERS, shift=True), (32, 56))
    network.resize(32, 56)
    objective = Objective(network.net, network.input_blob, terms)
    image = network.to_blob(images.coloured_noise(32, 56, 1.0, 0))
    direction = steep(objective(image)[1].copy(), np.random.default_rng(0))
    check_gradient(objective, image, direction.astype(np.float32), step=1e-2, tolerance=1e-2)


def test_one_layer_has_no_neighbour(network):
    with pytest.raises(OptionError, match="neighbouring style layers: name at least two"):
        make_terms(network, reference({"conv1_1": 1.0}), (32, 56))


def test_several_styles_and_all_layers(network):
    pictures = [images.coloured_noise(40, 48, 1.0, seed) for seed in range(3)]
    result = cs.transfer(
        pictures[0], pictures[1:], network, size=48, iterations=2, style_loss="chained", style_layers="all"
    )  # fmt: skip
    names = [name for name in result.history[0].terms if name.startswith("style 2")]
    assert len(names) == 8
    assert result.history[-1].loss < result.history[0].loss
