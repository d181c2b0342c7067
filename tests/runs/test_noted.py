"""Files from anywhere are checked before they are believed: each of these was a traceback, or worse, once."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from caffe_style.errors import CheckpointError
from caffe_style.pictures import metadata as noted
from caffe_style.runs.checkpoint import read_checkpoint
from tests.fuzz import checkpoints

WHOLE = np.ones((1, 3, 4, 4))


@pytest.mark.parametrize(
    "text, reason",
    [
        ("a: &a [x]\nb: *a", "aliases .* are not allowed"),
        ("a: " + "[" * 40 + "]" * 40, "nested too deeply"),
        ("a: " + "[" * 5000, "nested too deeply"),
        ("a: 2001-99-99", "month must be in 1..12"),
        ("a: [", "flow"),
        ("a" * (noted.LONGEST + 1), "more than"),
    ],
)
def test_yaml(text, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        noted.parse_yaml(text)
    assert "\n" not in str(caught.value)
    assert noted.parse_yaml("a: &a [x]") == {"a": ["x"]}


@pytest.mark.parametrize(
    "text, reason",
    [
        ('{"a": ' + "[" * 20 + "]" * 20 + "}", "nested too deeply"),
        ('{"a": ' + "[" * 99999, "nested too deeply"),
        ("[1]", "not a JSON object"),
        ("{", "Expecting"),
    ],
)
def test_json(text, reason):
    with pytest.raises(ValueError, match=reason):
        noted.parse_json(text)
    assert noted.parse_json('{"a": [[1]]}') == {"a": [[1]]}


def refused(tmp_path, content):
    path = tmp_path / "run.npz"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def test_a_whole_checkpoint_is_read(tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(checkpoints.checkpoint(checkpoints.HEADER, np.savez, WHOLE))
    assert read_checkpoint(path).state.pairs[0].step.flags.writeable


def test_compressed_checkpoints_are_refused(tmp_path):
    content = checkpoints.checkpoint(checkpoints.HEADER, np.savez_compressed, WHOLE)
    assert "compressed" in refused(tmp_path, content)


def test_what_is_announced_is_not_allocated(tmp_path):
    stream = io.BytesIO(checkpoints.checkpoint(checkpoints.HEADER, np.savez, WHOLE))
    with zipfile.ZipFile(stream) as old:
        members = {name: old.read(name) for name in old.namelist()}
    # 24 TB, in a header of the same length.
    members["point.npy"] = members["point.npy"].replace(
        b"(1, 3, 4, 4), }" + b" " * 10, b"(1, 3, 999999, 999999), }"
    )
    assert b"999999, 999999" in members["point.npy"]
    with zipfile.ZipFile(stream, "w") as new:
        for name, content in members.items():
            new.writestr(name, content)
    refused(tmp_path, stream.getvalue())


@pytest.mark.parametrize(
    "name, value",
    [("scale", 5), ("done", -1), ("memory", 9), ("loss", "low"), ("history", [{}]), ("run", [])],
)
def test_wrong_headers(tmp_path, name, value):
    header = {**checkpoints.HEADER, name: value}
    refused(tmp_path, checkpoints.checkpoint(header, np.savez, WHOLE))


@pytest.mark.parametrize("array", [WHOLE[0], WHOLE.astype("f4"), WHOLE * np.nan])
def test_wrong_arrays(tmp_path, array):
    content = checkpoints.checkpoint(checkpoints.HEADER, np.savez, array)
    assert "step_0 is not an array" in refused(tmp_path, content)
