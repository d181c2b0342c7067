"""The network that ships: its weights, and the way they were trained."""

from __future__ import annotations

import hashlib
import importlib
import sys

import numpy as np
import pytest

import caffe_style as cs
from caffe_style.networks import resources, weights, zoo

FOLDER = resources.folder("models") / "strokenet"
LAYERS = ["conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv4_1", "conv4_2"]
LAYERS += ["conv5_1"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """No weights but those of the package."""
    monkeypatch.setenv("CAFFE_STYLE_HOME", str(tmp_path))


# -- what ships -----------------------------------------------------------------------------------


def test_it_is_here_without_a_download(home):
    model = zoo.get_model("strokenet")
    path = weights.weights_path(model)
    assert path == FOLDER / "strokenet.caffemodel"
    assert path.stat().st_size == model.size < 8e6
    assert "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest() == model.checksum
    assert weights.fetch(model) == path


def test_layers_are_vggs(home):
    network = cs.open_network("strokenet")
    assert list(network.net.params) == LAYERS
    assert {"pool1", "relu3_2", "conv5_1"} < set(network.net._layer_names) | set(network.net.blobs)
    model = network.model
    network.check_blobs([*model.style_layers, *model.content_layers])


def test_filters_respond_alike(home):
    """Scaled to a mean response of 1 over photographs, as weights of layers take for granted."""
    from skimage import data

    network = cs.open_network("strokenet")
    pictures = [np.ascontiguousarray(picture()[:256, :256]) for picture in (data.cat, data.coffee)]
    for layer in LAYERS:
        means = [network.features(picture, [layer])[layer].mean() for picture in pictures]
        assert 0.4 < np.mean(means) < 2.5
    silent = network.features(pictures[0], ["conv4_2"])["conv4_2"].max(axis=(1, 2)) == 0
    assert silent.mean() < 0.1


def test_textures_of_new_pictures_are_found_better_than_with_random_filters(home):
    """Crops of pictures that it was not trained on, grey: the nearest Gram matrices are the same picture's."""
    from skimage import data

    from benchmarks import features

    pictures = [data.page(), data.moon(), data.clock(), data.text()]
    pictures = [np.repeat(picture[:, :, np.newaxis], 3, axis=2) for picture in pictures]
    ours, random = (
        features.retrieve(name, pictures, True, 0)[0] for name in ("strokenet", "vgg19-random")
    )
    assert ours > random


def test_retrieval_counts_the_nearest_neighbours():
    from benchmarks import features

    layers = [np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [0.7, 0.7]])]
    assert features.found(layers, np.array([0, 0, 1, 1, 2])) == 0.8
    assert features.found(layers, np.array([0, 1, 0, 1, 2])) == 0


# -- how it was trained ---------------------------------------------------------------------------


@pytest.fixture
def training(monkeypatch):
    """The modules in models/strokenet, of a network with few channels."""
    pytest.importorskip("torch", reason="training needs PyTorch")
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ("network", "crops", "objectives", "pictures", "train")
    modules = {name: importlib.import_module(name) for name in names}
    narrow = dict.fromkeys(LAYERS, 4)
    monkeypatch.setattr(modules["network"], "CHANNELS", narrow)
    monkeypatch.setattr(modules["objectives"], "CHANNELS", narrow)
    yield type("Training", (), modules)
    for name in names:
        del sys.modules[name]


def bank(training):
    return training.crops.bank_of(training.pictures.drawings(8, 0), 1, 0)


def test_drawings_are_seeded_and_of_every_kind(training):
    first, again = (training.pictures.drawings(8, 3) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert all(picture.shape == (256, 256, 3) and picture.std() > 1 for picture in first)
    assert len(training.pictures.KINDS) == 8


def test_photographs_are_those_whose_licence_is_noted(training):
    pictures = training.pictures.photographs()
    assert len(pictures) == len(training.pictures.PHOTOGRAPHS) == 12
    assert all(picture.ndim == 3 and picture.dtype == np.uint8 for picture in pictures)
    readme = (FOLDER / "readme.md").read_text()
    assert all("`%s`" % name in readme for name in training.pictures.PHOTOGRAPHS)


def test_pairs_of_crops_are_of_the_same_place(training):
    import torch

    first, second = training.crops.pairs(bank(training), 16, 0.1, torch.Generator().manual_seed(0))
    assert first.shape == second.shape == (16, 3, training.crops.CROP, training.crops.CROP)
    spread = torch.stack([first.std((1, 2, 3)), second.std((1, 2, 3))])
    assert torch.corrcoef(spread)[0, 1] > 0.3


@pytest.mark.parametrize("objective", ["contrast", "rotation"])
def test_a_resumed_run_gives_the_same_filters(training, tmp_path, objective):
    pictures = bank(training)
    whole = training.train.train(tmp_path / "a", pictures, objective, steps=4, batch=4)
    training.train.train(tmp_path / "b", pictures, objective, steps=4, batch=4, stop_at=2)
    resumed = training.train.train(tmp_path / "b", pictures, objective, steps=4, batch=4)
    assert (tmp_path / "b" / "checkpoint.pt").is_file()
    for ours, theirs in zip(whole.parameters(), resumed.parameters()):
        np.testing.assert_array_equal(ours.detach(), theirs.detach())


@pytest.mark.parametrize("objective", ["contrast", "rotation"])
def test_the_objective_falls(training, tmp_path, objective):
    import torch

    pictures = bank(training)
    rng = torch.Generator()
    goal = training.objectives.OBJECTIVES[objective]()
    model = training.network.Strokenet()
    optimiser = torch.optim.Adam([*model.parameters(), *goal.parameters()], 1e-2)
    values = []
    for _ in range(15):
        value = goal(model, pictures, 8, rng.manual_seed(0))
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        values.append(value.item())
    assert min(values[-3:]) < 0.9 * values[0]


def test_the_caffemodel_computes_what_was_trained(training):
    """But for the scale of each filter, which is a mean response of 1."""
    import torch

    from caffe_style.engine import Net
    from caffe_style.engine.formats.prototxt import parse_net

    pictures = bank(training)
    torch.manual_seed(0)
    model = training.network.Strokenet()
    training.network.settle(model, pictures)
    text = (resources.folder("prototxt") / "strokenet.prototxt").read_text()
    for channels in (32, 64, 128, 256):
        text = text.replace("num_output: %d " % channels, "num_output: 4 ")
    net = Net.from_param(parse_net(text))
    training.network.export(model, pictures, net)
    with torch.no_grad():
        wanted = model(pictures[:2])
        means = {layer: maps.mean((0, 2, 3)) for layer, maps in model(pictures).items()}
    net.blobs["data"].reshape(*pictures[:2].shape)
    net.blobs["data"].data[...] = pictures[:2].numpy() * training.network.PIXEL_SCALE
    net.forward()
    for layer in LAYERS:
        theirs = wanted[layer] / means[layer].clamp(min=1e-3).view(1, -1, 1, 1)
        np.testing.assert_allclose(net.blobs[layer].data, theirs, rtol=1e-3, atol=2e-3)
