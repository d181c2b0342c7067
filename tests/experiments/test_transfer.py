"""Transfer end to end: the loss falls, the starts are what they say, a real network gives a real picture."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import ROOT
from helpers.gradients import check_gradient

import caffe_style as cs
from caffe_style import losses
from caffe_style.errors import CaffeStyleError, ImageError, OptionError
from caffe_style.objective.objective import Objective
from caffe_style.optimise.minimise import DivergedError
from caffe_style.pictures import images
from caffe_style.scene.targets import CONTENT, Reference
from caffe_style.scene.terms import make_terms, variation_term


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


@pytest.fixture(scope="module")
def pair():
    return [images.coloured_noise(60, 70, 1.0, seed) for seed in (0, 1)]


def test_loss_falls_over_accepted_iterations(network, pair):
    result = cs.transfer(*pair, network, size=64, iterations=30, space="pixels")
    accepted = [record.loss for record in result.history if record.accepted]
    assert len(accepted) == 31
    assert all(after <= before for before, after in zip(accepted, accepted[1:]))
    assert accepted[-1] < 0.3 * accepted[0]
    assert result.image.shape == (55, 64, 3) and result.image.dtype == np.uint8


@pytest.mark.parametrize(
    "style_loss", ["gram", "gram-sum", "spatial", "spatial-pairs", "pixelwise", "windowed"]
)
def test_every_style_loss_falls(network, pair, style_loss):
    layers = {"conv1_1": 1.0, "conv2_1": 1.0}
    result = cs.transfer(
        *pair, network, size=32, iterations=5, style_loss=style_loss, style_layers=layers
    )
    style = [
        sum(value for name, value in record.terms.items() if name.startswith("style"))
        for record in result.history
        if record.accepted
    ]
    assert style[-1] < 0.7 * style[0]


def test_starts(network, pair):
    content, style = pair
    starts = {}
    for init in ("content", "style", "noise"):
        result = cs.transfer(
            content, style, network, size=48, iterations=1, init=init, style_weight=1e-9, tv_weight=0
        )  # fmt: skip
        starts[init] = result.image.astype(int)
    resized = images.resize(content, 48).astype(int)
    # From the content there is nothing to gain; from elsewhere a first step changes little.
    assert np.abs(starts["content"] - resized).max() <= 1
    expected = images.resize(style, resized.shape[:2]).astype(int)
    assert np.abs(starts["style"] - expected).mean() < 8
    noise = images.white_noise(*resized.shape[:2], 0).astype(int)
    assert np.abs(starts["noise"] - noise).mean() < 8


def test_absolute_weights_are_the_papers_formulas(network, pair):
    content, style = (images.resize(image, (40, 48)) for image in pair)
    reference = Reference("style", style, losses.STYLE_LOSSES["gram"], {"conv2_1": 1.5})
    terms = make_terms(network, reference, (40, 48), "paper")
    network.resize(40, 48)
    value, _, _ = Objective(network.net, "data", terms)(network.to_blob(content))
    f, a = (network.features(image, ["conv2_1"])["conv2_1"] for image in (content, style))
    n, m = f.shape[0], f[0].size
    difference = np.einsum("ihw,jhw->ij", f, f) - np.einsum("ihw,jhw->ij", a, a)
    assert value == pytest.approx(1.5 * (difference**2).sum() / (4 * n * n * m * m), rel=1e-4)


def test_relative_weights_are_one_for_no_response(network, pair):
    reference = Reference("style", pair[1], losses.STYLE_LOSSES["gram"], {"conv1_1": 7.0})
    terms = make_terms(network, reference, (60, 70))
    features = network.features(pair[1], ["conv1_1"])["conv1_1"]
    silent = np.zeros_like(features)
    assert terms[0].loss([silent], [np.zeros_like(silent)]) == pytest.approx(7.0)


def test_gradient_of_the_whole_objective(network, pair):
    content, style = (images.resize(image, (33, 47)) for image in pair)
    network.resize(33, 47)
    model = network.model
    layers = {blob: 100 * weight for blob, weight in model.style_layers.items()}
    style = Reference("style", style, losses.STYLE_LOSSES["gram"], layers)
    terms = make_terms(network, style, (33, 47))
    terms += make_terms(
        network, Reference("content", content, CONTENT, model.content_layers), (33, 47)
    )
    terms += variation_term(network, 0.5, content, content.shape[:2])
    network.resize(33, 47)
    objective = Objective(network.net, "data", terms)
    rng = np.random.RandomState(0)
    image = network.to_blob(content) + rng.standard_normal((1, 3, 33, 47))
    gradient = objective(image)[1].astype(np.float64)
    direction = gradient / np.abs(gradient).max() + rng.standard_normal(image.shape) * 0.02
    check_gradient(objective, image, direction, step=0.02, tolerance=2e-3)


@pytest.mark.parametrize(
    "settings",
    [{"content_layers": {}, "style_layers": {}}, {"content_weight": 0.0, "style_weight": 0.0}],
)
def test_a_run_without_any_layer_is_refused(network, pair, settings):
    # As with a prototxt of the user's own, whose layers are not known.
    with pytest.raises(
        OptionError, match="nothing to optimise, all weights are zero or no layer has one"
    ):
        cs.transfer(*pair, network, size=32, iterations=1, **settings)


def test_layers_that_a_model_does_not_name_are_asked_for(pair):
    network = cs.open_network("strokenet")
    network.model = dataclasses.replace(network.model, content_layers={}, style_layers={})
    with pytest.raises(OptionError, match="nothing to optimise"):
        cs.transfer(*pair, network, size=32, iterations=1)
    with pytest.raises(CaffeStyleError, match="are found by layers: name one with --style-layers"):
        cs.transfer(*pair, network, size=32, iterations=1, regions="auto")
    with pytest.raises(CaffeStyleError, match="strokenet has no style layers of its own"):
        cs.statistics(pair[0], network, size=32)


def test_what_cannot_be_done_is_said(network, pair):
    with pytest.raises(OptionError, match="needs a content picture"):
        cs.texture(pair[1], network, init="content", size=32)
    with pytest.raises(OptionError, match="style loss 'grim'"):
        cs.transfer(*pair, network, style_loss="grim")
    with pytest.raises(ImageError, match="uint8"):
        cs.transfer(pair[0].astype(float), pair[1], network)
    with pytest.raises(CaffeStyleError, match="no such file"):
        cs.transfer("nowhere.png", pair[1], network)


def test_divergence_keeps_the_last_good_picture(pair):
    network = cs.open_network("strokenet")
    seen = []

    def sabotage(record, image):
        seen.append(image)
        if record.iteration == 2:
            network.net.params["conv1_1"][0].data[...] = np.nan

    with pytest.raises(DivergedError) as caught:
        cs.transfer(*pair, network, size=48, iterations=10, callback=sabotage)
    assert len(str(caught.value).splitlines()) == 1
    assert np.array_equal(caught.value.result.image, seen[1])


def test_the_command_line_keeps_it_too(pair, tmp_path, monkeypatch, capsys):
    from caffe_style.cli import main
    from caffe_style.runs import run as module

    def diverging(content, style, network, settings, checkpoint, callback):
        def sabotage(record, image):
            network.net.params["conv1_1"][0].data[...] = np.nan

        return run(content, style, network, settings, checkpoint, sabotage)

    run = module.run
    monkeypatch.setattr(module, "run", diverging)
    for name, image in zip(("content.png", "style.png"), pair):
        images.write_image(tmp_path / name, image)
    paths = [str(tmp_path / name) for name in ("content.png", "style.png", "out.png")]
    options = ["--model", "strokenet", "--size", "48", "--iterations", "5", "-q"]
    assert main(["transfer", *paths[:2], "-o", paths[2], *options]) == 2
    assert "last good picture is %s" % paths[2] in capsys.readouterr().err
    assert images.read_image(paths[2]).shape == (41, 48, 3)


def test_a_real_network_paints_the_cat(squeezenet_weights, starry_night):
    network = cs.open_network("squeezenet", weights_file=squeezenet_weights)
    cat = ROOT / "examples" / "cat.jpg"
    result = cs.transfer(cat, starry_night, network, size=160, iterations=30)

    def style_distance(image: np.ndarray) -> float:
        distance = 0.0
        painting = images.resize(images.read_image(starry_night), 160)
        for blob in network.model.style_layers:
            ours, theirs = (
                losses.target_gram(network.features(picture, [blob])[blob])
                for picture in (image, painting)
            )
            distance += float(((ours - theirs) ** 2).sum() / (theirs**2).sum())
        return distance

    start = images.resize(images.read_image(cat), 160)
    assert style_distance(result.image) < 0.1 * style_distance(start)
    # It is still the cat: the picture's brightness follows the photograph's.
    grey = [image.astype(float).mean(2).ravel() for image in (result.image, start)]
    assert np.corrcoef(*grey)[0, 1] > 0.5
