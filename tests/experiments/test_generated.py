"""Styles that no picture gave, and the statistics of those that one did."""

from __future__ import annotations

import json

import numpy as np
import pytest

import caffe_style as cs
from caffe_style import cli, losses
from caffe_style.errors import CaffeStyleError, OptionError, ResourceError
from caffe_style.experiments import generated
from caffe_style.losses import targets
from caffe_style.networks.margin import Margin
from caffe_style.pictures import images

SMALL = {"size": 48, "iterations": 4}


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


def entry_of(network, image, layer, i, j) -> float:
    """How large an entry of the picture's Gram matrix is beside the others."""
    gram = losses.target_gram(network.features(image, [layer])[layer])
    return float(gram[i, j] / np.sqrt((gram**2).mean()))


def test_element_raises_its_entry(network):
    result = cs.element(network, "conv2_1", 44, 24, size=48, iterations=15)
    noise = images.white_noise(48, 48, 0)
    before, after = (entry_of(network, im, "conv2_1", 44, 24) for im in (noise, result.image))
    assert after > 2 * before
    assert result.image.shape == (48, 48, 3)
    assert (result.parameters["i"], result.parameters["j"]) == (44, 24)


def test_seeds_draw_positions_and_noise(network):
    first, again, other = (
        cs.element(network, "conv2_1", seed=seed, size=32, iterations=1) for seed in (1, 1, 2)
    )
    assert np.array_equal(first.image, again.image)
    assert first.parameters == again.parameters
    places = [(r.parameters["i"], r.parameters["j"]) for r in (first, other)]
    assert places[0] != places[1]
    assert not np.array_equal(first.image, other.image)


def test_magnitude_is_contrast(network):
    weak, strong = (
        cs.element(network, "conv1_1", 3, 7, magnitude=x, bounds=False, size=48, iterations=15)
        for x in (1e2, 1e4)
    )
    assert strong.image.std() > 2 * weak.image.std()


@pytest.mark.parametrize("resample, draws", [(None, 1), (2, 3), (1, 5)])
def test_resampling_draws_anew(network, monkeypatch, resample, draws):
    seen = []
    make = targets.gram_entry

    def note(n, i, j, magnitude):
        seen.append((i, j))
        return make(n, i, j, magnitude)

    monkeypatch.setattr(targets, "gram_entry", note)
    result = cs.element(network, "conv2_1", resample=resample, size=32, iterations=5)
    assert len(seen) == draws == len(set(seen))
    assert result.parameters["resample"] == resample
    assert sum(record.accepted for record in result.history) == 6
    assert result.parameters["bounds"] == (resample is None)


def test_resampled_sparse_changes_what_is_minimised(network):
    losses_of = {}
    for resample in (None, 2):
        result = cs.sparse(
            network, {"conv2_1": 1.0}, sigma=50.0, density=0.05, resample=resample, bounds=False,
            seed=1, **SMALL,
        )  # fmt: skip
        losses_of[resample] = [r.loss for r in result.history if r.accepted]
    # The first draw is the same, the second is not.
    assert losses_of[None][:3] == pytest.approx(losses_of[2][:3], rel=1e-6)
    assert losses_of[None][3] != pytest.approx(losses_of[2][3], rel=1e-3)


def test_sparse_like_a_picture(network):
    picture = images.coloured_noise(40, 60, 1.0, 3)
    layers = {"conv1_1": 1.0, "conv2_1": 1.0}
    result = cs.sparse(network, layers, like=picture, **SMALL)
    found = cs.statistics(picture, network, size=48, layers=layers)
    for blob, used in result.parameters["statistics"].items():
        assert used["sigma"] == pytest.approx(found[blob]["sigma"])
        assert used["density"] == pytest.approx(found[blob]["density"])
    json.dumps(result.parameters)
    accepted = [r.loss for r in result.history if r.accepted]
    assert accepted[-1] < accepted[0]


def test_sum_of_silent_grams_is_the_style_weight(network, monkeypatch):
    """Relative weights: a picture without responses costs the same whatever is drawn."""
    terms = []
    monkeypatch.setattr(
        generated,
        "synthesise_from_noise",
        lambda network, settings, make_terms, *others: terms.extend(
            make_terms(images.white_noise(32, 32, 0))
        ),
    )
    cs.sparse(network, {"conv1_1": 1.0, "conv2_1": 3.0}, sigma=2.0, density=0.5)
    silent = [np.zeros((n, 4, 4), np.float32) for n in (32, 64)]
    values = [term.loss([x], [np.zeros_like(x)]) for term, x in zip(terms, silent)]
    assert values == pytest.approx([25.0, 75.0])


def test_feature_grows(network):
    result = cs.feature(network, "conv2_1", 5, size=48, iterations=15)
    noise = images.white_noise(48, 48, 0)

    def response(image):
        # By contrast: a stronger picture alone is no merit.
        return network.features(image, ["conv2_1"])["conv2_1"][5].mean() / image.std()

    assert response(result.image) > 1.3 * response(noise)


