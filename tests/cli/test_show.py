"""`show` and `--like`: a picture says how it was made, and is made again."""

from __future__ import annotations

import json
import re
import shlex

import numpy as np
import pytest
from PIL import Image

from caffe_style import cli
from caffe_style.pictures import images

ASKED = ["--model", "strokenet", "--size", "48", "--iterations", "2", "-q"]
LAYERS = ["--style-layers", "conv1_1:0.5,conv2_1:0.5", "--content-layers", "conv1_2"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a.png", "b.png", "c.png")):
        images.write_image(name, images.coloured_noise(32, 40, 1.0, number))
    images.write_image("mask.png", np.full((32, 40, 3), 200, np.uint8))
    return tmp_path


def call(*arguments):
    return cli.main(list(map(str, arguments)))


def told(capsys, picture):
    """What `show` prints: the parameters as a mapping, and the command line."""
    capsys.readouterr()
    assert call("show", picture) == 0
    lines = capsys.readouterr().out.rstrip("\n").split("\n")
    assert lines[-2] == ""
    pairs = (line.split("  ", 1) for line in lines[:-2])
    return {name.strip(): value.strip() for name, value in pairs}, shlex.split(lines[-1])


@pytest.mark.parametrize(
    "arguments",
    [
        ["transfer", "a.png", "b.png", *LAYERS],
        ["transfer", "a.png", "b.png", *LAYERS, "--seed", "3", "--init", "noise", "--scales", "2"],
        ["transfer", "a.png", "--style", "b.png:mask.png:2", "--style", "c.png", *LAYERS],
        ["transfer", "a.png", "b.png", *LAYERS, "--colors", "content", "--optimizer", "device"],
        ["transfer", "a.png", "b.png", "--init", "c.png", "--bounds", "--pooling", "max", *LAYERS],
        ["texture", "b.png", "--style-layers", "conv1_1"],
        ["reconstruct", "a.png", "--content-layers", "conv1_2"],
        ["element", "--layer", "conv2_1", "-i", "1", "-j", "44"],
        ["sparse", "--layers", "conv1_1", "--sigma", "20", "--density", "0.2"],
        ["feature", "--layer", "conv2_1", "--channel", "5"],
    ],
)
def test_the_command_line_makes_the_picture_again(capsys, arguments):
    assert call(*arguments, *ASKED, "-o", "first.png") == 0
    parameters, line = told(capsys, "first.png")
    assert parameters["model"] == "strokenet" and parameters["size"] == "48"
    assert line[:2] == ["caffe-style", arguments[0]]
    assert call(*line[1:], "-q", "-o", "again.png") == 0
    first, again = (images.read_image(name) for name in ("first.png", "again.png"))
    np.testing.assert_array_equal(again, first)
    assert images.read_metadata("again.png") == images.read_metadata("first.png")


def test_defaults_are_left_out(capsys):
    assert call("transfer", "a.png", "b.png", *ASKED, *LAYERS, "--style-scale", "1") == 0
    _, line = told(capsys, "a-b.png")
    assert "--style-scale" not in line and "--colors" not in line and "--init" not in line


@pytest.mark.parametrize(
    "line",
    [
        "transfer a.png b.png --style-layers conv1_1 --content-layers conv1_2 --init noise --scales 2 --seed 2 "
        "--optimizer device --style-scale 2 --tv-weight 3 --pooling max --mean 1,2,3 --threads 1",
        "element -i 1 -j 44 --bounds --layer conv2_1 --no-bounds --tv-weight 2 --seed 3",
    ],
)
def test_options_are_in_the_order_of_the_help(capsys, line):
    assert call(*line.split(), *ASKED, "-o", "out.png") == 0
    _, line = told(capsys, "out.png")
    with pytest.raises(SystemExit):
        call(line[1], "--help")
    in_help = re.findall(r"(?m)^ +(-[a-z-]+)", capsys.readouterr().out.partition("\npicture:")[2])
    options = [part for part in line if part in in_help]
    assert len(options) >= 8
    assert options == sorted(options, key=in_help.index)
    settings = [name.replace("_", "-") for name in images.read_metadata("out.png")]
    settings = ["--" + name for name in settings if "--" + name in in_help]
    settings = [option for option in settings[settings.index("--size") :] if option != "--seed"]
    assert settings == sorted(settings, key=in_help.index)


def test_json(capsys):
    assert call("transfer", "a.png", "b.png", *ASKED, *LAYERS) == 0
    capsys.readouterr()
    assert call("show", "a-b.png", "--json") == 0
    assert json.loads(capsys.readouterr().out) == images.read_metadata("a-b.png")


def test_like(capsys):
    assert (
        call("transfer", "a.png", "b.png", *ASKED, *LAYERS, "--seed", "4", "--init", "noise") == 0
    )
    assert call("transfer", "--like", "a-b.png", "-q", "-o", "again.png") == 0
    np.testing.assert_array_equal(images.read_image("again.png"), images.read_image("a-b.png"))
    # Another content, and what is on the command line goes first.
    assert call("transfer", "--like", "a-b.png", "c.png", "--iterations", "1", "-q") == 0
    other = images.read_metadata("c-b.png")
    same = images.read_metadata("a-b.png")
    assert other == {**same, "content": "c.png", "iterations": 1}


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (["transfer", "--like", "a-b.png"], "would replace a-b.png: name another picture with -o"),
        (["texture", "--like", "a-b.png", "-o", "x.png"], "was made by `caffe-style transfer`"),
        (["transfer", "--like", "a.png", "-o", "x.png"], "has no parameters"),
        (["transfer", "--like", "none.png", "-o", "x.png"], "none.png"),
        (["transfer", "--like", "a-b.png", "--resume", "r.npz"], ""),
        (["show", "a.png"], "has no parameters"),
        (["show", "none.png"], "none.png"),
    ],
)
def test_what_cannot_be_repeated(capsys, arguments, reason):
    assert call("transfer", "a.png", "b.png", *ASKED, *LAYERS) == 0
    capsys.readouterr()
    assert call(*arguments) == 2
    error = capsys.readouterr().err
    assert reason in error and "Traceback" not in error


