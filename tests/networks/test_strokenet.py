"""The network that ships: its weights, and the way they were trained."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import sys

import numpy as np
import pytest

import caffe_style as cs
from caffe_style import errors
from caffe_style.networks import install, resources, weights, zoo
from caffe_style.networks import network as networks
from caffe_style.pictures import images

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
    assert install.fetch(model) == path


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
        features.retrieve(name, pictures, True, 0)[0] for name in ("strokenet", "vgg16-random")
    )
    assert ours > random


def test_retrieval_counts_the_nearest_neighbours():
    from benchmarks import features

    layers = [np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [0.7, 0.7]])]
    assert features.found(layers, np.array([0, 0, 1, 1, 2])) == 0.8
    assert features.found(layers, np.array([0, 1, 0, 1, 2])) == 0


def test_an_old_one_says_that_it_is_old(home, tmp_path):
    """Weights of an earlier version, given or added before; having the same layers, they would fit."""
    model = zoo.get_model("strokenet")
    assert len(set(model.replaced)) == 2
    assert model.checksum not in ["sha256:" + earlier for earlier in model.replaced]
    old = tmp_path / "strokenet.caffemodel"
    old.write_bytes(weights.weights_path(model).read_bytes() + b"\0")
    model = dataclasses.replace(model, replaced=(hashlib.sha256(old.read_bytes()).hexdigest(),))
    with pytest.raises(errors.WeightsError, match="has old weights of strokenet"):
        install.add(model, old)
    assert weights.weights_path(model) == old  # as if it had been added
    for given in (None, old):
        with pytest.raises(errors.WeightsError, match="has old weights of strokenet"):
            networks._find_weights(model, given)


# -- how it was trained ---------------------------------------------------------------------------


@pytest.fixture
def training(monkeypatch):
    """The modules in models/strokenet, with few channels and small crops."""
    pytest.importorskip("torch", reason="training needs PyTorch")
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ("network", "crops", "pictures", "teacher", "distillation", "painting", "train")
    modules = {name: importlib.import_module(name) for name in names}
    for name in ("network", "distillation"):
        monkeypatch.setattr(modules[name], "CHANNELS", dict.fromkeys(LAYERS, 4))
    for name in ("crops", "train"):
        monkeypatch.setattr(modules[name], "CROP", 32)
    yield type("Training", (), modules)
    for name in names:
        del sys.modules[name]


@pytest.fixture
def teacher(training, tmp_path):
    """SqueezeNet's shape, with random filters."""
    from caffe_style.networks.random_weights import fill_random

    net = cs.engine.Net(str(resources.folder("prototxt") / "squeezenet.prototxt"), cs.engine.TEST)
    fill_random(net, "data", (104.0, 117.0, 123.0), 0)
    net.save(str(tmp_path / "teacher.caffemodel"))
    return training.teacher.Teacher(tmp_path / "teacher.caffemodel")


def torch_rng(seed):
    import torch

    return torch.Generator().manual_seed(seed)


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


def test_pictures_of_packages_are_those_whose_licence_is_noted(training, tmp_path):
    rows = training.pictures.SOURCES.read_text().splitlines()[1:]
    readme = (FOLDER / "readme.md").read_text()
    for row in rows:
        package, path, licence = row.split(",")
        assert licence in readme and "`%s`" % package in readme
        (tmp_path / package / path).parent.mkdir(parents=True, exist_ok=True)
        images.write_image(tmp_path / package / path, np.zeros((2, 3, 3), np.uint8))
    pictures = training.pictures.of_packages(tmp_path)
    assert [picture.shape for picture in pictures] == [(2, 3, 3)] * len(rows)


def test_crops_are_pictures_and_seeded(training):
    import torch

    network, crops = training.network, training.crops
    first, again = (crops.crops(bank(training), 16, torch_rng(0)) for _ in range(2))
    assert first.shape == (16, 3, crops.CROP, crops.CROP)
    assert torch.equal(first, again)
    assert torch.allclose(first, network.clipped(first), atol=1e-5)


