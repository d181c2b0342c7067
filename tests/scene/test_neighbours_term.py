"""The term of nearest neighbours: several layers at once, with matches that stay until they are renewed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from helpers.gradients import check_gradient, steep

import caffe_style as cs
from caffe_style.errors import OptionError
from caffe_style.objective.objective import Objective
from caffe_style.pictures import images
from caffe_style.scene.neighbours import grid, neighbours_term, spacing
from caffe_style.scene.regions import Regions, masked_regions
from caffe_style.scene.targets import Reference
from caffe_style.scene.terms import make_terms
from caffe_style.settings.style_losses import STYLE_LOSSES

LAYERS = {"conv1_1": 1.0, "conv2_1": 3.0}
SHAPE = (48, 64)


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


@pytest.fixture(scope="module")
def pictures():
    return [images.coloured_noise(*SHAPE, 1.0, seed) for seed in (0, 1)]


def objective_of(network, style, layers=LAYERS, regions=None):
    reference = Reference("style", style, STYLE_LOSSES["neighbours"], layers, regions)
    terms = make_terms(network, reference, SHAPE)
    network.resize(*SHAPE)
    return Objective(network.net, network.input_blob, terms)


def test_one_term_reads_all_layers(network, pictures):
    objective = objective_of(network, pictures[1])
    assert [(term.name, term.blobs) for term in objective.terms] == [("style", tuple(LAYERS))]
    assert list(objective(network.to_blob(pictures[0]))[2]) == ["style"]


@pytest.mark.parametrize("masked", [False, True])
def test_the_gradient_is_a_central_difference(network, pictures, masked):
    mask = np.zeros(SHAPE, np.float32)
    mask[10:30, 20:] = 1
    objective = objective_of(
        network, pictures[1], regions=masked_regions(mask, None) if masked else None
    )
    image = network.to_blob(pictures[0]).astype(np.float64)
    gradient = objective(image)[1].astype(np.float64)
    direction = steep(gradient, np.random.default_rng(5))
    check_gradient(lambda x: objective(x)[:2], image, direction, step=0.05, tolerance=5e-3)
    if masked:
        # Below the mask nothing is asked; fast convolutions round.
        assert np.abs(gradient[:, :, 40:]).max() < 1e-6 * np.abs(gradient).max()


def test_matches_stay_until_they_are_renewed(network, pictures):
    objective = objective_of(network, pictures[1])
    begin, other = (network.to_blob(picture).astype(np.float64) for picture in pictures)
    objective(begin)
    fixed = objective(other)[0]
    # The style picture itself is nought, with its own matches.
    assert fixed > 0.01
    objective.redraw(0)
    assert objective(other)[0] == pytest.approx(0, abs=1e-6)


def test_the_loss_is_relative(network, pictures):
    """A picture of the mean responses costs half a weight, whatever the network's units."""
    columns = objective_of(network, pictures[1])
    doubled = objective_of(network, pictures[1], {name: 2 * w for name, w in LAYERS.items()})
    blob = network.to_blob(pictures[0])
    value = columns(blob)[0]
    assert doubled(blob)[0] == pytest.approx(2 * value, rel=1e-5)
    assert 0.1 * sum(LAYERS.values()) < value < 2 * sum(LAYERS.values())


def test_places_are_compared_with_their_own_kind(network, pictures):
    """The value of two kinds is the sum of what each has by itself."""
    image, style = pictures
    across, upright = (np.zeros((2, *SHAPE), np.float32) for _ in range(2))
    across[0, :24] = across[1, 24:] = upright[0, :, :16] = upright[1, :, 16:] = 1
    values = {}
    for kinds in ([0, 1], [0], [1]):
        guides = [guide[kinds] for guide in (across, upright)]
        objective = objective_of(
            network, style, regions=Regions(*guides, shares=(0.5,) * len(kinds))
        )
        values[len(kinds), kinds[0]] = objective(network.to_blob(image))[0]
    assert values[2, 0] == pytest.approx(values[1, 0] + values[1, 1], rel=1e-5)
    assert values[2, 0] != pytest.approx(objective_of(network, style)(network.to_blob(image))[0])


def test_a_mask_without_a_place_is_refused(network, pictures):
    dark = np.full(SHAPE, 0.3, np.float32)
    reference = Reference("style 2", pictures[1], STYLE_LOSSES["neighbours"], LAYERS)
    with pytest.raises(OptionError, match="style 2: a mask or region is too small"):
        make_terms(network, reference._replace(regions=masked_regions(dark, None)), SHAPE)


def test_a_negative_weight_is_refused(network, pictures):
    with pytest.raises(OptionError, match="the weight of conv2_1 must not be negative"):
        objective_of(network, pictures[1], {"conv1_1": 1.0, "conv2_1": -1.0})


def test_a_large_style_picture_has_fewer_places():
    assert spacing(grid((512, 512))) == 1
    assert spacing(grid((513, 520))) == 2
    assert spacing(grid((2048, 2048))) == 4


def test_a_layer_without_responses_is_named(pictures):
    silent = SimpleNamespace(
        features=lambda image, blobs, margin: {
            blob: np.ones((3, *SHAPE), np.float32) for blob in blobs
        }
    )
    reference = Reference("style 2", pictures[1], STYLE_LOSSES["neighbours"], LAYERS)
    with pytest.raises(OptionError, match="style 2 layer conv1_1 does not respond"):
        neighbours_term(silent, reference, SHAPE)


def test_several_styles_and_a_run_that_is_repeated(network, pictures, tmp_path):
    settings = {"size": 64, "iterations": 5, "style_loss": "neighbours", "scales": 1, "rematch": 2}
    first = cs.transfer(pictures[0], [pictures[1], pictures[0]], network, **settings)
    again = cs.transfer(pictures[0], [pictures[1], pictures[0]], network, **settings)
    np.testing.assert_array_equal(first.image, again.image)
    assert {"style 1", "style 2"} <= set(first.history[-1].terms)
    assert first.parameters["style_weight"] == 4.0 and first.parameters["scales"] == 1
    other = cs.transfer(pictures[0], pictures[1], network, **{**settings, "rematch": 5})
    assert not np.array_equal(first.image, other.image)


def test_a_run_has_the_losss_own_weight_and_scales(network, pictures):
    settings = {"size": 64, "iterations": 2, "style_loss": "neighbours"}
    noted = cs.transfer(*pictures, network, **settings).parameters
    assert (noted["scales"], noted["style_weight"], noted["rematch"]) == ("auto", 4.0, 20)
    assert cs.transfer(*pictures, network, size=64, iterations=1).parameters["scales"] == 1
