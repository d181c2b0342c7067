"""Solvers: their steps and nets, and what is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
from helpers.line_solver import BASE, NET, maker, weights

from caffe_style import engine
from caffe_style.engine.formats.solver import read_solver
from caffe_style.engine.solvers import SOLVERS
from caffe_style.errors import CaffeStyleError, OptionError, PrototxtError


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Makes a solver of a prototxt's text, in a working directory of its own."""
    return maker(tmp_path, monkeypatch)


# -- steps -----------------------------------------------------------------------------------------


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


# -- nets ------------------------------------------------------------------------------------------


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


# -- what is refused -------------------------------------------------------------------------------


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
