"""The table of style losses: what a row says of a loss is so."""

from __future__ import annotations

import logging
import subprocess
import sys

import numpy as np
import pytest
from helpers.losses_checks import maps

import caffe_style as cs
from caffe_style import losses
from caffe_style.errors import OptionError
from caffe_style.networks.margin import Frame
from caffe_style.objective.objective import Objective
from caffe_style.objective.tiled import TiledObjective
from caffe_style.pictures import images
from caffe_style.scene.inputs import read_inputs
from caffe_style.scene.regions import masked_regions
from caffe_style.scene.styles import Style
from caffe_style.scene.targets import CONTENT, Reference, whole_targets
from caffe_style.scene.terms import make_terms
from caffe_style.settings.style_losses import STYLE_LOSSES

ALL = {**STYLE_LOSSES, "content": CONTENT}
UNGUIDED = [name for name, row in STYLE_LOSSES.items() if not (row.needs_guides or row.of_pairs)]
LAYERS = {"conv1_1": 1.0, "conv2_1": 0.5}
SHAPE = (100, 300)


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


@pytest.fixture(scope="module")
def pair():
    return [images.coloured_noise(*SHAPE, 1.0, seed) for seed in (0, 1)]


def evaluate(network, image, reference, tile=None, normalisation="relative"):
    """Value and gradient of a reference's terms at an image."""
    terms = make_terms(network, reference, SHAPE, normalisation, tile)
    frame = Frame(network, SHAPE, reference.margin)
    if tile is None:
        objective = Objective(network.net, network.input_blob, terms, frame)
    else:
        objective = TiledObjective(network, frame, tile, terms, [])
    value, gradient, _ = objective(network.to_blob(image))
    return value, gradient.copy()


def assert_same(found, expected):
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    error = np.linalg.norm(found[1] - expected[1]) / np.linalg.norm(expected[1])
    assert error < 1e-5


def test_the_table_is_light():
    """The command line reads it, and must start fast."""
    code = "import caffe_style.settings.style_losses, sys; print('numpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == "False"


@pytest.mark.parametrize("name", ALL)
def test_a_row_finds_its_functions(name):
    row, function = ALL[name], name.replace("-", "_")
    assert row.name == name
    assert row.loss.__name__ == function
    assert row.make_target.__name__ == "target_" + function
    for found in (row.loss, row.make_target):
        assert found.__module__ == "caffe_style.losses." + row.module


def test_the_package_has_the_functions_and_the_table():
    assert losses.STYLE_LOSSES is STYLE_LOSSES
    assert STYLE_LOSSES["gram-sum"].loss is losses.gram_sum


@pytest.mark.parametrize("name", [name for name, row in ALL.items() if row.tiles])
@pytest.mark.parametrize("normalisation", ["relative", "paper", "mean"])
def test_what_tiles_gives_in_tiles_what_it_gives_whole(network, pair, name, normalisation):
    image, picture = pair
    reference = Reference("some", picture, ALL[name], LAYERS)
    whole, tiled = (
        evaluate(network, image, reference, tile, normalisation) for tile in (None, 160)
    )
    assert whole[0] > 0
    assert_same(tiled, whole)


@pytest.mark.parametrize("name", [name for name, row in ALL.items() if not row.tiles])
def test_what_does_not_tile_is_refused(network, pair, name):
    reference = Reference("style", pair[1], ALL[name], LAYERS)
    with pytest.raises(OptionError, match="%s loss needs the whole .* gram and pixelwise" % name):
        make_terms(network, reference, SHAPE, tile=160)


@pytest.mark.parametrize(
    "name, tile",
    [
        (name, tile)
        for name, row in STYLE_LOSSES.items()
        for tile in ([None, 160] if row.tiles else [None])
        if row.takes_masks
    ],
)
def test_a_mask_says_where(network, pair, name, tile):
    image, picture = pair
    without = Reference("style", picture, STYLE_LOSSES[name], LAYERS)
    white = without._replace(regions=masked_regions(np.ones(SHAPE, np.float32), None))
    expected = evaluate(network, image, without, tile)
    assert_same(evaluate(network, image, white, tile), expected)
    left = np.zeros(SHAPE, np.float32)
    left[:, :150] = 1
    value, gradient = evaluate(
        network, image, without._replace(regions=masked_regions(left, None)), tile
    )
    assert value != pytest.approx(expected[0], rel=1e-3)
    # Right of the mask, beyond what its layers see, nothing is asked; fast convolutions round.
    assert np.abs(gradient[..., 160:]).max() < 1e-6 * np.abs(gradient[..., :140]).max()


@pytest.mark.parametrize(
    "name", [name for name, row in STYLE_LOSSES.items() if not row.takes_masks]
)
def test_a_mask_that_is_not_taken_is_refused(pair, name):
    style = Style(pair[1], 1.0, np.full((*SHAPE, 3), 255, np.uint8))
    with pytest.raises(OptionError, match="gram and neighbours only, not with %s" % name):
        read_inputs(pair[0], [style], name, "style")


@pytest.mark.parametrize("name", UNGUIDED)
def test_which_losses_take_a_style_of_another_size(name):
    row = STYLE_LOSSES[name]
    features, style = maps((4, 12, 10), 1), maps((4, 7, 6), 2)
    if row.needs_equal_size:
        with pytest.raises(ValueError):
            row.loss(features, row.make_target(style))
    else:
        assert row.loss(features, row.make_target(style))[0] > 0


