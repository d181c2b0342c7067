"""Snapshots of solvers: when they are written, and what a restored run is."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.line_solver import BASE, MOMENTA, maker, weights

from caffe_style import engine
from caffe_style.engine.formats.solverstate import SolverState, read_solverstate, write_solverstate
from caffe_style.engine.solvers import SOLVERS
from caffe_style.errors import CheckpointError, WeightsError


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Makes a solver of a prototxt's text, in a working directory of its own."""
    return maker(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("hdf5", [False, True])
def test_a_restored_run_is_the_same_run(make, name, hdf5):
    if hdf5:
        pytest.importorskip("h5py")
    text = 'type: "%s" %s snapshot: 3 delta: 0.01 weight_decay: 0.01 ' % (name, MOMENTA[name])
    text += 'lr_policy: "multistep" gamma: 0.5 stepvalue: 2 stepvalue: 3 max_iter: 8 '
    text += "snapshot_format: HDF5" if hdf5 else ""
    base = BASE.replace('lr_policy: "fixed"', "")
    whole = make(text, base=base)
    whole.solve()
    end = ".h5" if hdf5 else ""
    resumed = make(text, base=base)
    resumed.solve("run_iter_3.solverstate" + end)
    assert np.array_equal(weights(resumed.net), weights(whole.net))
    assert all(np.array_equal(a, b) for a, b in zip(resumed._history, whole._history))
    assert (resumed.iter, resumed.lr) == (whole.iter, whole.lr) == (8, pytest.approx(0.025))


def test_when_and_where_snapshots_are_written(make, tmp_path):
    make("snapshot: 2 max_iter: 5").solve()
    stems = ["run_iter_%d" % i for i in (2, 4, 5)]
    names = [stem + end for stem in stems for end in (".caffemodel", ".solverstate")]
    assert sorted(path.name for path in tmp_path.glob("run*")) == sorted(names)
    make(
        "snapshot: 2 max_iter: 5 snapshot_after_train: false",
        name="b.prototxt",
        base=BASE.replace('snapshot_prefix: "run"', ""),
    ).solve()
    assert sorted(path.name for path in tmp_path.glob("b_iter*.solverstate")) == [
        "b_iter_2.solverstate",
        "b_iter_4.solverstate",
    ]
    (tmp_path / "folder").mkdir()
    inside = make(name="c.prototxt", base=BASE.replace('"run"', '"folder"'))
    inside.snapshot()
    assert (tmp_path / "folder" / "c_iter_0.caffemodel").is_file()


def test_a_snapshot_is_read_by_protobuf(make):
    solver = make('type: "Adam" momentum: 0.9 snapshot_diff: true')
    solver.step(2)
    solver.snapshot()
    messages = engine.proto.caffe_pb2
    with open("run_iter_2.solverstate", "rb") as stream:
        state = messages.SolverState.FromString(stream.read())
    assert (state.iter, state.learned_net, len(state.history)) == (2, "run_iter_2.caffemodel", 2)
    assert list(state.history[0].shape.dim) == [4, 3]
    with open("run_iter_2.caffemodel", "rb") as stream:
        (blob,) = messages.NetParameter.FromString(stream.read()).layer[1].blobs
    np.testing.assert_array_equal(blob.data, weights(solver.net).ravel())
    np.testing.assert_array_equal(blob.diff, solver.net.params["ip"][0].diff.ravel())


def test_snapshot_diffs_in_hdf5(make):
    h5py = pytest.importorskip("h5py")
    solver = make("snapshot_diff: true snapshot_format: HDF5")
    solver.step(1)
    solver.snapshot()
    with h5py.File("run_iter_1.caffemodel.h5", "r") as file:
        np.testing.assert_array_equal(file["diff/ip/0"][()], solver.net.params["ip"][0].diff)


def test_old_states_of_four_axes_are_read(make):
    solver = make("momentum: 0.9")
    solver.step(1)
    write_solverstate("old.solverstate", SolverState(7, "", [np.ones((1, 1, 4, 3))], 2))
    solver.restore("old.solverstate")
    assert solver.iter == 7 and (solver._history[0] == 1).all()


@pytest.mark.parametrize("end", ["", ".h5"])
def test_broken_states_are_refused_and_change_nothing(make, tmp_path, end):
    if end:
        pytest.importorskip("h5py")
    path = "run_iter_2.solverstate" + end
    solver = make("snapshot_format: HDF5" if end else "")
    solver.step(2)
    solver.snapshot()
    content = (tmp_path / path).read_bytes()
    solver.step(1)
    before = weights(solver.net).copy()
    for broken in (content[: len(content) // 2], b"text", content[:-3] if not end else b"\x89HDF"):
        (tmp_path / path).write_bytes(broken)
        with pytest.raises(CheckpointError) as caught:
            solver.restore(path)
        assert "\n" not in str(caught.value) and path in str(caught.value)
    (tmp_path / path).write_bytes(content)
    with pytest.raises(CheckpointError, match="another type of solver"):
        make('type: "Adam"').restore(path)
    (tmp_path / ("run_iter_2.caffemodel" + end)).unlink()
    with pytest.raises(WeightsError):
        solver.restore(path)
    with pytest.raises(CheckpointError, match="no such solverstate"):
        solver.restore("nothere" + end)
    assert solver.iter == 3 and np.array_equal(weights(solver.net), before)


def test_states_that_cannot_be_written(tmp_path):
    with pytest.raises(CheckpointError, match="cannot write"):
        write_solverstate(str(tmp_path / "no" / "x.solverstate"), SolverState(0, "", [], 0))
    write_solverstate(str(tmp_path / "x.solverstate"), SolverState(5, "a ü", [np.ones(3)], 1))
    state = read_solverstate(str(tmp_path / "x.solverstate"))
    assert state[:2] == (5, "a ü") and state.history[0].tolist() == [1, 1, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["x.solverstate"]
