"""Checkpoints of the command line: no accident leaves less than the last good file."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers.program import call, line_of, wait_for

from caffe_style.pictures import images
from caffe_style.runs import checkpoint_file as checkpoints


@pytest.fixture
def pair(tmp_path):
    paths = str(tmp_path / "content.png"), str(tmp_path / "style.png")
    for seed, path in enumerate(paths):
        images.write_image(path, images.coloured_noise(60, 80 - 30 * seed, 1.0, seed))
    return paths


COMMAND = ["transfer", "content.png", "style.png", "--model", "strokenet", "--size", "48"]
COMMAND += ["--quiet", "--threads", "1"]


def start(*arguments, cwd, program=("-m", "caffe_style")):
    return subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)],
        cwd=str(cwd),
        stderr=subprocess.PIPE,
        text=True,
    )


def check_made(result):
    assert (result.returncode, result.stderr) == (0, "")


@pytest.fixture
def uninterrupted(pair, tmp_path):
    """The picture of 30 iterations."""
    options = ["--iterations", 30, "--optimizer", "device", "-o", "whole.png"]
    check_made(call(tmp_path, *COMMAND, *options))
    return images.read_image(tmp_path / "whole.png")


#: Waits before its seventh checkpoint, or in the middle of it: half of the file is written.
HELD_UP = """
import io, sys, time, numpy
from pathlib import Path
from caffe_style.cli import main
savez, calls = numpy.savez, []
def held_up(file, **arrays):
    calls.append(1)
    if len(calls) < 7:
        return savez(file, **arrays)
    if sys.argv[1] == "within":
        whole = io.BytesIO()
        savez(whole, **arrays)
        file.write(whole.getvalue()[: whole.tell() // 2])
        file.flush()
    Path("held-up").touch()
    time.sleep(1000)
numpy.savez = held_up
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("when", ["between", "within"])
def test_killed_while_it_runs_and_while_it_saves(pair, tmp_path, uninterrupted, when):
    process = start(
        *COMMAND,
        *("--iterations", 30, "--checkpoint", "run.npz", "--checkpoint-every", 0, "-o", "out.png"),
        cwd=tmp_path,
        program=("-c", HELD_UP, when),
    )
    wait_for((tmp_path / "held-up").exists)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "out.png").exists()
    assert len(list(tmp_path.glob(".run.*.part.npz"))) == 1
    assert checkpoints.read_checkpoint(tmp_path / "run.npz").done == 6

    # From another folder, with no other option.
    (tmp_path / "elsewhere").mkdir()
    check_made(call(tmp_path / "elsewhere", "transfer", "--resume", "../run.npz", "--quiet"))
    assert not list(tmp_path.glob(".run.*"))
    np.testing.assert_array_equal(images.read_image(tmp_path / "out.png"), uninterrupted)
    assert images.read_metadata(tmp_path / "out.png")["iterations"] == 30


def test_killed_at_any_moment(pair, tmp_path, uninterrupted):
    """Again and again, whenever there is a new checkpoint."""
    path, kept = tmp_path / "run.npz", tmp_path / "seen.npz"
    arguments = [*COMMAND, "--iterations", 30, "--checkpoint", "run.npz", "-o", "out.png"]
    for delay in (0.0, 0.013, 0.05):
        before = path.stat().st_mtime_ns if path.exists() else 0
        process = start(*arguments, "--checkpoint-every", 0, cwd=tmp_path)
        wait_for(lambda seen=before: path.exists() and path.stat().st_mtime_ns != seen)
        time.sleep(delay)
        process.kill()
        process.communicate()
        shutil.copy(str(path), str(kept))
        arguments = ["transfer", "--resume", "run.npz", "--quiet"]
    assert 0 < checkpoints.read_checkpoint(kept).done < 30
    check_made(call(tmp_path, *arguments))
    np.testing.assert_array_equal(images.read_image(tmp_path / "out.png"), uninterrupted)


def test_ctrl_c_saves_where_it_is_and_says_how_to_go_on(pair, tmp_path):
    process = start(
        *COMMAND,
        *("--iterations", 100000, "--checkpoint", "run.npz", "--save-every", 1, "-o", "out.png"),
        cwd=tmp_path,
    )
    wait_for(lambda: len(list(tmp_path.glob("out-*.png"))) > 3)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130 and "--resume run.npz" in error and "Traceback" not in error
    frames = len(list(tmp_path.glob("out-*.png")))
    assert abs(checkpoints.read_checkpoint(tmp_path / "run.npz").done - frames) <= 1


def test_the_command_line_refuses_in_one_line(pair, tmp_path):
    saved = ["--iterations", 2, "--checkpoint", "run.npz", "--checkpoint-every", 0, "-o", "out.png"]
    check_made(call(tmp_path, *COMMAND, *saved))
    (tmp_path / "text.npz").write_text("no checkpoint")
    for arguments, words in [
        (["--resume", "none.npz"], ["none.npz", "no such"]),
        (["--resume", "text.npz"], ["text.npz", "not a checkpoint"]),
        (["--resume", "run.npz", "--size", "64"], ["size 48, not 64"]),
        (["style.png", "--resume", "run.npz"], ["another content picture"]),
        (["content.png", "style.png", "--checkpoint-every", "5"], ["needs --checkpoint"]),
        (["content.png", "style.png", "--checkpoint", "a.txt"], ["a.txt", ".npz"]),
        (["content.png", "style.png", "--checkpoint", "no/a.npz"], ["no/a.npz"]),
        ([], ["content picture"]),
    ]:
        result = call(tmp_path, "transfer", *arguments, "--quiet")
        assert result.returncode == 2
        line_of(result, *words)
    assert json.loads(json.dumps(checkpoints.read_checkpoint(tmp_path / "run.npz").run))
