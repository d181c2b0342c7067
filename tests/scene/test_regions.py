"""Regions: guides at the layers, the loss of regions, and what cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.gradients import check_gradient, steep
from helpers.landscapes import RED, content_and_style, halves, landscape

import caffe_style as cs
from caffe_style.errors import OptionError
from caffe_style.objective.objective import Objective
from caffe_style.pictures.edges import guided_filter
from caffe_style.scene.regions import layer_guides, matched_regions
from caffe_style.scene.segments import segmented
from caffe_style.scene.styles import Style
from caffe_style.scene.targets import Reference, whole_targets
from caffe_style.scene.terms import make_terms
from caffe_style.settings.style_losses import STYLE_LOSSES


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


@pytest.fixture(scope="module")
def pair():
    return content_and_style()


# -- guides ----------------------------------------------------------------------------------------


def test_the_guided_filter_finds_the_edge():
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, 30:] = 255
    blurred = np.clip((np.arange(60) - 19.5) / 20, 0, 1) * np.ones((1, 40, 1))
    sharp = guided_filter(blurred, picture, radius=8)[0]
    steps = np.abs(np.diff(sharp[20]))
    assert steps.argmax() == 29 and steps[29] > 5 * np.delete(steps, 29).max()
    np.testing.assert_allclose(
        guided_filter(np.full((1, 9, 9), 0.3), picture[:9, :9], 2), 0.3, atol=1e-6
    )


def test_regions_shrink_at_deep_layers_but_never_vanish():
    guides = np.zeros((2, 32, 32), np.float32)
    guides[0, :, :16] = guides[1, :, 16:] = 1
    small = layer_guides(guides, (32, 32), 3, "style")
    assert (small[0, :, :13] > 0).all() and (small[0, :, 13:] == 0).all()
    np.testing.assert_allclose(small.mean(axis=(1, 2)), 1, rtol=1e-6)
    assert (layer_guides(guides, (32, 32), 100, "style").max(axis=(1, 2)) > 0).all()


def test_a_region_has_no_responses_to_the_next_one(network, pair):
    """The ground of a style has no influence on the Gram matrices of its sky."""
    drawn = segmented([halves(72, 96, 24), halves(96, 80, 64)], pair)
    sky = int(drawn.style[:, 0, 0].argmax())
    sizes = {"conv1_1": (72, 96), "conv3_1": (18, 24)}
    grounds = [landscape(96, 80, 64), landscape(96, 80, 64, ground=RED)]
    one, other = (
        [
            target.value.grams
            for target in whole_targets(network, reference([pair[0], style], drawn), sizes)
        ]
        for style in grounds
    )
    for a, b in zip(one, other):
        changes = np.abs(a - b).max(axis=(1, 2)) / np.abs(a).max(axis=(1, 2))
        assert changes[sky] < 1e-3 and changes[1 - sky] > 1e-2


def test_the_shares_are_the_parts_of_the_content_picture():
    guides = np.zeros((2, 4, 4), np.float32)
    guides[0, :1] = guides[1, 1:] = 1
    assert matched_regions(guides, guides).shares == pytest.approx((0.25, 0.75))


# -- the objective ---------------------------------------------------------------------------------


def reference(pair, regions):
    return Reference(
        "style", pair[1], STYLE_LOSSES["gram"], {"conv1_1": 1.0, "conv3_1": 0.5}, regions
    )


def test_the_gradient_through_the_network(network, pair):
    drawn = segmented([halves(72, 96, 24), halves(96, 80, 64)], pair)
    terms = make_terms(network, reference(pair, drawn), (72, 96))
    network.resize(72, 96)
    objective = Objective(network.net, network.input_blob, terms)
    image = network.to_blob(pair[0])
    direction = steep(objective(image)[1].copy(), np.random.default_rng(0)).astype(np.float32)
    direction /= np.abs(direction).max()
    check_gradient(objective, image, direction, step=0.5, tolerance=2e-2)


@pytest.mark.parametrize(
    "options", [{"regions": 2}, {"style_loss": "covariation", "guides": "kinds"}]
)
@pytest.mark.parametrize("normalisation", ["relative", "paper"])
def test_tiles_give_what_the_whole_gives(network, options, normalisation):
    content, style = landscape(80, 240, 30), landscape(100, 150, 60, seed=1)
    layers = {"style_layers": {"conv1_1": 1.0, "conv3_1": 1.0}, "content_layers": {"conv2_2": 1.0}}
    whole, tiled = (
        cs.transfer(
            *[content, style, network],
            **{"size": 240, "iterations": 1, "tile": tile, "normalisation": normalisation},
            **{**layers, **options},
        ).history[0]
        for tile in (None, 160)
    )
    assert tiled.loss == pytest.approx(whole.loss, rel=1e-5)
    for name, value in whole.terms.items():
        assert tiled.terms[name] == pytest.approx(value, rel=1e-3, abs=1e-6 * whole.loss)


def test_each_region_gets_its_own_kind(network):
    """The Gram loss would give the sky some of the ground's colour."""
    content = landscape(72, 96, 36, (150, 150, 150), (120, 120, 120))
    style = halves(96, 96, 48, (20, 20, 255), (255, 20, 20))
    drawn = [halves(72, 96, 36), halves(96, 96, 48)]
    # Content at a hundredth: colours move freely.
    result = cs.transfer(
        content, style, network, size=96, iterations=25, content_weight=0.01, segments=drawn
    )
    warmth = result.image[..., 0].astype(float) - result.image[..., 2]
    assert warmth[:30].mean() < -30 and warmth[42:].mean() > 30