def test_decay_takes_contrast(network):
    strong, weak = (
        cs.feature(network, "conv2_1", 5, decay=decay, tv_weight=0, size=48, iterations=15)
        for decay in (0.5, 50.0)
    )
    assert strong.image.std() > 2 * weak.image.std()


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda net: cs.element(net, "conv2_1", 64, 0), "64 feature maps"),
        (lambda net: cs.element(net, "conv2_1", 0, -1), "does not exist"),
        (lambda net: cs.element(net, "conv2_9"), "no layer 'conv2_9'"),
        (lambda net: cs.element(net, "conv2_1", 1, 2, resample=1), "leave out i or j"),
        (lambda net: cs.element(net, "conv2_1", magnitude=np.nan), "finite"),
        (lambda net: cs.element(net, "conv2_1", init="content"), "needs a content picture"),
        (lambda net: cs.sparse(net, {"conv1_1": 1}, sigma=1, density=1.5), "density"),
        (lambda net: cs.sparse(net, {"conv1_1": 1}, sigma=1, density=0), "density"),
        (lambda net: cs.sparse(net, {"conv1_1": 1}, sigma=0, density=0.5), "sigma"),
        (lambda net: cs.sparse(net, {"conv1_1": 1}, sigma=1), "give sigma and density"),
        (lambda net: cs.sparse(net, {"conv1_1": 1}, sigma=1, density=1e-9), "all zero"),
        (lambda net: cs.sparse(net, {}, sigma=1, density=1), "at least one layer"),
        (lambda net: cs.sparse(net, {"conv1_1": 1}, like="no.png"), "no such file"),
        (lambda net: cs.feature(net, "conv2_1", 64), "channel 64 does not exist"),
        (lambda net: cs.feature(net, "nothing", 0), "no layer 'nothing'"),
        (lambda net: cs.statistics("no.png", net), "no such file"),
    ],
)
def test_what_cannot_be_made_is_said(network, make, words):
    with pytest.raises(CaffeStyleError, match=words):
        make(network)


@pytest.mark.parametrize("margin", [0, 16])
def test_a_channel_that_does_not_respond_names_some_that_do(margin):
    network, layer = cs.open_network("strokenet"), "conv4_2"
    noise = images.white_noise(48, 48, 0)
    power = np.square(network.features(noise, [layer], Margin(margin, margin > 0))[layer]).mean(
        axis=(1, 2)
    )
    silent, loud = int(np.flatnonzero(power == 0)[0]), int(power.argmax())
    words = "channel %d of layer 'conv4_2' does not respond to the start: channels %d," % (
        silent,
        loud,
    )
    short = {"size": 48, "iterations": 1, "margin": margin}
    for make in (
        lambda: cs.feature(network, layer, silent, **short),
        lambda: cs.element(network, layer, loud, silent, **short),
    ):
        with pytest.raises(OptionError, match=words):
            make()
    assert cs.feature(network, layer, loud, **short).status == "finished"


def test_what_does_not_fit_is_said_before_anything_is_drawn():
    network = cs.open_network("strokenet")
    with pytest.raises(ResourceError, match="--size"):
        cs.element(network, "conv2_1", size=65536)
    with pytest.raises(ResourceError, match="--size"):
        cs.statistics(images.white_noise(32, 32, 0), network, size=10**6)


def test_statistics_of_layers_that_are_silent(network):
    black = np.full((32, 32, 3), 0, np.uint8)
    for layer in cs.statistics(black, network, size=32).values():
        assert sum(layer["histogram"]["counts"]) == layer["channels"] ** 2


def test_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    images.write_image("style.png", images.coloured_noise(40, 50, 1.0, 0))
    small = ["--model", "strokenet", "--size", "32", "--iterations", "2", "-q"]
    assert cli.main(["element", "--layer", "conv1_1", "--resample", *small]) == 0
    assert images.read_metadata("element-conv1_1.png")["resample"] == 1
    like = ["sparse", "--layers", "conv1_1:2,conv2_1", "--like", "style.png"]
    assert cli.main([*like, *small]) == 0
    noted = images.read_metadata("sparse-conv1_1-conv2_1.png")
    assert noted["layers"] == {"conv1_1": 2.0, "conv2_1": 1.0} and noted["like"] == "style.png"
    assert cli.main(["feature", "--layer", "conv2_1", "--channel", "3", "-o", "f.png", *small]) == 0
    assert images.read_image("f.png").shape == (32, 32, 3)
    assert cli.main(["element", "--layer", "conv1_1", "-i", "32", *small]) == 2
    assert "32 feature maps" in capsys.readouterr().err


def test_statistics_command(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    images.write_image("style.png", images.coloured_noise(40, 50, 1.0, 0))
    asked = ["statistics", "style.png", "--model", "strokenet", "--size", "32"]
    assert cli.main([*asked, "--layers", "conv1_1", "--plot", "plot.png"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["conv1_1"] and found["conv1_1"]["channels"] == 32
    assert images.read_image("plot.png").ndim == 3
    assert cli.main([*asked, "-o", "numbers.json"]) == 0
    assert len(json.loads((tmp_path / "numbers.json").read_text())) == 5
    assert cli.main([*asked, "-o", "numbers.txt"]) == 2


def test_a_matrix_that_is_drawn_anew_reaches_the_device():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    gram = np.eye(2, dtype=np.float32)
    term = generated._changing_term("conv1_1", gram, 1.0)
    assert not term.steady
    features = torch.ones(2, 3, 3)
    values = []
    for factor in (1, 0):
        gram *= factor
        values.append(term.loss([features], [torch.zeros_like(features)]))
    expected = [losses.gram(features.numpy(), np.eye(2) * factor)[0] for factor in (1, 0)]
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    assert values[0] != values[1]
