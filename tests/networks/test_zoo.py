"""The zoo: descriptions are complete and true to their prototxts; names, paths and mistakes."""

import dataclasses
import re

import pytest

from caffe_style.errors import ModelError
from caffe_style.networks import resources, zoo

NAMES = [
    "alexnet",
    "caffenet",
    "googlenet",
    "squeezenet",
    "strokenet",
    "vgg16",
    "vgg16-random",
    "vgg19",
    "vgg19-random",
]
DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha384": 96}

PROTOTXT = """
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 } }
"""
FRONT = """---
name: My Network
caffemodel: weights.caffemodel
prototxt: net.prototxt
mean: [1, 2, 3.5]
style_layers: {conv: 2}
style_weight: 1e3
---
Mine.
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "net.prototxt").write_text(PROTOTXT)
    (folder / "readme.md").write_text(FRONT)
    return folder


def test_the_zoo_lists_its_models():
    assert [model.name for model in zoo.list_models()] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_descriptions_are_complete(name):
    model = zoo.get_model(name)
    text = model.prototxt.read_text()
    for layer in [*model.content_layers, *model.style_layers]:
        assert 'top: "%s"' % layer in text
    assert model.content_layers and model.style_layers
    assert all(100 < channel < 130 for channel in model.mean)
    assert model.mean == tuple(sorted(model.mean)), "ImageNet's mean rises from blue to red"
    assert model.license != "unknown" and model.description
    assert not model.own
    if model.random:
        assert not model.urls and model.pooling == "average"
    else:
        algorithm, digits = model.checksum.split(":")
        assert re.fullmatch("[0-9a-f]{%d}" % DIGITS[algorithm], digits)
        assert model.size > 4_000_000
        assert all(url.endswith("/" + model.caffemodel) for url in model.urls)


def test_the_strongest_checksum_counts():
    model = zoo.get_model("vgg19")
    readme = (model.folder / "readme.md").read_text()
    assert "sha1: " in readme and "md5: " in readme
    assert model.checksum.startswith("sha384:")


def test_near_names_are_suggested():
    with pytest.raises(ModelError, match="unknown model 'vg19': did you mean vgg19?"):
        zoo.get_model("vg19")
    with pytest.raises(ModelError, match="did you mean squeezenet?"):
        zoo.get_model("SqueezeNet1")
    with pytest.raises(ModelError, match="unknown model 'zzz': there are alexnet, caffenet"):
        zoo.get_model("zzz")


def test_a_name_cannot_leave_the_zoo():
    with pytest.raises(ModelError):
        zoo.get_model("../models")


def test_a_folder_or_its_readme_is_a_model(folder):
    for path in (folder, str(folder), folder / "readme.md"):
        model = zoo.get_model(path)
        assert (model.name, model.title, model.own) == ("mine", "My Network", True)
        assert model.prototxt == folder.resolve() / "net.prototxt"
        assert model.mean == (1.0, 2.0, 3.5)
        assert model.style_layers == {"conv": 2.0}
        assert model.style_weight == 1000.0
        assert model.description == "Mine."


def test_a_prototxt_is_a_model(folder):
    model = zoo.get_model(folder / "net.prototxt")
    assert (model.name, model.caffemodel, model.own) == ("net", "net.caffemodel", True)
    assert model.mean == zoo.IMAGENET_MEAN
    assert model.style_layers == {}


def test_a_models_facts_cannot_be_changed(folder):
    with pytest.raises(dataclasses.FrozenInstanceError):
        zoo.get_model(folder).pooling = "average"


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("mean: [1, 2, 3.5]", "mean: [1, 2]", "mean must be three numbers"),
        ("mean: [1, 2, 3.5]", "mean: [1, 2, red]", "mean must be a number, not 'red'"),
        (
            "style_layers: {conv: 2}",
            "style_layers: [conv]",
            "style_layers must map layers to weights",
        ),
        ("style_weight: 1e3", "pooling: MAX", "pooling must be max or average"),
        ("net.prototxt", "other.prototxt", "there is no prototxt 'other.prototxt'"),
        ("---\nname", "name", "does not begin with front matter"),
        ("---\nMine", "Mine", "does not begin with front matter"),
        ("mean: [1", "mean: [[1", "cannot read the model description"),
    ],
)
def test_broken_descriptions_say_what_is_wrong(folder, old, new, message):
    assert old in FRONT
    (folder / "readme.md").write_text(FRONT.replace(old, new, 1))
    with pytest.raises(ModelError, match=re.escape(message)) as caught:
        zoo.get_model(folder)
    assert "\n" not in str(caught.value) and "readme.md" in str(caught.value)


def test_what_is_no_model_says_so(folder):
    (folder / "photo.jpg").write_bytes(b"")
    (folder / "readme.md").unlink()
    with pytest.raises(ModelError, match="has no readme.md"):
        zoo.get_model(folder)
    with pytest.raises(ModelError, match="is no model"):
        zoo.get_model(folder / "photo.jpg")


def test_data_are_found_inside_an_installed_package(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "caffe_style"
    (package / "models").mkdir(parents=True)
    (package.parent / "models").mkdir()
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert resources.folder("models") == package / "models"
    with pytest.raises(ModelError, match="install the package again"):
        resources.folder("prototxt")
