"""The file of a checkpoint: written whole, read whole or not at all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import caffe_style as cs
from caffe_style.errors import CheckpointError
from caffe_style.optimise import lbfgs
from caffe_style.optimise.memory import Pair
from caffe_style.optimise.minimise import Record
from caffe_style.pictures import images
from caffe_style.runs import checkpoint_file as checkpoints


def example(memory=2):
    random = np.random.default_rng(0)
    state = lbfgs.State(
        random.standard_normal((1, 3, 4, 5)),
        3.5,
        [Pair(*(random.standard_normal((1, 3, 4, 5)) for _ in range(2))) for _ in range(memory)],
        first=1,
        loss=0.1,
        fresh_starts=0,
    )
    history = [Record(7, 0.1, {"style": 0.1}, 2.0, 0.5, True)]
    network = dict.fromkeys(("weights_file", "mean"))
    network.update(model="vgg16", backend="cpu", device=0, pooling="max", seed=0)
    run = {"parameters": {"size": 5}, "identity": {}, "network": network, "threads": 1}
    run.update(tiles=[None, 256], folder=".", notes="é")
    return checkpoints.Saved(run, 1, 3, history, state)


def test_what_is_written_is_read(tmp_path):
    saved = example()
    saved.state.drawn, saved.state.age = saved.state.point + 1, 4
    checkpoints.write_checkpoint(tmp_path / "run.npz", saved)
    found = checkpoints.read_checkpoint(tmp_path / "run.npz")
    assert found[:4] == saved[:4]
    for before, after in zip(
        [saved.state.point, saved.state.drawn, *itertools.chain(*saved.state.pairs)],
        [found.state.point, found.state.drawn, *itertools.chain(*found.state.pairs)],
    ):
        np.testing.assert_array_equal(before, after)
    assert (found.state.loss, found.state.step_length, found.state.fresh_starts) == (0.1, 3.5, 0)
    assert (found.state.age, found.state.first) == (4, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]


def test_a_file_that_is_not_whole(tmp_path):
    path = tmp_path / "run.npz"
    checkpoints.write_checkpoint(path, example())
    whole = path.read_bytes()
    for length in [0, 1, 100, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(
            CheckpointError, match="run.npz: not a checkpoint, or not a complete one"
        ):
            checkpoints.read_checkpoint(path)


def test_a_flipped_bit_is_noticed(tmp_path):
    """In the middle of any array."""
    path = tmp_path / "run.npz"
    checkpoints.write_checkpoint(path, example())
    whole = path.read_bytes()
    point = example().state.point.tobytes()
    place = whole.index(point[:64]) + len(point) // 2
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(CheckpointError, match="not a complete one"):
        checkpoints.read_checkpoint(path)


def test_foreign_files(tmp_path):
    path = tmp_path / "run.npz"
    np.savez(str(path), point=np.zeros(3))
    foreign = [path.read_bytes(), b"text", images.white_noise(9, 9, 0).tobytes()]
    np.savez(str(path), header=np.array([{"an": "object"}], dtype=object))
    foreign.append(path.read_bytes())
    np.save(str(tmp_path / "x.npy"), np.zeros(3))
    foreign.append((tmp_path / "x.npy").read_bytes())
    for content in foreign:
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="not a checkpoint"):
            checkpoints.read_checkpoint(path)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        checkpoints.read_checkpoint(tmp_path / "none.npz")
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoints.read_checkpoint(tmp_path)


def test_another_version(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "FORMAT", 99)
    checkpoints.write_checkpoint(tmp_path / "run.npz", example())
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"another version of caffe_style \(format 99, here"):
        checkpoints.read_checkpoint(tmp_path / "run.npz")


def test_where_it_cannot_be_written(tmp_path):
    with pytest.raises(CheckpointError, match="ends in .npz"):
        cs.Checkpoint(tmp_path / "run.png")
    with pytest.raises(CheckpointError, match="no/such"):
        cs.Checkpoint("no/such/run.npz")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(CheckpointError, match="is a folder"):
        cs.Checkpoint(tmp_path / "folder.npz")
