"""The paper's experiments as functions: starts, covariation, generated styles, features, statistics."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.gradients import check_gradient

import caffe_style as cs
from caffe_style.errors import CaffeStyleError, ImageError, OptionError
from caffe_style.objective.objective import Objective
from caffe_style.pictures import images
from caffe_style.scene.starts import start_picture
from caffe_style.scene.targets import Guides, Reference
from caffe_style.scene.terms import make_terms
from caffe_style.settings.style_losses import STYLE_LOSSES


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


@pytest.fixture(scope="module")
def pair():
    return [images.coloured_noise(40, 50, 1.0, seed) for seed in (0, 1)]


def accepted(result) -> list:
    return [record.loss for record in result.history if record.accepted]


def roughness(image: np.ndarray) -> float:
    return float(np.abs(np.diff(image.astype(float), axis=1)).mean())


def test_starts(pair):
    content, style = pair
    shape = (40, 50)
    starts = {
        init: start_picture(init, content, style, shape, 0)
        for init in ("noise", "coloured:0", "coloured:2", "content", "style", "mix:0", "mix:1")
    }
    assert np.array_equal(starts["content"], content) and np.array_equal(starts["style"], style)
    assert np.array_equal(starts["mix:0"], content)
    assert np.array_equal(starts["mix:1"], starts["noise"])
    assert np.array_equal(starts["coloured:0"], starts["noise"])
    assert roughness(starts["coloured:2"]) < 0.3 * roughness(starts["noise"])
    mixed = start_picture("mix:0.25", content, style, shape, 0)
    expected = 0.75 * content.astype(float) + 0.25 * starts["noise"]
    assert np.abs(mixed - expected).max() <= 0.5 + 1e-5
    assert not np.array_equal(start_picture("noise", None, None, shape, 1), starts["noise"])


def test_noise_of_a_given_deviation_around_grey_and_around_the_mean():
    shape = (60, 80)
    assert np.array_equal(
        start_picture("noise:32", None, None, shape, 3),
        start_picture("noise", None, None, shape, 3),
    )
    assert start_picture("noise:10", None, None, shape, 0).std() == pytest.approx(10, rel=0.03)
    mean = (10.0, 20.5, 30.0)  # blue, green, red
    fine = start_picture("mean:0.01", None, None, shape, 0, mean)
    np.testing.assert_allclose(fine.mean((0, 1)), [30, 20.5, 10], atol=0.001)
    np.testing.assert_allclose(fine.std((0, 1)), 0.01, rtol=0.05)


def test_start_from_a_file_is_resized(pair, tmp_path):
    images.write_image(tmp_path / "start.png", pair[0])
    start = start_picture(str(tmp_path / "start.png"), None, None, (20, 30), 0)
    assert np.array_equal(start, images.resize(pair[0], (20, 30)))


@pytest.mark.parametrize(
    "init, words",
    [
        ("nosie", "unknown init 'nosie': choose noise\\[:STD\\], coloured"),
        ("mix:2", "from 0 to 1"),
        ("mix:half", "'half' must be a number"),
        ("coloured:nan", "must be a number"),
        ("noise:300", "from 0 to 255"),
        ("mean:x", "'x' must be a number"),
        ("mix:0.5", "needs a content picture"),
        ("style", "needs a style picture"),
        ("none.png", "none.png: no such file"),
    ],
)
def test_starts_that_cannot_be(init, words):
    with pytest.raises(CaffeStyleError, match=words):
        start_picture(init, None, None, (40, 50), 0)


def covariation_terms(network, pair, content_layers, style_layers, source, count=8):
    content, style = pair
    guides = Guides(content, content_layers, source, count)
    loss = STYLE_LOSSES["covariation"]
    return make_terms(
        network, Reference("style", style, loss, style_layers, guides=guides), (40, 50)
    )


@pytest.mark.parametrize("guides", ["content", "own"])
def test_gradient_of_covariation_through_the_network(network, pair, guides):
    content_layers = {"conv4_2": 1.0, "conv1_1": 0.5}
    style_layers = {"conv1_1": 10.0, "conv3_1": 10.0, "conv4_2": 10.0}
    network.resize(40, 50)
    terms = covariation_terms(network, pair, content_layers, style_layers, guides, 4)
    assert len(terms) == 6
    network.resize(40, 50)
    objective = Objective(network.net, "data", terms)
    rng = np.random.RandomState(0)
    image = network.to_blob(pair[0]) + rng.standard_normal((1, 3, 40, 50))
    gradient = objective(image)[1].astype(np.float64)
    direction = gradient / np.abs(gradient).max() + 0.02 * rng.standard_normal(image.shape)
    check_gradient(objective, image, direction, step=0.01, tolerance=3e-3)


def test_own_guides_begin_as_the_contents(network, pair):
    """At the content picture both kinds of guides are the same, and so are the values."""
    values = []
    for guides in ("content", "own"):
        network.resize(40, 50)
        terms = covariation_terms(network, pair, {"conv4_2": 1.0}, {"conv2_1": 1.0}, guides)
        network.resize(40, 50)
        values.append(Objective(network.net, "data", terms)(network.to_blob(pair[0]))[0])
    assert values[0] == pytest.approx(values[1], rel=1e-5) and values[0] > 0


@pytest.mark.parametrize("guides", ["content", "own"])
def test_covariation_transfer_falls(network, pair, guides):
    result = cs.transfer(
        *pair, network, size=48, iterations=12, style_loss="covariation", guides=guides
    )
    assert accepted(result)[-1] < 0.7 * accepted(result)[0]
    assert result.parameters["guides"] == guides and result.parameters["guide_count"] == 8


@pytest.mark.parametrize(
    "options, words",
    [
        ({"content_layers": {}}, "needs content layers"),
        ({"guides": "mine"}, "unknown guides 'mine'"),
        ({"guide_count": 600}, "600 guides"),
    ],
)
def test_covariation_that_cannot_be(network, pair, options, words):
    with pytest.raises(OptionError, match=words):
        cs.transfer(*pair, network, size=32, style_loss="covariation", **options)


def test_covariation_wants_content(network, pair):
    with pytest.raises(OptionError, match="needs a content picture"):
        cs.texture(pair[1], network, size=32, style_loss="covariation")


def test_resized_style_is_told(network, pair, caplog):
    style = np.ascontiguousarray(pair[1].transpose(1, 0, 2))
    with caplog.at_level("INFO", "caffe_style"):
        cs.transfer(pair[0], style, network, size=32, iterations=1, style_loss="pixelwise")
    assert "resized to 32 x 26" in caplog.text


def test_start_too_small(network, pair):
    with pytest.raises(ImageError, match="too small"):
        cs.transfer(*pair, network, init=np.zeros((4, 4, 3), np.uint8), size=32)
