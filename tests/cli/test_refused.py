"""What cannot work is refused in one line before anything is computed."""

from __future__ import annotations

import os
import shutil

import pytest
from helpers.program import (
    SHORT,
    call,
    is_picture,
    line_of,
    posix,
)

from caffe_style import cli

LONG = "x" * 250


@pytest.mark.parametrize(
    "options, words",
    [
        (["-o", "x" * 300 + ".png"], ["cannot be written", "long"]),
        (["-o", LONG + ".png", "--save-every", "1"], ["-0002.png", "long"]),
        (["-o", "out.png", "--curve", LONG + "12345.csv"], ["long"]),
        (["-o", "out.webp", "--size", "16384"], ["out.webp", "16383", "write a .png"]),
        (["-o", "out.png", "--curve", "folder.csv"], ["folder.csv", "is a folder"]),
        (["-o", "out.png", "--animate", "folder.gif"], ["folder.gif", "is a folder"]),
        (["-o", "a.png"], ["a.png", "is read"]),
        (["-o", "./b.png"], ["b.png", "is read"]),
        (["-o", "link.png"], ["link.png", "is read"]),
        (["-o", "out.png", "--init", "out.png"], ["out.png", "is read"]),
        (["-o", "mask.png", "--style", "b.png:mask.png"], ["mask.png", "is read"]),
        (["-o", "out.png", "--curve", "out.png"], ["out.png", "twice"]),
        (["-o", "out.webp", "--animate", "../%s/out.webp"], ["out.webp", "twice"]),
        (["-o", "out.png", "--save-every", "1", "--curve", "out-0002.png"], ["--save-every"]),
        (["-o", "out.png", "--save-every", "2", "--init", "out-0002.png"], ["--save-every"]),
        (["-o", ""], ["end its name in"]),
        (["-o", "out.png", "--curve", ""], ["ends in .csv"]),
        (["-o", "out.png", "--animate", ""], ["ends in .gif"]),
        (["-o", "out.png", "--checkpoint", ""], ["ends in .npz"]),
        (["-o", "out.png", "--resume", "run.npz", "--like", "a.png"], ["--resume and --like"]),
    ],
)
def test_refused_before_anything_is_computed(folder, options, words, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "folder.csv").mkdir()
    (folder / "folder.gif").mkdir()
    for name in ("mask.png", "out-0002.png"):
        shutil.copy("a.png", name)
    if "--init" in options and "out.png" in options:
        shutil.copy("a.png", "out.png")
    if "link.png" in options:
        os.symlink("a.png", "link.png")
    options = [option.replace("%s", folder.name) for option in options]
    before = {path: path.read_bytes() for path in folder.glob("*.png")}
    monkeypatch.setattr("caffe_style.cli.request.open_asked", None)
    assert cli.main(["transfer", "a.png", "b.png", *SHORT, *options]) == 2
    told = capsys.readouterr().err.strip()
    assert told.startswith("caffe-style: error: ") and "\n" not in told
    for word in words:
        assert word in told
    assert {path: path.read_bytes() for path in folder.glob("*.png")} == before


def test_frames_that_are_not_kept_may_be_anything(folder):
    shutil.copy(str(folder / "a.png"), str(folder / "out-0003.png"))
    result = call(
        folder, "transfer", "out-0003.png", "b.png", *SHORT, "-o", "out.png", "--save-every", "2"
    )
    assert result.returncode == 0, result.stderr
    assert is_picture(folder / "out-0002.png")


def test_a_name_as_long_as_the_system_takes(folder):
    name = "x" * 251 + ".png"
    result = call(folder, "transfer", "a.png", "b.png", *SHORT, "-o", name)
    assert result.returncode == 0, result.stderr
    assert is_picture(folder / name)


def test_parameters_that_jpeg_has_no_room_for(folder):
    # The names of styles are parameters; JPEG takes 65,533 bytes of them.
    os.makedirs(str(folder / ("d" * 200) / ("e" * 200)))
    long = os.path.join("d" * 200, "e" * 200, "f" * 200 + ".png")
    shutil.copy(str(folder / "b.png"), str(folder / long))
    styles = ["--style", long] * 120
    small = ["--model", "strokenet", "--size", "32", "--iterations", "1", "--quiet"]
    result = call(folder, "transfer", "a.png", "b.png", *styles, *small, "-o", "out.jpg")
    assert result.returncode == 2
    line_of(result, "out.jpg", "JPEG has no room", "write a .png")
    assert not list(folder.glob("out*"))


def test_the_plot_of_statistics_is_not_the_picture(folder):
    before = (folder / "a.png").read_bytes()
    options = ["--model", "strokenet", "--plot", "a.png"]
    result = call(folder, "statistics", "a.png", *options)
    assert result.returncode == 2
    line_of(result, "a.png", "is read")
    assert (folder / "a.png").read_bytes() == before


def test_threads_out_of_range(folder):
    result = call(folder, "transfer", "a.png", "b.png", *SHORT, "--threads", "99999999999")
    assert result.returncode == 2
    assert "--threads: must be at least 1 and at most 4096" in result.stderr.splitlines()[-1]


@posix
@pytest.mark.parametrize("place", ["content", "style", "mask", "init", "device"])
def test_pipes_and_devices_are_not_waited_for(folder, place):
    os.mkfifo(str(folder / "pipe.png"))
    pipe = "/dev/zero" if place == "device" else "pipe.png"
    arguments = {
        "content": [pipe, "b.png"],
        "style": ["a.png", pipe],
        "device": ["a.png", pipe],
        "mask": ["a.png", "b.png:" + pipe],
        "init": ["a.png", "b.png", "--init", pipe],
    }[place]
    result = call(folder, "transfer", *arguments, *SHORT, "-o", "out.png")
    assert result.returncode == 2
    line_of(result, pipe, "a pipe or device, not a file")


@posix
@pytest.mark.parametrize(
    "arguments",
    [
        ["transfer", "--resume", "pipe.npz"],
        ["batch", "pipe.yaml"],
        ["batch", "pipe.csv"],
        ["show", "pipe.png"],
        ["transfer", "a.png", "b.png", "--model", "models"],
    ],
)
def test_no_other_input_is_a_pipe(folder, arguments):
    for name in ("pipe.npz", "pipe.yaml", "pipe.csv", "pipe.png"):
        os.mkfifo(str(folder / name))
    (folder / "models").mkdir()
    (folder / "models" / "readme.md").write_text("---\nname: net\n---\n")
    os.mkfifo(str(folder / "models" / "deploy.prototxt"))
    result = call(folder, *arguments)
    assert result.returncode == 2
    line_of(result)
