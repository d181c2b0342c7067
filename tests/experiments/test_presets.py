"""Presets give the loss values of the programs they are named after, computed here as those programs do."""

from __future__ import annotations

import numpy as np
import pytest

import caffe_style as cs
from caffe_style.cli import main
from caffe_style.errors import OptionError
from caffe_style.experiments.presets import PRESETS
from caffe_style.networks import zoo
from caffe_style.pictures import images

#: Two layers whose responses are the picture's own values: the first as they are, the second half as large.
PROTOTXT = """
name: "glass" force_backward: true
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }
layer { name: "first" type: "Convolution" bottom: "data" top: "first"
  convolution_param { num_output: 3 kernel_size: 1 } }
layer { name: "relu1" type: "ReLU" bottom: "first" top: "first" }
layer { name: "second" type: "Convolution" bottom: "first" top: "second"
  convolution_param { num_output: 3 kernel_size: 1 } }
layer { name: "relu2" type: "ReLU" bottom: "second" top: "second" }
"""
README = """---
name: glass
prototxt: glass.prototxt
caffemodel: glass.caffemodel
content_layers: {second: 1}
style_layers: {first: 0.5, second: 0.5}
---
"""
LIFT = 150.0  # above every mean, so that nothing is cut off


@pytest.fixture(scope="module")
def glass(tmp_path_factory):
    from caffe_style.engine import TEST, Net

    folder = tmp_path_factory.mktemp("glass")
    (folder / "glass.prototxt").write_text(PROTOTXT)
    (folder / "readme.md").write_text(README)
    net = Net(str(folder / "glass.prototxt"), TEST)
    for layer, factor, bias in (("first", 1.0, LIFT), ("second", 0.5, 0.0)):
        net.params[layer][0].data[...] = factor * np.eye(3).reshape(3, 3, 1, 1)
        net.params[layer][1].data[...] = bias
    net.save(str(folder / "glass.caffemodel"))
    return folder


def responses(name: str, image: np.ndarray) -> dict:
    """F of both layers, (N, M) float64, from the picture alone."""
    mean = PRESETS[name].network["mean"]
    first = image[:, :, ::-1].reshape(-1, 3).T - np.array(mean)[:, None] + LIFT
    return {"first": first, "second": first / 2}


# Each program's loss terms: content layer `second`, style layers `first` and `second`.


def tai(f, p, a):
    content = ((f["second"] - p["second"]) ** 2).sum()
    style = {}
    for layer in f:
        n, m = f[layer].shape
        gram, wanted = f[layer] @ f[layer].T, a[layer] @ a[layer].T
        # His number is twice this; this is what has the gradient that he gives it.
        style[layer] = 2e9 * 0.5 * ((gram - wanted) ** 2).sum() / (n * m) ** 2 / 2
    return content, style


def johnson(f, p, a):
    content = 5 * ((f["second"] - p["second"]) ** 2).mean()
    style = {}
    for layer in f:
        gram, wanted = (x @ x.T / x.size for x in (f[layer], a[layer]))
        # 100 for each of five layers: 500 shared out by the model's layer weights.
        style[layer] = 500 * 0.5 * ((gram - wanted) ** 2).mean()
    return content, style


def liu(f, p, a):
    content = ((f["second"] - p["second"]) ** 2).sum() / 2
    style = {}
    for layer in f:
        c = f[layer].shape[0] ** -2.0 * f[layer].shape[1] ** -2.0
        gram, wanted = f[layer] @ f[layer].T, a[layer] @ a[layer].T
        style[layer] = 1e4 * 0.5 * c / 4 * ((gram - wanted) ** 2).sum()
    return content, style


def gatys(f, p, a):
    content = ((f["second"] - p["second"]) ** 2).sum() / 2
    style = {}
    for layer in f:
        n = f[layer].shape[0]
        gram, wanted = (x @ x.T / x.shape[1] for x in (f[layer], a[layer]))
        style[layer] = 5e9 * 0.5 / 4 * ((gram - wanted) ** 2).sum() / n**2
    return content, style


PROGRAMS = {"tai": tai, "johnson": johnson, "liu": liu, "gatys": gatys}


def made(name, glass, content, style, size):
    preset = cs.get_preset(name)
    network = cs.open_network(glass, **preset.network)
    settings = {**preset.settings(network.model), "size": size, "iterations": 1, "corrections": 1}
    return network, cs.transfer(content, style, network, **settings)