def test_a_mask_on_the_style_picture_says_what_is_taken(network):
    content = landscape(72, 96, 36, (150, 150, 150), (120, 120, 120))
    style = halves(96, 96, 48, (20, 20, 255), (255, 20, 20))
    upper, lower = (
        halves(96, 96, 48, (255,) * 3, (0,) * 3),
        halves(96, 96, 48, (0,) * 3, (255,) * 3),
    )
    cold, warm = (
        cs.transfer(
            *[content, Style(style, style_mask=mask), network],
            **{"size": 96, "iterations": 15, "content_weight": 0.01},
        ).image.astype(float)
        for mask in (upper, lower)
    )
    assert (warm[..., 0] - warm[..., 2]).mean() > (cold[..., 0] - cold[..., 2]).mean() + 60


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, words",
    [
        (
            {"regions": 40},
            "regions must be auto or a whole number, at least 2 and at most 25, not 40",
        ),
        ({"regions": "many"}, "regions must be auto or"),
        (
            {"regions": 2, "style_loss": "spatial"},
            "regions work with the style losses gram and neighbours only, not",
        ),
        ({"regions": 2, "segments": ["a.png", "b.png"]}, "leave one out"),
        (
            {"style_loss": "covariation", "guides": "kinds", "guide_count": 26},
            "guide_count of at most 25",
        ),
        ({"segments": ["a.png"]}, "segments must be two pictures"),
        ({"segments": "a.png"}, "segments must be two pictures"),
    ],
)
def test_what_cannot_be(network, pair, options, words):
    with pytest.raises(OptionError, match=words):
        cs.transfer(*pair, network, size=64, iterations=1, **options)


def test_regions_need_both_pictures_and_no_masks(network, pair):
    with pytest.raises(OptionError, match="needs a content and a style picture"):
        cs.texture(pair[1], network, size=64, regions="auto")
    masked = Style(pair[1], mask=np.full((72, 96, 3), 255, np.uint8))
    with pytest.raises(OptionError, match="regions and masks both say"):
        cs.transfer(pair[0], masked, network, size=64, regions=2)
    with pytest.raises(OptionError, match="segments is for one style picture"):
        cs.transfer(pair[0], [pair[1]] * 2, network, size=64, segments=[pair[0], pair[1]])
    with pytest.raises(OptionError, match="there are no regions to show"):
        cs.show_regions(*pair, network, size=64)
