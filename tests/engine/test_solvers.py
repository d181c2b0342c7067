"""Solvers: each rule against its formula, then tests, snapshots, states and what is refused."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from caffe_style import engine
from caffe_style.engine.formats.solver import read_solver
from caffe_style.engine.formats.solverstate import SolverState, read_solverstate, write_solverstate
from caffe_style.engine.solvers import SOLVERS
from caffe_style.errors import (
    CaffeStyleError,
    CheckpointError,
    OptionError,
    PrototxtError,
    WeightsError,
)

#: score = W x; the loss is half the mean squared distance to the target.
NET = """
name: "line"
layer { name: "data" type: "DummyData" top: "x" top: "target" dummy_data_param {
  shape { dim: 2 dim: 3 } shape { dim: 2 dim: 4 } data_filler { value: 1 } data_filler { value: 2 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "score" param { lr_mult: 0.5 decay_mult: 2 }
  inner_product_param { num_output: 4 bias_term: false
    weight_filler { type: "gaussian" std: 0.5 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "score" bottom: "target" top: "loss" }
"""
BASE = 'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" random_seed: 3 snapshot_prefix: "run" '


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Makes a solver of a prototxt's text, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLOG_minloglevel", "0")
    (tmp_path / "net.prototxt").write_text(NET)

    def make(text="", name="solver.prototxt", base=BASE):
        (tmp_path / name).write_text(base + text)
        return engine.get_solver(name)

    return make


def weights(net):
    return net.params["ip"][0].data


# -- rules, each as its paper or Caffe's documentation has it, in double precision ---------------


def sgd(gradients, rate, momentum=0.9, **_):
    velocity = 0
    for gradient in gradients:
        velocity = momentum * velocity + rate * gradient
        yield velocity


def nesterov(gradients, rate, momentum=0.9, **_):
    velocity = 0
    for gradient in gradients:
        last, velocity = velocity, momentum * velocity + rate * gradient
        yield (1 + momentum) * velocity - momentum * last


def adagrad(gradients, rate, delta, **_):
    total = 0
    for gradient in gradients:
        total = total + gradient**2
        yield rate * gradient / (np.sqrt(total) + delta)


def rmsprop(gradients, rate, delta, rms_decay=0.9, **_):
    mean = 0
    for gradient in gradients:
        mean = rms_decay * mean + (1 - rms_decay) * gradient**2
        yield rate * gradient / (np.sqrt(mean) + delta)


def adadelta(gradients, rate, delta, momentum=0.9, **_):
    mean = updates = 0
    for gradient in gradients:
        mean = momentum * mean + (1 - momentum) * gradient**2
        update = gradient * np.sqrt(updates + delta) / np.sqrt(mean + delta)
        updates = momentum * updates + (1 - momentum) * update**2
        yield rate * update


def adam(gradients, rate, delta, momentum=0.9, momentum2=0.99, **_):
    mean = square = 0
    for t, gradient in enumerate(gradients, 1):
        mean = momentum * mean + (1 - momentum) * gradient
        square = momentum2 * square + (1 - momentum2) * gradient**2
        # delta belongs to the root before its bias is corrected.
        root = (np.sqrt(square) + delta) / math.sqrt(1 - momentum2**t)
        yield rate * mean / (1 - momentum**t) / root


RULES = {
    "SGD": (sgd, "momentum: 0.9"),
    "Nesterov": (nesterov, "momentum: 0.9"),
    "AdaGrad": (adagrad, ""),
    "RMSProp": (rmsprop, "rms_decay: 0.9"),
    "AdaDelta": (adadelta, "momentum: 0.9"),
    "Adam": (adam, "momentum: 0.9 momentum2: 0.99"),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_rule_against_its_formula(make, name):
    rule, options = RULES[name]
    solver = make('type: "%s" delta: 0.001 %s' % (name, options))
    assert type(solver) is SOLVERS[name] and isinstance(solver, engine.Solver)
    random = np.random.RandomState(0)
    gradients = random.normal(0, 1, (6, 4, 3))
    wanted = weights(solver.net).astype(float)
    # lr_mult is a half.
    for gradient, update in zip(gradients, rule(gradients, 0.1 * 0.5, delta=0.001)):
        solver.net.params["ip"][0].diff[...] = gradient
        solver.apply_update()
        wanted -= update
        np.testing.assert_allclose(weights(solver.net), wanted, atol=2e-6)
        np.testing.assert_allclose(solver.net.params["ip"][0].diff, update, rtol=1e-4, atol=1e-7)
    assert solver.iter == 6


@pytest.mark.parametrize("kind", ["L1", "L2"])
def test_gradients_are_clipped_averaged_and_decayed_in_this_order(make, kind):
    solver = make(
        'clip_gradients: 2 iter_size: 4 weight_decay: 0.3 regularization_type: "%s"' % kind
    )
    before = weights(solver.net).copy()
    gradient = np.random.RandomState(0).normal(0, 3, (4, 3))
    solver.net.params["ip"][0].diff[...] = gradient
    solver.apply_update()
    gradient *= 2 / np.sqrt((gradient**2).sum()) / 4
    gradient += 0.3 * 2 * (np.sign(before) if kind == "L1" else before)
    np.testing.assert_allclose(weights(solver.net), before - 0.05 * gradient, atol=1e-6)


def test_small_gradients_are_not_clipped(make):
    solver = make("clip_gradients: 5")
    before = weights(solver.net).copy()
    solver.net.params["ip"][0].diff[...] = 1
    solver.apply_update()
    np.testing.assert_allclose(weights(solver.net), before - 0.05, atol=1e-6)


POLICIES = {
    'lr_policy: "fixed"': lambda i: 1,
    'lr_policy: "step" stepsize: 3 gamma: 0.5': lambda i: 0.5 ** (i // 3),
    'lr_policy: "exp" gamma: 0.9': lambda i: 0.9**i,
    'lr_policy: "inv" gamma: 0.1 power: 0.75': lambda i: (1 + 0.1 * i) ** -0.75,
    'lr_policy: "multistep" gamma: 0.5 stepvalue: 2 stepvalue: 7': lambda i: (
        0.5 ** ((i >= 2) + (i >= 7))
    ),
    'lr_policy: "poly" max_iter: 12 power: 2': lambda i: (1 - i / 12) ** 2,
    'lr_policy: "sigmoid" gamma: 0.5 stepsize: 5': lambda i: 1 / (1 + math.exp(-0.5 * (i - 5))),
}


@pytest.mark.parametrize("policy", POLICIES)
def test_learning_rate(make, policy):
    solver = make(policy, base=BASE.replace('lr_policy: "fixed"', ""))
    for iteration in range(10):
        before = weights(solver.net).copy()
        solver.net.params["ip"][0].diff[...] = 1
        wanted = 0.1 * POLICIES[policy](iteration)
        assert solver.lr == pytest.approx(wanted, rel=1e-6)
        solver.apply_update()
        np.testing.assert_allclose(before - weights(solver.net), 0.5 * wanted, atol=1e-6)


def test_the_rate_may_be_changed_between_steps(make):
    solver = make()
    solver.param.base_lr = 0.0
    before = weights(solver.net).copy()
    solver.step(2)
    assert np.array_equal(weights(solver.net), before)


# -- steps ---------------------------------------------------------------------------------------


def test_step_is_forward_backward_update(make):
    solver, by_hand = make("iter_size: 2"), make("iter_size: 2")
    assert np.array_equal(weights(solver.net), weights(by_hand.net))
    solver.step(3)
    for _ in range(3):
        by_hand.net.clear_param_diffs()
        for _ in range(2):
            by_hand.net.forward()
            by_hand.net.backward()
        by_hand.apply_update()
    assert solver.iter == by_hand.iter == 3
    assert np.array_equal(weights(solver.net), weights(by_hand.net))


def test_callbacks(make):
    solver, seen = make(), []
    solver.add_callback(
        lambda: seen.append(("start", solver.iter)),
        lambda: seen.append(("gradients", solver.net.params["ip"][0].diff.any())),
    )
    solver.step(2)
    assert seen == [("start", 0), ("gradients", True), ("start", 1), ("gradients", True)]


def test_random_seed_makes_runs_equal(make):
    assert np.array_equal(weights(make().net), weights(make().net))
    other = make(base=BASE.replace("random_seed: 3", "random_seed: 4"))
    assert not np.array_equal(weights(make().net), weights(other.net))


def lines(capfd, pattern):
    return [line for line in capfd.readouterr().err.splitlines() if re.search(pattern, line)]


def test_log_is_what_caffes_tools_read(make, capfd):
    make("display: 2 average_loss: 2 max_iter: 4 snapshot_after_train: false").solve()
    log = capfd.readouterr().err.splitlines()
    for line in log:
        assert re.match(r"I\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ \w+\] ", line)
    text = "\n".join(log)
    assert "Solving line" in text and log[-1].endswith("Optimization Done.")
    assert re.findall(r"Iteration (\d), lr = ([\d.]+)", text) == [("0", "0.1"), ("2", "0.1")]
    shown = {int(a): float(b) for a, b in re.findall(r"Iteration (\d) ?.*, loss = (\S+)", text)}
    outputs = re.findall(r"Train net output #0: loss = (\S+) \(\* 1 = \S+ loss\)", text)
    assert sorted(shown) == [0, 2, 4] and shown[0] == float(outputs[0])
    # The mean of this loss and the one before, which was larger.
    assert shown[2] > float(outputs[1])


def test_log_is_silent_when_asked(make, monkeypatch, capfd):
    monkeypatch.setenv("GLOG_minloglevel", "1")
    make("display: 1 max_iter: 2").solve()
    assert capfd.readouterr().err == ""


# -- nets ----------------------------------------------------------------------------------------


def test_tests_use_the_trained_parameters_and_average(make, capfd):
    solver = make("test_iter: 3 test_interval: 2 test_compute_loss: true")
    test_net = solver.test_nets[0]
    assert test_net._phase == engine.TEST and solver.net._phase == engine.TRAIN
    solver.step(3)
    tested = lines(capfd, "Test")
    assert [re.search(r"Iteration (\d)", line)[1] for line in tested if "Testing" in line] == [
        "0",
        "2",
    ]
    assert np.shares_memory(weights(test_net), weights(solver.net))
    last = float(test_net.blobs["loss"].data)
    assert last == pytest.approx(float(tested[-1].split("loss = ")[1].split()[0]), rel=1e-4)
    assert "Test loss" in tested[-2] and "#0: loss" in tested[-1]


def test_first_test_may_be_left_out(make, capfd):
    make("test_iter: 1 test_interval: 2 test_initialization: false").step(3)
    assert len(lines(capfd, "Testing net")) == 1


RULED = """
layer { name: "x" type: "DummyData" top: "x" dummy_data_param { shape { dim: 1 } } }
layer { name: "train" type: "Power" bottom: "x" top: "t" include { phase: TRAIN } }
layer { name: "test" type: "Power" bottom: "x" top: "v" include { phase: TEST not_stage: "deep" } }
layer { name: "deep" type: "Power" bottom: "x" top: "d" include { stage: "deep" min_level: 2 } }
"""


def test_phases_and_stages(make, tmp_path):
    (tmp_path / "net.prototxt").write_text(RULED)
    solver = make(
        'test_iter: 1 test_iter: 1 test_interval: 1 test_state { } test_state { stage: "deep" level: 2 }'
        ' train_state { stage: "deep" level: 3 }'
    )
    names = [
        [n for n in net._layer_names if n != "x" and "split" not in n]
        for net in [solver.net, *solver.test_nets]
    ]
    assert names == [["train", "deep"], ["test"], ["deep"]]


@pytest.mark.parametrize(
    "text, tests",
    [
        ('train_net: "net.prototxt"', 0),
        ("train_net_param { %s }" % NET, 0),
        ('net_param { %s } test_iter: 1 test_interval: 5' % NET, 1),
        ('train_net: "net.prototxt" test_net: "net.prototxt" test_iter: 1 test_interval: 5', 1),
        ('net: "net.prototxt" test_net_param { %s } test_iter: 1 test_iter: 2 test_interval: 5' % NET, 2),
    ],
)  # fmt: skip
def test_where_nets_may_be_given(make, text, tests):
    solver = make(base='base_lr: 0.1 lr_policy: "fixed" ' + text)
    assert solver.net.name == "line" and len(solver.test_nets) == tests
    solver.step(1)


def test_weights_of_a_solver_are_loaded(make):
    first = make()
    first.step(5)
    first.net.save("a.caffemodel")
    second = make('weights: "a.caffemodel"')
    assert np.array_equal(weights(second.net), weights(first.net)) and second.iter == 0


def test_shared_parameters_are_updated_once(make, tmp_path):
    ip = (
        'layer { name: "%s" type: "InnerProduct" bottom: "%s" top: "%s" param { name: "w" %s }'
        ' inner_product_param { num_output: 3 bias_term: false weight_filler { type: "xavier" } } }'
    )
    text = 'layer { name: "x" type: "DummyData" top: "x" dummy_data_param { shape { dim: 1 dim: 3 } } }'
    text += ip % ("a", "x", "a", "") + ip % ("b", "a", "b", "lr_mult: 0.5")
    (tmp_path / "net.prototxt").write_text(text)
    solver = make()
    before = solver.net.params["a"][0].data.copy()
    solver.net.params["b"][0].diff[...] = 1
    solver.apply_update()
    assert np.shares_memory(solver.net.params["a"][0].data, solver.net.params["b"][0].data)
    np.testing.assert_allclose(before - solver.net.params["a"][0].data, 0.05, atol=1e-6)
    (tmp_path / "net.prototxt").write_text(text.replace('"w"  }', '"w" lr_mult: 2 }'))
    with pytest.raises(OptionError, match="shared parameter 'w' different lr_mult"):
        make()


# -- snapshots -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("hdf5", [False, True])
def test_a_restored_run_is_the_same_run(make, name, hdf5):
    if hdf5:
        pytest.importorskip("h5py")
    text = 'type: "%s" %s snapshot: 3 delta: 0.01 weight_decay: 0.01 ' % (name, RULES[name][1])
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


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, message",
    [
        ('type: "Adma"', "unknown solver type 'Adma': choose one of SGD"),
        ('train_net: "net.prototxt"', "give one of net"),
        ("test_iter: 1", "test_interval"),
        ('test_net: "net.prototxt"', "test_iter once for each of the 1 test nets"),
        ("test_iter: 1 test_interval: 1 test_state { } test_state { }", "test_state once for each"),
        ('type: "AdaGrad" momentum: 0.9', "AdaGrad knows no momentum"),
        ('type: "RMSProp" rms_decay: 1', "rms_decay"),
        ('regularization_type: "L3"', "L1 or L2"),
        ("iter_size: 0", "iter_size"),
        ("average_loss: 0", "average_loss"),
    ],
)
def test_wrong_settings_are_refused_at_once(make, text, message):
    with pytest.raises(OptionError, match=message):
        make(text)


@pytest.mark.parametrize(
    "policy, message",
    [
        ("", "unknown lr_policy ''"),
        ('lr_policy: "cosine"', "unknown lr_policy 'cosine': choose one of fixed"),
        ('lr_policy: "step" gamma: 0.1', "stepsize"),
        ('lr_policy: "exp" gamma: -1', "gamma"),
        ('lr_policy: "poly" max_iter: 2 power: 1', "ends at max_iter, 2"),
    ],
)
def test_wrong_policies_are_refused(make, policy, message):
    solver = make(policy, base=BASE.replace('lr_policy: "fixed"', ""))
    with pytest.raises(OptionError, match=message):
        solver.step(4)


def test_files_that_cannot_be_used(make, tmp_path):
    for text, error in (
        ('net: "nothere.prototxt"', PrototxtError),
        ('net: "net.prototxt" base_rl: 1', PrototxtError),
        ('net: "net.prototxt" type: "Adam" solver_type: SGD', PrototxtError),
        ('net: "net.prototxt" snapshot: 1 snapshot_prefix: "no/folder/x"', OptionError),
    ):
        with pytest.raises(error) as caught:
            make(base=text)
        assert isinstance(caught.value, CaffeStyleError) and "\n" not in str(caught.value)
    with pytest.raises(RuntimeError):
        engine.SGDSolver("nothere.prototxt")
    solver = make("max_iter: 5", base=BASE.replace('"run"', '"no/folder/x"'))
    with pytest.raises(OptionError, match="no/folder"):
        solver.solve()
    assert solver.iter == 0


def test_old_names_of_types(tmp_path):
    path = tmp_path / "s.prototxt"
    names = ["SGD", "NESTEROV", "ADAGRAD", "RMSPROP", "ADADELTA", "ADAM"]
    for old, new in zip(names, SOLVERS):
        path.write_text("solver_type: %s" % old)
        param = read_solver(str(path))
        assert (param.type, param.HasField("solver_type")) == (new, False)