@pytest.mark.parametrize("name", PRESETS)
def test_loss_values_are_the_programs(name, glass):
    content, point = (images.coloured_noise(24, 30, 1.0, seed) for seed in (0, 1))
    style = images.coloured_noise(20, 30, 1.0, 2)  # of another size than the content
    network, result = made(name, glass, content, style, 30)
    parts = result.objective(network.to_blob(point))[2]
    scale = PRESETS[name].transfer["style_scale"]
    seen = images.resize(style, round(30 * scale))
    assert (seen.shape[0] > style.shape[0]) == (name == "liu")
    wanted, wanted_style = PROGRAMS[name](
        *(responses(name, picture) for picture in (point, content, seen))
    )
    assert parts["content second"] == pytest.approx(wanted, rel=1e-4)
    for layer, value in wanted_style.items():
        assert parts["style " + layer] == pytest.approx(value, rel=1e-3), layer


@pytest.mark.parametrize(
    "name, content, style",
    # By hand, for even pictures of 16 x 16 whose responses in `second` are (101, 102, 103) / 2 in the point
    # and (100, 100, 100) / 2 in content and style: differences (1, 2, 3) / 2.
    [
        # 256 * (1 + 4 + 9) / 4; entries of (f f' - p p') are (i 100 + j 100 + i j) / 4 for i, j = 1, 2, 3,
        # the sum of their squares 1593796 / 16 = 99612.25; * 2e9 * 0.5 / 9 / 2
        ("tai", 896.0, 99612.25 * 1e9 / 18),
        # 5 * 14 / 4 / 3; 250 * 99612.25 / 9 (means over entries) / 9 (G / 3)
        ("johnson", 5.833333, 250 * 99612.25 / 81),
        # half of 896; 1e4 * 0.5 * 99612.25 / 36
        ("liu", 448.0, 5000 * 99612.25 / 36),
        ("gatys", 448.0, 2.5e9 * 99612.25 / 36),
    ],
)
def test_loss_values_by_hand(name, content, style, glass):
    products = [[i * 100 + j * 100 + i * j for j in (1, 2, 3)] for i in (1, 2, 3)]
    assert (np.array(products) ** 2).sum() == 1593796
    preset = cs.get_preset(name)
    network = cs.open_network(glass, **{**preset.network, "mean": (LIFT,) * 3})
    even = np.full((16, 16, 3), 100, np.uint8)
    settings = {**preset.settings(network.model), "size": 16, "iterations": 1, "style_scale": 1.0}
    result = cs.transfer(even, even, network, **settings)
    point = even + np.array([3, 2, 1], np.uint8)  # RGB
    parts = result.objective(network.to_blob(point))[2]
    assert parts["content second"] == pytest.approx(content, rel=1e-5)
    assert parts["style second"] == pytest.approx(style, rel=1e-3)


def test_tais_gradient_is_the_programs(glass):
    content, point, style = (images.coloured_noise(24, 24, 1.0, seed) for seed in (0, 1, 2))
    network, result = made("tai", glass, content, style, 24)
    gradient = result.objective(network.to_blob(point))[1][0].reshape(3, -1)
    f, p, a = (responses("tai", picture) for picture in (point, content, style))
    wanted = 2 * (f["second"] - p["second"]) / 2
    for layer, slope in (("first", 1.0), ("second", 0.5)):
        difference = f[layer] @ f[layer].T - a[layer] @ a[layer].T
        wanted = wanted + slope * 1e9 * 2 * difference @ f[layer] / f[layer].size ** 2
    assert np.linalg.norm(gradient - wanted) < 1e-3 * np.linalg.norm(wanted)


def test_johnsons_total_variation_is_his_inside(glass):
    content, point, style = (images.coloured_noise(24, 24, 1.0, seed) for seed in (0, 1, 2))
    network, result = made("johnson", glass, content, style, 24)
    result.objective.terms = [each for each in result.objective.terms if each.name == "variation"]
    gradient = result.objective(network.to_blob(point))[1][0]
    x = network.to_blob(point)[0].astype(float)
    across, down = x[:, :-1, :-1] - x[:, :-1, 1:], x[:, :-1, :-1] - x[:, 1:, :-1]
    wanted = np.zeros_like(x)
    wanted[:, :-1, :-1] += across + down
    wanted[:, :-1, 1:] -= across
    wanted[:, 1:, :-1] -= down
    np.testing.assert_allclose(gradient[:, :-1, :-1], 1e-3 * wanted[:, :-1, :-1], atol=1e-4)


