"""Comparison: rows of real processes, a float64 reference that is one, and failures that stay rows."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from helpers.gradients import check_gradient

import caffe_style as cs
from caffe_style import cli
from caffe_style.backends import select as backends
from caffe_style.engine.formats.prototxt import read_prototxt
from caffe_style.errors import BackendError
from caffe_style.experiments.compare import comparison, process
from caffe_style.experiments.compare.float64 import TYPES, float64_network
from caffe_style.experiments.compare.report import table
from caffe_style.networks import zoo
from caffe_style.pictures import images

SMALL = {"size": 48, "iterations": 3}

#: With every layer type that the float64 reference knows.
PROTOTXT = """
name: "small" force_backward: true
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }
layer { name: "a" type: "Convolution" bottom: "data" top: "a"
  convolution_param { num_output: 8 kernel_size: 3 pad: 1 } }
layer { name: "relu_a" type: "ReLU" bottom: "a" top: "a" }
layer { name: "norm" type: "LRN" bottom: "a" top: "norm" lrn_param { alpha: 0.01 } }
layer { name: "pool" type: "Pooling" bottom: "norm" top: "pool"
  pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
layer { name: "b1" type: "Convolution" bottom: "pool" top: "b1"
  convolution_param { num_output: 6 kernel_size: 1 } }
layer { name: "relu_b1" type: "ReLU" bottom: "b1" top: "b1" }
layer { name: "b3" type: "Convolution" bottom: "pool" top: "b3"
  convolution_param { num_output: 6 kernel_size: 3 pad: 1 group: 2 } }
layer { name: "relu_b3" type: "ReLU" bottom: "b3" top: "b3" }
layer { name: "b" type: "Concat" bottom: "b1" bottom: "b3" top: "b" }
layer { name: "drop" type: "Dropout" bottom: "b" top: "b" }
"""
README = """---
name: small
prototxt: small.prototxt
caffemodel: small.caffemodel
content_layers: {b: 1}
style_layers: {a: 0.5, b: 0.5}
content_weight: 1
style_weight: 10
---
"""


def fill(net, seed: int = 0) -> None:
    rng = np.random.RandomState(seed)
    for blobs in net.params.values():
        shape = blobs[0].data.shape
        blobs[0].data[...] = rng.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5
        blobs[1].data[...] = rng.standard_normal(shape[0]) * 5


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from caffe_style.engine import TEST, Net

    folder = tmp_path_factory.mktemp("small")
    (folder / "small.prototxt").write_text(PROTOTXT)
    (folder / "readme.md").write_text(README)
    net = Net(str(folder / "small.prototxt"), TEST)
    fill(net)
    net.save(str(folder / "small.caffemodel"))
    return folder


@pytest.fixture(scope="module")
def pair():
    return [images.coloured_noise(60, 70, 1.0, seed) for seed in (0, 1)]


@pytest.fixture(scope="module")
def compared(model, pair, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "comparison"
    steps = []
    report = cs.compare(
        *pair, model, folder, backends=["cpu", "numpy"], callback=lambda *step: steps.append(step),
        **SMALL,
    )  # fmt: skip
    return folder, report, steps


def test_rows_have_what_is_measured(compared):
    folder, report, steps = compared
    assert [row["name"] for row in report["rows"]] == ["cpu", "numpy"]
    for row in report["rows"]:
        assert "error" not in row
        assert 0 < row["startup_seconds"] < 60 and row["host_bytes"] > 10 << 20
        assert 0 < row["evaluation_low"] <= row["evaluation_seconds"] <= row["evaluation_high"]
        assert row["device_bytes"] is None
        assert 0 <= row["loss_deviation"] < 1e-5 and 0 < row["gradient_deviation"] < 1e-3
        assert row["iterations"] == 3 and len(row["curve"]) == 4
        assert row["final_loss"] == row["curve"][-1][1] < row["first_loss"]
        assert images.read_image(folder / row["picture"]).shape == (41, 48, 3)
    # The two do the same thing.
    first, second = (row["first_loss"] for row in report["rows"])
    assert first == pytest.approx(second, rel=1e-5)
    assert [step for step, _ in steps] == [1, 2, 3, 4, 5, 6]


def test_files_say_the_same(compared):
    folder, report, _ = compared
    with open(str(folder / "compare.json")) as file:
        assert json.load(file) == json.loads(json.dumps(report))
    with open(str(folder / "compare.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["backend"] for row in rows] == ["cpu", "numpy"]
    assert [float(row["final_loss"]) for row in rows] == [
        row["final_loss"] for row in report["rows"]
    ]
    assert images.read_image(folder / "sheet.png").shape[1] > 3 * 48
    lines = table(report)
    assert (
        len(lines) == 3 and lines[1].startswith("cpu") and "%.4g" % first_loss(report) in lines[1]
    )
    assert not list(folder.glob(".*"))


def first_loss(report) -> float:
    return report["rows"][0]["first_loss"]


def test_chart_is_drawn(compared):
    pytest.importorskip("matplotlib")
    assert images.read_image(compared[0] / "chart.png").shape[0] > 400


def test_random_filters_are_the_same_for_all(pair, tmp_path):
    (tmp_path / "small.prototxt").write_text(PROTOTXT)
    readme = README.replace("caffemodel: small.caffemodel", "weights: random")
    (tmp_path / "readme.md").write_text(readme)
    report = cs.compare(*pair, tmp_path, tmp_path, backends=["cpu", "numpy"], **SMALL)
    first, second = report["rows"]
    # Drawn by each itself they would differ by what its own calibration rounds.
    assert first["first_loss"] == pytest.approx(second["first_loss"], rel=1e-5)
    assert max(row["loss_deviation"] for row in report["rows"]) < 1e-5


def test_implementations_are_rows_with_their_own_conventions(model, pair, tmp_path):
    report = cs.compare(*pair, model, tmp_path, implementations=["johnson", "liu"], **SMALL)
    assert [row["name"] for row in report["rows"]] == ["johnson", "liu"]
    noted = images.read_metadata(tmp_path / "pictures" / "johnson.png")
    assert noted["normalisation"] == "mean" and noted["size"] == 48 and noted["content"] == "array"
    assert images.read_metadata(tmp_path / "pictures" / "liu.png")["style_scale"] == 1.2
    for row in report["rows"]:
        assert row["loss_deviation"] < 1e-5


def test_names_of_rows():
    entries = comparison.entries(["cpu", "numpy", "cpu"], ["tai", "liu"])
    assert [entry.name for entry in entries] == [
        "tai on cpu", "tai on numpy", "liu on cpu", "liu on numpy",
    ]  # fmt: skip
    assert {entry.backend for entry in comparison.entries()} == set(backends.present())
    assert [entry.backend for entry in comparison.entries(None, ["tai"])] == ["cpu"]


# -- the reference -----------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["small", "googlenet", "caffenet", "squeezenet"])
def test_float64_gradient_is_exact_and_the_engine_follows_it(which, model, pair):
    described = zoo.get_model(model if which == "small" else which)
    param = read_prototxt(str(described.prototxt))
    from caffe_style.networks.network import Network

    network = Network(backends.open_net(param, None, "numpy"), described, "numpy", param)
    fill(network.net)
    settings = {"size": 64, "iterations": 1, "bounds": False}
    point = network.to_blob(images.coloured_noise(55, 64, 1.0, 5))
    loss, gradient, _ = cs.transfer(*pair, network, **settings).objective(point)
    gradient = gradient.copy()
    exact = cs.transfer(*pair, float64_network(network), **settings).objective
    exact_loss, exact_gradient, _ = exact(point)
    exact_gradient = exact_gradient.copy()
    assert exact_gradient.dtype == np.float64
    direction = np.random.RandomState(0).standard_normal(point.shape)
    check_gradient(exact, point, direction, step=1e-6, tolerance=1e-6)
    assert loss == pytest.approx(exact_loss, rel=1e-5)
    error = np.linalg.norm(gradient - exact_gradient) / np.linalg.norm(exact_gradient)
    assert error < 2e-3


def test_float64_refuses_what_it_does_not_know(model, pair):
    network = cs.open_network(model)
    assert {layer.type for layer in network.net.layers} == set(TYPES)
    text = PROTOTXT.replace('"drop" type: "Dropout"', '"drop" type: "TanH"')
    (model / "tanh.prototxt").write_text(text)
    described = zoo.get_model(model)
    param = read_prototxt(str(model / "tanh.prototxt"))
    network.net, network.model = backends.open_net(param, None), described
    with pytest.raises(BackendError, match="no layer type 'TanH'"):
        cs.transfer(*pair, float64_network(network), size=32, iterations=1)


# -- failures ----------------------------------------------------------------------------------------

ENDS = {
    "raise RuntimeError('the driver is too old')": "crashed: RuntimeError: the driver is too old",
    "os.kill(os.getpid(), 9)": "killed: most likely out of memory",
    "print('F1123 Check failed: no such layer', file=sys.stderr); os.abort()": (
        "crashed (SIGABRT): F1123 Check failed: no such layer"
    ),
    "sys.exit(3)": "crashed: no message",
    "time.sleep(60)": "timeout: not done after 1 seconds",
}


@pytest.mark.parametrize("end", ENDS)
def test_however_a_process_ends_it_is_told(end, tmp_path, monkeypatch):
    script = (
        "import json, os, sys, time\nprint(json.dumps({'iteration': 1, 'loss': 2.0}), flush=True)\n"
    )
    (tmp_path / "failing_worker.py").write_text(script + end)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(process, "WORKER", "failing_worker")
    heard = []
    patience = 1 if "sleep" in end else 60
    found = process.run_worker({"task": "measure"}, patience, heard.append)
    assert set(found) == {"error"} and found["error"].startswith(ENDS[end])
    assert heard == [{"iteration": 1, "loss": 2.0}]


def test_what_fails_is_a_row_and_the_others_go_on(model, pair, tmp_path, monkeypatch):
    run = comparison.run_worker

    def failing(job, timeout, listen):
        if job["task"] == "measure" and job["backend"] == "cpu":
            return {"error": "no room for 3 GB more"}
        return run(job, timeout, listen)

    monkeypatch.setattr(comparison, "run_worker", failing)
    report = cs.compare(*pair, model, tmp_path, backends=["cpu", "numpy"], **SMALL)
    assert report["rows"][0] == {
        "name": "cpu", "backend": "cpu", "implementation": None, "error": "no room for 3 GB more",
    }  # fmt: skip
    assert report["rows"][1]["final_loss"] > 0
    assert table(report)[1] == "cpu    failed: no room for 3 GB more"
    assert "no room" in (tmp_path / "compare.csv").read_text()


def test_an_absent_backend_is_a_row(model, pair, tmp_path, monkeypatch):
    (tmp_path / "pyopencl.py").write_text("raise ImportError('not here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    report = cs.compare(*pair, model, tmp_path, backends=["opencl", "numpy"], **SMALL)
    assert "pyopencl" in report["rows"][0]["error"].lower()
    assert "\n" not in report["rows"][0]["error"]
    assert "error" not in report["rows"][1]


def test_interruption_keeps_the_rows_that_are_done(model, pair, tmp_path):
    def stop(steps, loss):
        if steps > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cs.compare(*pair, model, tmp_path, backends=["cpu", "numpy"], callback=stop, **SMALL)
    with open(str(tmp_path / "compare.json")) as file:
        assert [row["name"] for row in json.load(file)["rows"]] == ["cpu"]


@pytest.mark.parametrize(
    "options, words",
    [
        (["--backends", "cpu,metal"], "unknown backend 'metal': choose some of cpu"),
        (["--backends", ","], "there are no backends to compare"),
        (["--implementations", "tai,gatsy"], "unknown preset 'gatsy'"),
        (["--implementations", ""], "there are no implementations to compare"),
        (["--model", "vgg91"], "unknown model 'vgg91'"),
        (["-o", "nowhere/folder"], "nowhere/folder: cannot be made a folder"),
        (["-o", "style.png"], "style.png"),
        (["--model", "alexnet"], "the weights of alexnet are not here"),
        (["--size", "16"], "too small"),
        (["--weights", "none.caffemodel"], "none.caffemodel"),
    ],
)
def test_bad_input_is_one_line(options, words, pair, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAFFE_STYLE_HOME", str(tmp_path / "cache"))
    for name, image in zip(("content.png", "style.png"), pair):
        images.write_image(tmp_path / name, image)
    base = ["compare", "content.png", "style.png", "--model", "strokenet", "--iterations", "1"]
    assert cli.main([*base, *options]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and words in lines[0] and "Traceback" not in lines[0]


def test_one_picture_alone_is_refused(tmp_path, capsys):
    assert cli.main(["compare", "content.png"]) == 2
    assert "both a content and a style picture" in capsys.readouterr().err


def test_command_line_compares_the_examples(model, tmp_path, capsys):
    arguments = ["compare", "-o", str(tmp_path / "out"), "--model", str(model)]
    arguments += ["--backends", "cpu", "--size", "32", "--iterations", "2", "-q"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr()
    assert printed.err == "" and len(printed.out.splitlines()) == 2
    noted = images.read_metadata(tmp_path / "out" / "pictures" / "cpu.png")
    assert noted["content"].endswith("cat.jpg") and noted["style"].endswith("fractal.jpg")


def test_interrupted_command_says_where_the_rows_are(monkeypatch, tmp_path, capsys):
    def interrupted(*arguments, iterations=1, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(comparison, "compare", interrupted)
    folder = str(tmp_path / "out")
    arguments = ["compare", "-o", folder, "--model", "strokenet", "--iterations", "1", "-q"]
    assert cli.main(arguments) == 130
    assert capsys.readouterr().err == (
        "caffe-style: interrupted; finished rows are in %s\n" % folder
    )
