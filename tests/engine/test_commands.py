"""Caffe's commands: python -m caffe_style.engine time, test, train, device_query."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

import caffe_style.engine as caffe
from caffe_style.engine import commands
from caffe_style.errors import OptionError

DATA = """layer { name: "data" type: "DummyData" top: "x" top: "label" dummy_data_param {
  shape { dim: 4 dim: 3 } shape { dim: 4 } data_filler { type: "constant" value: 0.5 }
  data_filler { type: "constant" value: 1 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param { num_output: 2
  weight_filler { type: "gaussian" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" loss_weight: 0.5 }
layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy"
  include { phase: TEST stage: "checked" } }
"""


@pytest.fixture
def files(tmp_path):
    definition, weights = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    definition.write_text(DATA)
    net = caffe.Net(str(definition), caffe.TEST)
    net.params["fc"][0].data[...] = [[0, 0, 0], [1, 0, 0]]
    net.save(str(weights))
    return str(definition), str(weights)


def numbers(text, pattern):
    return [float(value) for value in re.findall(pattern + r" ([-\d.e+]+)", text)]


@pytest.mark.parametrize("spelling", ["-%s %s", "--%s=%s", "-%s=%s"])
def test_time(files, capsys, spelling):
    flags = " ".join(spelling % pair for pair in (("model", files[0]), ("iterations", 3)))
    assert commands.run(["time"] + flags.split()) == 0
    out = capsys.readouterr().out
    for layer in ("data", "fc", "loss"):
        assert re.search(r"%s\tforward: [\d.e-]+ ms\.\n +%s\tbackward: " % (layer, layer), out)
    (forward,), (backward,), (both,), (total,) = (
        numbers(out, name + ":")
        for name in (
            "Average Forward pass",
            "Average Backward pass",
            "Forward-Backward",
            "Total Time",
        )
    )
    assert 0 < forward and 0 < backward and np.isclose(forward + backward, both, rtol=1e-3)
    assert total >= 3 * both * 0.999
    layers = sum(numbers(out, r"\tforward:"))
    assert 0 < layers <= forward
    assert "accuracy" not in out  # the phase is TRAIN


def test_test(files, capsys):
    flags = ["-model", files[0], "-weights", files[1], "-iterations", "2", "-stage", "checked"]
    assert commands.run(["test"] + flags) == 0
    out = capsys.readouterr().out
    loss = np.log(1 + np.exp(-0.5))
    assert np.allclose(numbers(out, r"Batch \d, loss ="), [loss] * 2, rtol=1e-4)
    assert numbers(out, r"Batch \d, accuracy =") == [1, 1]
    assert np.allclose(numbers(out, "\nLoss:"), loss / 2, rtol=1e-4)
    assert np.allclose(numbers(out, r"\(\* 0.5 ="), loss / 2, rtol=1e-4)
    assert "accuracy = 1\n" in out


def test_errors_are_one_line(files):
    command = [sys.executable, "-m", "caffe_style.engine"]
    for arguments, message in (
        (["time", "-model", "none.prototxt"], "none.prototxt"),
        (["time"], "model"),
        (["test", "-model", files[0]], "weights"),
        (["time", "-model", files[0], "-iterations", "0"], "at least 1"),
    ):
        result = subprocess.run(command + arguments, capture_output=True, text=True)
        assert result.returncode == 2 and message in result.stderr
        assert "Traceback" not in result.stderr


def test_device_query(capsys):
    assert commands.run(["device_query"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {re.match(r"(cuda|opencl)( \d+)?: .", line)[1] for line in lines} == {"cuda", "opencl"}


SOLVER = """net: "%s" base_lr: 0.5 lr_policy: "fixed" max_iter: %d display: 0 snapshot_prefix: "%s"
test_iter: 1 test_interval: 1000 test_initialization: false random_seed: 1 momentum: 0.9 %s
"""


def test_train(files, tmp_path, capsys):
    """Ten iterations in one go are five and then five, and begin where -weights says."""
    paths = {}
    for name, count in (("whole", 10), ("half", 5), ("rest", 10)):
        paths[name] = str(tmp_path / ("%s.prototxt" % name))
        prefix = str(tmp_path / name)
        (tmp_path / ("%s.prototxt" % name)).write_text(SOLVER % (files[0], count, prefix, ""))
    weights = ["-weights", files[1]]
    assert commands.run(["train", "-solver", paths["whole"]] + weights) == 0
    assert commands.run(["train", "-solver", paths["half"]] + weights) == 0
    state = str(tmp_path / "half_iter_5.solverstate")
    assert commands.run(["train", "--solver=" + paths["rest"], "--snapshot=" + state]) == 0
    nets = []
    for name in ("whole_iter_10", "half_iter_5", "rest_iter_10"):
        path = str(tmp_path / ("%s.caffemodel" % name))
        nets.append(caffe.Net(files[0], path, caffe.TEST).params["fc"][0].data.copy())
    whole, half, rest = nets
    assert np.allclose(whole, rest, atol=1e-6) and not np.allclose(whole, half, atol=1e-3)
    # The second class is right: its weights rise from what -weights gave.
    assert (half[1] > [1, 0, 0]).all() and (half[0] < 0).all()
    with pytest.raises(OptionError, match="not both"):
        commands.run(["train", "-solver", paths["rest"], "-snapshot", state] + weights)