@pytest.mark.parametrize("name", [*UNGUIDED, "covariation"])
def test_which_losses_need_guides(pair, name):
    row = STYLE_LOSSES[name]
    style = maps((4, 12, 10), 2)
    if row.needs_guides:
        with pytest.raises(TypeError):
            row.make_target(style)
        with pytest.raises(OptionError, match="needs a content picture"):
            read_inputs(None, [Style(pair[1])], name, "style")
    else:
        row.make_target(style)
        assert read_inputs(None, [Style(pair[1])], name, "style").content is None


@pytest.mark.parametrize("name", UNGUIDED)
def test_the_memory_of_a_target_is_what_the_row_says(name):
    row = STYLE_LOSSES[name]
    features = maps((4, 120, 160), 1, dtype=np.float32)
    kept = nbytes(row.make_target(features))
    if row.copies.kept:
        assert kept == pytest.approx(row.copies.kept * features.nbytes, rel=0.15)
    else:
        assert nbytes(row.make_target(features[:, :60])) == kept


def nbytes(target):
    return sum(part.nbytes for part in (target if isinstance(target, tuple) else (target,)))


@pytest.mark.parametrize("masked", [False, True])
def test_a_shift_in_tiles_is_the_shift_of_the_whole(network, pair, masked):
    image, picture = pair
    reference = Reference("style", picture, STYLE_LOSSES["gram"], LAYERS)
    if masked:
        left = np.zeros(SHAPE, np.float32)
        left[:, :150] = 1
        reference = reference._replace(regions=masked_regions(left, left))
    shifted = reference._replace(shift=True)
    whole = evaluate(network, image, shifted)
    assert_same(evaluate(network, image, shifted, tile=160), whole)
    assert whole[0] != pytest.approx(evaluate(network, image, reference)[0], rel=0.01)


def test_a_shift_is_minus_the_mean_over_the_picture(network, pair):
    features = network.features(pair[1], LAYERS)["conv1_1"]
    reference = Reference("style", pair[1], STYLE_LOSSES["gram"], LAYERS, shift=True)
    target = next(whole_targets(network, reference, {})).value
    assert target.shift == pytest.approx(-features.mean(), rel=1e-5)
    shifted = features.astype(np.float64) - features.mean()
    np.testing.assert_allclose(target.grams, losses.target_gram(shifted), atol=1e-4)


@pytest.mark.parametrize(
    "name", [name for name, row in STYLE_LOSSES.items() if not row.takes_shift]
)
def test_a_shift_that_is_not_taken_is_refused(network, pair, name):
    with pytest.raises(OptionError, match="with gram.*, not with %s" % name):
        cs.transfer(*pair, network, size=32, iterations=1, style_loss=name, shift=True)


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_a_rematch_that_has_no_effect_is_said(network, pair, name, caplog):
    with caplog.at_level(logging.WARNING, "caffe_style"):
        cs.transfer(*pair, network, size=64, iterations=1, style_loss=name, rematch=3)
    assert ("rematch 3 has no effect with the %s loss" % name in caplog.text) == (
        name not in ("neighbours", "wasserstein")
    )


@pytest.mark.parametrize(
    "setting, line",
    [
        ({"guides": "own"}, "guides own has no effect with the gram loss"),
        ({"guide_count": 4}, "guide count 4 has no effect with the gram loss"),
        ({"guides": "own"}, "add --style-loss covariation, or use --regions auto"),
        ({"guides": "own", "regions": 2}, "guides own has no effect"),
        ({"closing_radius": 2}, "closing radius 2 has no effect without photoreal"),
        ({"closing_epsilon": 0.1}, "closing epsilon 0.1 has no effect without photoreal"),
        ({"closing_radius": 2, "photoreal": 10.0}, ""),
        ({"guides": "own", "guide_count": 4, "style_loss": "covariation"}, ""),
    ],
)
def test_other_settings_without_effect_are_said(network, pair, setting, line, caplog):
    with caplog.at_level(logging.WARNING, "caffe_style"):
        cs.transfer(*pair, network, size=64, iterations=1, **setting)
    assert line in caplog.text and ("has no effect" in caplog.text) == bool(line)
    assert not (setting.get("regions") and "--regions" in caplog.text)


@pytest.mark.parametrize("setting", [{"shift": True}, {"style_loss": "wasserstein", "seed": 1}])
def test_a_setting_reaches_the_loss(network, pair, setting):
    plain = {"style_loss": setting.get("style_loss", "gram")}
    settings = {"size": 48, "iterations": 1}
    with_setting, without = (
        cs.transfer(*pair, network, **settings, **some).history[0].terms["style conv2_1"]
        for some in (setting, plain)
    )
    assert with_setting != pytest.approx(without, rel=1e-3)


def test_a_mean_square_of_sorted_projections(network, pair):
    """With the normalisation "mean", the factor 1/2 of the formula is replaced by 1."""
    row = STYLE_LOSSES["wasserstein"]
    reference = Reference("style", pair[1], row, {"conv1_1": 1.0})
    as_mean, as_formula = (
        evaluate(network, pair[0], reference, normalisation=name)[0] for name in ("mean", "paper")
    )
    assert as_mean == pytest.approx(2 * as_formula, rel=1e-5)