def test_the_teacher_is_squeezenet(training, teacher, tmp_path):
    """At strokenet's sizes; up to the second pooling, what the engine computes of a padded picture."""
    x = training.crops.crops(bank(training), 2, torch_rng(0))
    maps = teacher(x, "fire9")
    sizes = {"conv1": 16, "fire2": 8, "fire4": 8, "fire5": 4, "fire6": 4, "fire8": 4, "fire9": 2}
    for layer, channels in training.teacher.CHANNELS.items():
        assert maps[layer].shape == (2, channels, sizes[layer], sizes[layer])
    network = cs.open_network("squeezenet", weights_file=tmp_path / "teacher.caffemodel")
    padded = np.pad(x.numpy() * training.network.PIXEL_SCALE, ((0, 0), (0, 0), (3, 3), (3, 3)))
    network.net.blobs["data"].reshape(*padded.shape)
    network.net.blobs["data"].data[...] = padded
    network.net.forward()
    for layer, blob in (("conv1", "conv1"), ("fire2", "fire2/concat"), ("fire4", "fire4/concat")):
        theirs = network.net.blobs[blob].data
        np.testing.assert_allclose(maps[layer], theirs, rtol=1e-3, atol=1e-3 * theirs.std())


def test_a_resumed_run_gives_the_same_filters(training, teacher, tmp_path, monkeypatch):
    monkeypatch.setattr(training.train, "PAINT_EVERY", 1)
    monkeypatch.setattr(training.train, "PAINT", 2)
    monkeypatch.setattr(training.painting, "STEPS", 2)
    pictures = bank(training)
    whole = training.train.train(tmp_path / "a", pictures, teacher, steps=4)
    training.train.train(tmp_path / "b", pictures, teacher, steps=4, stop_at=2)
    resumed = training.train.train(tmp_path / "b", pictures, teacher, steps=4)
    assert (tmp_path / "b" / "checkpoint.pt").is_file()
    for ours, theirs in zip(whole.state_dict().values(), resumed.state_dict().values()):
        np.testing.assert_array_equal(ours, theirs)


def test_another_runs_checkpoint_is_refused(training, teacher, tmp_path):
    pictures = bank(training)
    training.train.train(tmp_path, pictures, teacher, steps=2)
    with pytest.raises(SystemExit, match="of another run"):
        training.train.train(tmp_path, pictures[1:], teacher, steps=2)
    with pytest.raises(SystemExit, match="at step 2"):
        training.train.train(tmp_path, pictures, teacher, steps=1)


def test_the_errors_fall(training, teacher):
    import torch

    x = training.crops.crops(bank(training), 4, torch_rng(0))
    goal = training.distillation.Distillation(teacher, [x])
    model = training.network.Strokenet()
    optimiser = torch.optim.Adam([*model.parameters(), *goal.parameters()], 1e-2)
    values = []
    for _ in range(15):
        value = torch.stack(goal(model, x)).mean()
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        values.append(value.item())
    assert min(values[-3:]) < 0.9 * values[0]


def test_painting_brings_gram_matrices_nearer(training):
    import torch

    rng = torch_rng(0)
    contents, styles = (training.crops.crops(bank(training), 3, rng) for _ in range(2))
    torch.manual_seed(0)
    model = training.network.Strokenet()
    model(styles)

    def distance(pictures):
        with torch.no_grad():
            pairs = zip(*(training.painting._grams(model(x)) for x in (pictures, styles)))
            return sum((a - b).square().sum() / b.square().sum() for a, b in pairs)

    painted = training.painting.paint(model, contents, styles, rng)
    assert model.training
    model.eval()
    assert distance(painted) < 0.5 * distance(contents)
    assert torch.equal(painted, training.network.clipped(painted))


def test_the_caffemodel_computes_what_was_trained(training):
    """But for the scale of each filter, which is a mean response of 1."""
    import torch

    from caffe_style.engine import Net
    from caffe_style.engine.formats.prototxt import parse_net

    pictures = training.network.to_input(bank(training))
    torch.manual_seed(0)
    model = training.network.Strokenet()
    for norm in model.norms.values():
        torch.nn.init.uniform_(norm.weight, 0.5, 2)
        torch.nn.init.uniform_(norm.bias, -0.5, 0.5)
    model(pictures)
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
