"""Streams that are full, closed or of few characters cost no picture and hide no failure."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from helpers.program import (
    FAST,
    is_picture,
    line_of,
    posix,
    run,
)

needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
LOUD = [*FAST, "--iterations", "3", "-o", "out.png"]


@needs_full
def test_full_streams(folder):
    line = "exec %s -m caffe_style transfer a.png b.png %s >/dev/full 2>&1"
    line %= (sys.executable, " ".join(LOUD))
    assert subprocess.run(["sh", "-c", line], cwd=str(folder), timeout=120).returncode == 0
    assert is_picture(folder / "out.png")


@posix
@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(folder, redirection):
    line = "exec %s -m caffe_style transfer a.png b.png %s --curve c.csv --animate c.gif %s"
    line %= (sys.executable, " ".join(LOUD), redirection)
    assert subprocess.run(["sh", "-c", line], cwd=str(folder), timeout=120).returncode == 0
    assert is_picture(folder / "out.png")
    assert (folder / "c.csv").read_text().startswith("evaluation,")


@posix
def test_a_reader_that_goes_away(folder):
    line = "{ %s -m caffe_style transfer a.png b.png %s; echo $? >status; } 2>&1 | true"
    line %= (sys.executable, " ".join(LOUD))
    subprocess.run(["sh", "-c", line], cwd=str(folder), timeout=120)
    assert (folder / "status").read_text() == "0\n" and is_picture(folder / "out.png")


def test_names_that_ascii_has_not(folder):
    environment = dict(os.environ, PYTHONIOENCODING="ascii")
    result = run(
        folder, "transfer", "a.png", "b.png", *FAST, "--iterations", "2", "-o", "grün.png",
        env=environment,
    )  # fmt: skip
    assert result.returncode == 0 and result.stdout == "gr\\xfcn.png\n"
    assert is_picture(folder / "grün.png")


@needs_full
def test_streams_never_turn_failure_into_success(folder):
    line = "exec %s -m caffe_style %s >/dev/full 2>/dev/full"
    for arguments, status in (
        ("transfer none.png b.png", 2),
        ("models list", 1),
        ("show a.png", 2),
    ):
        command = ["sh", "-c", line % (sys.executable, arguments)]
        assert subprocess.run(command, cwd=str(folder), timeout=120).returncode == status
    with open("/dev/full", "w") as full:
        result = run(folder, "models", "list", stdout=full)
    assert result.returncode == 1
    line_of(result, "standard output", "No space left")
