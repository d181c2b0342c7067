"""Files are written whole or not at all, and held by one process at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from caffe_style.errors import OptionError
from caffe_style.system import files

WRITER = """
import sys
from caffe_style.system.files import replace_file
letter = sys.argv[1]
for _ in range(200):
    replace_file("shared.txt", lambda path: path.write_text(letter * 100000))
"""


def test_of_several_writers_the_last_wins_whole(tmp_path):
    command = [sys.executable, "-c", WRITER]
    writers = [subprocess.Popen([*command, letter], cwd=str(tmp_path)) for letter in "abc"]
    path, seen = tmp_path / "shared.txt", 0
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            text = path.read_text()
            assert len(text) == 100000 and len(set(text)) == 1
            seen += 1
    assert [writer.wait() for writer in writers] == [0, 0, 0] and seen
    assert os.listdir(str(tmp_path)) == ["shared.txt"]


def test_nothing_is_left_of_a_write_that_fails_or_is_interrupted(tmp_path):
    path = tmp_path / "kept.txt"
    files.write_whole(path, lambda temporary: temporary.write_text("old"))
    for error, expected in (
        (OSError(28, "No space left on device"), OptionError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (ValueError("a bug"), ValueError),
    ):

        def write(temporary: Path, error: BaseException = error) -> None:
            temporary.write_text("half")
            raise error

        with pytest.raises(expected):
            files.write_whole(path, write)
        assert path.read_text() == "old" and os.listdir(str(tmp_path)) == ["kept.txt"]


def test_held_by_one_at_a_time(tmp_path):
    pytest.importorskip("fcntl", reason="no locks of this kind here")
    path = tmp_path / "run.npz"
    with files.held(path):
        with pytest.raises(BlockingIOError), files.held(path):
            pass
    leftover = tmp_path / ".run.1-ab.part.npz"
    leftover.write_bytes(b"half")
    with files.held(path):
        assert not leftover.exists()
    assert not os.listdir(str(tmp_path))