def test_a_picture_whose_content_is_gone(capsys, folder):
    assert call("transfer", "a.png", "b.png", *ASKED, *LAYERS) == 0
    (folder / "a.png").unlink()
    assert call("transfer", "--like", "a-b.png", "-q", "-o", "x.png") == 2
    assert "a-b.png was made from a.png, which is not here" in capsys.readouterr().err
    assert call("transfer", "--like", "a-b.png", "c.png", "-q", "-o", "x.png") == 0


def test_a_picture_that_other_software_saved(capsys):
    assert call("transfer", "a.png", "b.png", *ASKED, *LAYERS) == 0
    Image.open("a-b.png").convert("RGB").save("bare.png")
    assert call("show", "bare.png") == 2
    assert "another program has saved it again" in capsys.readouterr().err


def test_control_characters_are_escaped(capsys, folder):
    hostile = "\x1b]0;owned\x07\u202e\x9b2J\nb.png"
    noted = {"model": hostile, "backend": "cpu", "content": "a.png", hostile: "x", "style": hostile}
    images.write_image("hostile.png", images.coloured_noise(32, 32, 1.0, 0), noted)
    assert call("show", "hostile.png") == 0
    assert call("show", "hostile.png", "--json") == 0
    call("transfer", "--like", "hostile.png", "-o", "x.png")
    printed = "".join(capsys.readouterr())
    assert "\\x1b" in printed and not set("\x1b\x07\u202e\x9b") & set(printed)


@pytest.mark.parametrize(
    "name, value",
    [
        ("model", ["vgg19"]),
        ("content", 5),
        ("style", {"picture": "a.png", "weight": "heavy"}),
        ("style", {"colour": "red"}),
        ("mean", [1, 2]),
        ("threads", True),
        ("drawn", 7),
    ],
)
def test_broken_parameters_are_one_line(capsys, name, value):
    noted = {"model": "vgg16", "backend": "cpu", "content": "a.png", "style": "b.png", name: value}
    images.write_image("broken.png", images.coloured_noise(32, 32, 1.0, 0), noted)
    assert call("transfer", "--like", "broken.png", "-o", "x.png") == 2
    error = capsys.readouterr().err
    assert "broken.png: its parameters are broken" in error and error.count("\n") == 1
