"""Kinds of places that both pictures have."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from helpers.landscapes import BLUE, RED, content_and_style, landscape

import caffe_style as cs
from caffe_style.scene import kinds


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


@pytest.fixture(scope="module")
def pair():
    return content_and_style()


def found(network, pictures, count, seed=0):
    places = [kinds.describe_places(network, one, ["conv3_2", "conv4_2"]) for one in pictures]
    return kinds.find_kinds(places, count, seed)


@pytest.mark.parametrize("count", [3, "auto"])
def test_sky_goes_to_sky(network, count):
    """A flat sky may be of several kinds, but none of them is one of the ground's, in either picture."""
    paler = landscape(96, 80, 64, (150, 170, 230), (110, 120, 40), 1)
    guides = found(network, [landscape(72, 96, 24), paler], count)
    assert guides[0].shape[1:] == (18, 24) and guides[1].shape[1:] == (24, 20)
    for one in guides:
        np.testing.assert_allclose(one.sum(axis=0), 1, atol=1e-5)
        assert one.min() >= 0
    sky = guides[0][:, :5].mean(axis=(1, 2)) > guides[0][:, 10:].mean(axis=(1, 2))
    of_sky = [one[sky].sum(axis=0) for one in guides]
    assert of_sky[0][:5].mean() > 0.9 and of_sky[0][10:].mean() < 0.1
    assert of_sky[1][:14].mean() > 0.9 and of_sky[1][20:].mean() < 0.1


def test_a_kind_that_one_picture_lacks_is_dropped(network, pair):
    content = pair[0].copy()
    content[40:, 40:] = RED
    guides = found(network, [content, pair[1]], 3)
    for one in guides:
        assert len(one) < 3 and one.mean(axis=(1, 2)).min() >= kinds.LEAST


def test_a_small_kind_does_not_fill_a_large_one(network):
    """A red spot of the style is a kind of its own, until the content is mostly red."""
    style = landscape(96, 96, 48)
    style[60:85, 60:85] = RED
    for rows, left in ((slice(66, 90), True), (slice(6, 90), False)):
        content = landscape(96, 96, 48)
        content[rows, 6:90] = RED
        guides = found(network, [content, style], 3)
        parts = np.array([one.mean(axis=(1, 2)) for one in guides])
        assert (parts.min(axis=0) >= kinds.UNEQUAL * parts.max(axis=0)).all()
        assert (len(parts[0]) == 3) == left


@pytest.mark.parametrize(
    "rows, columns, left", [((50, 78), (34, 62), True), ((50, 58), (0, 96), False)]
)
def test_a_thin_kind_of_the_style_is_dropped(network, rows, columns, left):
    """A red square of the style is a kind of its own, a strip of the same area is not."""
    content, style = landscape(96, 96, 48), landscape(96, 96, 48)
    content[60:90, 6:90] = RED
    style[slice(*rows), slice(*columns)] = RED
    guides = found(network, [content, style], 3)
    assert (len(guides[0]) == 3) == left


def test_kinds_are_seeded(network, pair):
    for one, again in zip(found(network, pair, 3, seed=4), found(network, pair, 3, seed=4)):
        np.testing.assert_array_equal(one, again)


def test_the_border_is_no_kind_of_its_own(network):
    """Of an even picture all places are alike, with padding or without."""
    places = kinds.describe_places(
        network, np.full((96, 96, 3), 120, np.uint8), ["conv3_2", "conv4_2"]
    )
    responses = places[..., :-1]  # without the height
    np.testing.assert_allclose(
        responses, np.broadcast_to(responses[12, 12], responses.shape), atol=1e-3
    )


@pytest.mark.parametrize("loss, lines", [("gram", 1), ("covariation", 0)])
def test_guides_that_have_no_effect_are_named(network, pair, caplog, loss, lines):
    with caplog.at_level(logging.WARNING, "caffe_style"):
        cs.transfer(*pair, network, size=64, iterations=1, guides="kinds", style_loss=loss)
    said = [
        r.getMessage() for r in caplog.records if "guides kinds has no effect" in r.getMessage()
    ]
    assert len(said) == lines


def test_one_single_kind_falls_back_to_gram(network, caplog):
    sky = np.broadcast_to(np.array(BLUE, np.uint8), (64, 64, 3)).copy()
    dark = np.broadcast_to(np.array([40, 20, 0], np.uint8), (64, 64, 3)).copy()
    options = {"size": 64, "iterations": 2}
    with caplog.at_level(logging.WARNING, "caffe_style"):
        result = cs.transfer(sky, dark, network, regions=2, **options)
    assert sum("only one kind" in record.getMessage() for record in caplog.records) == 1
    with caplog.at_level(logging.WARNING, "caffe_style"):
        cs.show_regions(sky, dark, network, regions=2, size=64)
    # The sheet itself says it, so that --show-regions does not say it twice.
    assert sum("only one kind" in record.getMessage() for record in caplog.records) == 1
    plain = cs.transfer(sky, dark, network, **options)
    np.testing.assert_array_equal(result.image, plain.image)