def test_layers_are_the_programs_where_it_has_some():
    vgg, googlenet, squeezenet = map(zoo.get_model, ("vgg19", "googlenet", "squeezenet"))
    for name in ("tai", "johnson", "liu"):
        assert "style_layers" not in PRESETS[name].settings(vgg)
    assert list(vgg.style_layers) == ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]
    assert vgg.content_layers == {"conv4_2": 1.0}
    assert set(PRESETS["gatys"].settings(vgg)["style_layers"]) == {
        "pool1", "pool2", "pool3", "pool4", "conv1_1",
    }  # fmt: skip
    assert "style_layers" not in PRESETS["gatys"].settings(squeezenet)
    shares = PRESETS["liu"].settings(googlenet)["content_layers"]
    assert shares == {"conv2/3x3": 2e-4, "inception_3a/output": 1 - 2e-4}
    assert set(googlenet.style_layers.values()) == {0.2}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_a_picture(name):
    preset = cs.get_preset(name)
    network = cs.open_network("strokenet", **preset.network)
    pair = [images.coloured_noise(40, 40, 1.0, seed) for seed in (0, 1)]
    settings = {**preset.settings(network.model), "size": 40, "iterations": 4}
    result = cs.transfer(*pair, network, **settings)
    assert result.history[-1].loss < result.history[0].loss
    assert result.parameters["mean"] == list(preset.network["mean"])
    assert result.parameters["pooling"] == preset.network.get("pooling", "average")


def test_command_line_takes_a_preset_and_what_is_said_beside_it(tmp_path, capsys):
    paths = [str(tmp_path / name) for name in ("content.png", "style.png", "out.png")]
    for path, seed in zip(paths, (0, 1)):
        images.write_image(path, images.coloured_noise(40, 40, 1.0, seed))
    options = ["--model", "strokenet", "--size", "32", "--iterations", "2", "-q", "-o", paths[2]]
    assert main(["transfer", *paths[:2], "--preset", "johnson", *options]) == 0
    noted = images.read_metadata(paths[2])
    assert noted["normalisation"] == "mean" and noted["style_weight"] == 500
    assert noted["init"] == "mean:0.001" and noted["iterations"] == 2 and noted["pooling"] == "max"
    # A texture has no content to start from.
    assert main(["texture", paths[1], "--preset", "liu", "--pooling", "max", *options]) == 0
    noted = images.read_metadata(paths[2])
    assert noted["init"] == "noise" and noted["bounds"] and noted["pooling"] == "max"
    assert main(["transfer", *paths[:2], "--preset", "jonson", *options]) == 2
    assert "unknown preset 'jonson': choose one of tai, johnson" in capsys.readouterr().err


def test_novak_is_its_parts(tmp_path):
    """Every convolution, weights that halve from layer to layer, a shift, and neighbouring layers."""
    paths = [str(tmp_path / name) for name in ("content.png", "style.png", "out.png", "again.png")]
    for path, seed in zip(paths, (0, 1)):
        images.write_image(path, images.coloured_noise(40, 40, 1.0, seed))
    options = ["--model", "strokenet", "--size", "32", "--iterations", "2", "-q"]
    assert main(["transfer", *paths[:2], "--preset", "novak", *options, "-o", paths[2]]) == 0
    noted = images.read_metadata(paths[2])
    assert noted["style_loss"] == "chained" and noted["shift"]
    weights = list(noted["style_layers"].values())
    assert len(weights) == 9 and sum(weights) == pytest.approx(1)
    assert [a / b for a, b in zip(weights, weights[1:])] == pytest.approx([2] * 8)
    # The recorded layers and weights make the same picture again.
    assert main(["transfer", "--like", paths[2], "-q", "-o", paths[3]]) == 0
    np.testing.assert_array_equal(*(images.read_image(path) for path in paths[2:]))


def test_unknown_preset():
    with pytest.raises(OptionError, match="unknown preset"):
        cs.get_preset("none")
