"""A checkpoint and a download belong to one process at a time."""

from __future__ import annotations

import pytest
from helpers.program import (
    SHORT,
    call,
    line_of,
    start,
)

from caffe_style.errors import WeightsError
from caffe_style.networks import install
from caffe_style.system import files


def test_two_runs_on_one_checkpoint(folder):
    process = start(folder, "-o", "out.png", "--checkpoint", "run.npz", "--checkpoint-every", "0")
    try:
        result = call(
            folder, "transfer", "a.png", "b.png", *SHORT, "-o", "2.png", "--checkpoint", "run.npz"
        )
        assert result.returncode == 2
        line_of(result, "run.npz", "another run is saved to it")
        assert not (folder / "2.png").exists()
    finally:
        process.kill()
        process.communicate()
    # The dead hold nothing.
    result = call(folder, "transfer", "--resume", "run.npz", "--iterations", "100000", "--quiet",
                 "-o", "3.png", "--size", "48")  # fmt: skip
    assert "another run" not in result.stderr and "size 64, not 48" in result.stderr


def test_fetched_by_one_process_at_a_time(tmp_path, monkeypatch):
    pytest.importorskip("fcntl", reason="no locks of this kind here")
    monkeypatch.setenv("CAFFE_STYLE_HOME", str(tmp_path))
    with files.held(tmp_path / "vgg19.caffemodel"):
        with pytest.raises(WeightsError, match="being downloaded by another process"):
            install.fetch("vgg19", progress=False)
