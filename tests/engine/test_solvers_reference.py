"""Solvers against genuine Caffe: parameters after each stretch, and snapshots taken over from it."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import REFERENCE, skip_unless_it_computes
from helpers import solver_cases

from caffe_style import engine
from caffe_style.backends import genuine
from caffe_style.engine import devices

CASES = sorted((REFERENCE / "solvers").glob("*.npz"))
#: Largest absolute difference of a parameter; they are about 1.
TOLERANCE = 1e-5


@pytest.fixture(params=CASES, ids=[path.stem for path in CASES])
def case(request, tmp_path, monkeypatch):
    """A case, and a working directory with its prototxts and genuine Caffe's snapshot."""
    monkeypatch.chdir(tmp_path)
    with np.load(str(request.param)) as arrays:
        case = dict(arrays)
    solver_cases.write_prototxts(str(case["net"]), str(case["solver"]))
    for key, value in case.items():
        if key.startswith("file:"):
            if key.endswith(".h5"):
                pytest.importorskip("h5py")
            (tmp_path / key[5:]).write_bytes(value.tobytes())
    return case


def largest_difference(net, case, prefix):
    found = solver_cases.parameters(net, prefix)
    assert set(found) == {key for key in case if key.startswith(prefix + ":")}
    return max(np.abs(found[key] - case[key]).max() for key in found)


def test_there_are_cases_of_every_solver():
    texts = " ".join(solver_cases.SOLVERS.values())
    assert {path.stem for path in CASES} == set(solver_cases.SOLVERS)
    for name in ("Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam"):
        assert 'type: "%s"' % name in texts


def test_steps_agree_with_genuine_caffe(case):
    solver = solver_cases.make_solver(engine, case)
    for stretch, steps in (("first", 1), ("snapshot", 9), ("end", 5)):
        solver.step(steps)
        assert largest_difference(solver.net, case, stretch) < TOLERANCE
    assert solver.iter == 15


@pytest.mark.parametrize("name", ["shared_sgd", "adam"])
@pytest.mark.parametrize("device", [name for name in devices.NAMES if name != "cuda-tf32"])
def test_every_device_trains_alike(device, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(devices, "_current", devices.current_device())
    skip_unless_it_computes(device)
    devices.use_device(device)
    with np.load(str(REFERENCE / "solvers" / (name + ".npz"))) as arrays:
        case = dict(arrays)
    solver_cases.write_prototxts(str(case["net"]), str(case["solver"]))
    solver = solver_cases.make_solver(engine, case)
    solver.step(10)
    assert largest_difference(solver.net, case, "snapshot") < TOLERANCE


def test_a_genuine_snapshot_is_continued(case):
    (state,) = [key[5:] for key in case if ".solverstate" in key]
    probe = engine.get_solver("solver.prototxt")
    solver = solver_cases.make_solver(
        engine, solver_cases.skip_batches(case, probe.param.iter_size)
    )
    solver.restore(state)
    assert solver.iter == 10
    assert largest_difference(solver.net, case, "snapshot") == 0
    solver.step(5)
    assert largest_difference(solver.net, case, "end") < TOLERANCE


def test_genuine_caffe_continues_our_snapshot(case):
    skip_unless_it_computes("caffe")
    caffe = genuine.import_caffe()
    ours = solver_cases.make_solver(engine, case)
    ours.step(10)
    ours.snapshot()
    (state,) = [key[5:] for key in case if ".solverstate" in key]
    # It is kept: genuine Caffe holds only pointers into the arrays.
    rest = solver_cases.skip_batches(case, ours.param.iter_size)
    theirs = solver_cases.make_solver(caffe, rest)
    theirs.restore(state)
    assert theirs.iter == 10
    theirs.step(5)
    assert largest_difference(theirs.net, case, "end") < TOLERANCE


def test_a_difference_is_noticed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with np.load(str(REFERENCE / "solvers" / "adam.npz")) as arrays:
        case = dict(arrays)
    changed = str(case["solver"]).replace("momentum2: 0.99", "momentum2: 0.98")
    solver_cases.write_prototxts(str(case["net"]), changed)
    solver = solver_cases.make_solver(engine, case)
    solver.step(10)
    assert largest_difference(solver.net, case, "snapshot") > 10 * TOLERANCE
