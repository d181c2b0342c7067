"""Files of earlier versions (`tests/data/make.py`) are shown, repeated, and resumed to the recorded picture.

The engine computes with as many threads and on the processor that is here, so that a value may be rounded
otherwise than where the files were made: pictures agree within rounding, not bit for bit.
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from conftest import ROOT

from caffe_style import cli
from caffe_style.pictures.images import read_image

VERSION = ROOT / "tests" / "data" / "version-0.1.0"
#: Mean difference in grey levels that rounding may make.
ROUNDING = 0.5

PICTURES = sorted(path.stem for path in VERSION.glob("*.txt"))
#: Those whose command has --like.
REPEATABLE = ["transfer", "preset", "covariation", "texture", "reconstruct"]
#: What their command lines say since there are spaces and margins: then everything worked in pixels, without a
#: margin.
SPACE, MARGIN, MIRRORED = ["--space", "pixels"], ["--margin", "0"], ["--no-tileable"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    shutil.copytree(str(VERSION), str(tmp_path / "old"))
    monkeypatch.chdir(tmp_path / "old")


def difference(one, other):
    return np.abs(read_image(one).astype(float) - read_image(other)).mean()


def test_every_command_is_there():
    commands = {
        (VERSION / (name + ".txt")).read_text().split("caffe-style ")[-1].split()[0]
        for name in PICTURES
    }
    assert commands == {"transfer", "texture", "reconstruct", "element", "sparse", "feature"}


@pytest.mark.parametrize("name", PICTURES)
def test_show_prints_the_same_command_line(name, capsys):
    assert cli.main(["show", name + ".png"]) == 0
    shown = capsys.readouterr().out.splitlines()[-1].split()
    recorded = (VERSION / (name + ".txt")).read_text().splitlines()[-1].split()
    recorded += [*MARGIN, *(SPACE if name in REPEATABLE else MIRRORED)]
    # Options may stand in another order.
    assert sorted(shown) == sorted(recorded)
    assert cli.make_parser().parse_args(shown[1:]) == cli.make_parser().parse_args(recorded[1:])


@pytest.mark.parametrize("name", sorted({*PICTURES} - {*REPEATABLE}))
def test_the_command_line_makes_the_same_picture(name):
    line = (VERSION / (name + ".txt")).read_text().splitlines()[-1].split()
    assert line[0] == "caffe-style"
    assert cli.main([*line[1:], *MARGIN, "-q", "-o", "again.png"]) == 0
    assert difference("again.png", name + ".png") < ROUNDING


@pytest.mark.parametrize("name", REPEATABLE)
def test_like_makes_the_same_picture(name):
    command = name if name in ("texture", "reconstruct") else "transfer"
    assert cli.main([command, "--like", name + ".png", "-q", "-o", "again.png"]) == 0
    assert difference("again.png", name + ".png") < ROUNDING


def test_a_run_is_resumed_to_the_same_picture():
    shutil.move("resumed.png", "recorded.png")
    # Its pictures are named anew: they are not in the folder where the run began.
    pair = ["content.png", "waves.png"]
    assert cli.main(["transfer", *pair, "--resume", "run.npz", "-q", "-o", "resumed.png"]) == 0
    assert difference("resumed.png", "recorded.png") < ROUNDING
