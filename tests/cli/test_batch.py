"""Batches: files of jobs, and what becomes of each."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from caffe_style import cli
from caffe_style.cli.batch.jobs import Job, read_jobs
from caffe_style.cli.batch.outcomes import Outcome, Record, record_path
from caffe_style.cli.batch.process import make
from caffe_style.cli.batch.run import run_batch
from caffe_style.errors import BatchError
from caffe_style.pictures import images

DEFAULTS = "defaults: {model: strokenet, size: 32, iterations: 1, style-layers: conv1_1, "
DEFAULTS += "content-layers: conv1_2}\n"


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("a.png", "b.png", "c.png")):
        images.write_image(tmp_path / name, images.coloured_noise(32, 40, 1.0, number))
    return tmp_path


def write(folder, text, name="jobs.yaml"):
    path = folder / name
    path.write_text(text)
    return path


def arguments(path):
    return [(list(job.arguments), str(job.output)) for job in read_jobs(path)]


# -- reading --------------------------------------------------------------------------------------


def test_yaml(folder):
    path = write(
        folder,
        "defaults: {size: 64}\n"
        "jobs:\n"
        "  - {content: a.png, style: b.png, output: out/x.png, style_layers: {conv1_1: 0.5, conv2_1: 1}}\n"
        "  - {command: texture, style: b.png, size: 32, bounds: true}\n"
        "  - {content: a.png, styles: ['b.png:2', 'c.png:m.png'], mean: [1, 2, 3], bounds: false,\n"
        "     output: 'guided-{number}.png'}\n",
    )
    assert arguments(path) == [
        (
            [
                "transfer",
                "a.png",
                "b.png",
                "--size",
                "64",
                "--style-layers",
                "conv1_1:0.5,conv2_1:1",
            ],
            "out/x.png",
        ),
        (["texture", "b.png", "--size", "32", "--bounds"], "2.png"),
        (
            ["transfer", "a.png", "--style", "b.png:2", "--style", "c.png:m.png", "--size", "64"]
            + ["--mean", "1,2,3", "--no-bounds"],
            "guided-3.png",
        ),
    ]
    assert all(job.folder == folder for job in read_jobs(path))


def test_every_content_with_every_style(folder):
    path = write(
        folder, "jobs:\n  - {content: [a.png, d/b.png], style: [b.png, c.png], size: 64}\n"
    )
    outputs = [str(job.output) for job in read_jobs(path)]
    assert outputs == ["a-b.png", "a-c.png", "b-b.png", "b-c.png"]
    assert read_jobs(path)[3].arguments == ("transfer", "d/b.png", "c.png", "--size", "64")


def test_csv(folder):
    path = write(
        folder,
        "content,style,size,bounds,output\na.png,b.png,64,true,x.png\nb.png, c.png,,,\n",
        "j.csv",
    )
    assert arguments(path) == [
        (["transfer", "a.png", "b.png", "--size", "64", "--bounds"], "x.png"),
        (["transfer", "b.png", "c.png"], "b-c.png"),
    ]


def test_csv_of_several_styles(folder):
    path = write(folder, "content,styles,output\na.png,b.png:2,x.png\n", "j.csv")
    assert arguments(path) == [(["transfer", "a.png", "--style", "b.png:2"], "x.png")]


def test_csv_errors_name_the_line(folder):
    path = write(folder, "content,style,size\na.png,b.png,64\na.png,c.png,x\n", "j.csv")
    with pytest.raises(BatchError, match=r"j\.csv, line 3: .*--size"):
        read_jobs(path)


@pytest.mark.parametrize(
    "text, told",
    [
        ("jobs: [{content: a, style: b, sise: 3}]", "job 1: unrecognized arguments: --sise"),
        ("jobs: [{content: a, style: b}, {content: a, style: c, size: x}]", "job 2: .*--size"),
        ("jobs: [{content: a, style: b, size: 3}]", "job 1: .*at least 16"),
        ("jobs: [{command: models}]", "job 1: command 'models' is none of transfer"),
        ("jobs: [{content: a, style: b, size: }]", "job 1: size has no value"),
        ("jobs: [{content: a, style: b}, {content: a, style: b}]", "both write a-b.png"),
        ("jobs: [{content: [a, a], style: b}]", "both write a-b.png"),
        (
            "jobs: [{content: a, style: b, output: '{seed}.png'}]",
            "may have only {content}, {style}",
        ),
        (
            "jobs: [{content: a, style: b, out: x.png}]",
            "job 1: write the full name of the option output",
        ),
        (
            "jobs: [{content: a, style: b, o: x.png}]",
            "job 1: write the full name of the option output",
        ),
        ("jobs: [{content: a, style: b, help: true}]", "job 1: help is not an option"),
        ("jobs: [{content: a.png, style: b.png, output: '{content}.png'}]", "overwrite a.png"),
        (
            "jobs: [{content: a.png, styles: ['b.png:c.png']}, {content: b.png, style: a.png, output: c.png}]",
            "job 2 would overwrite c.png",
        ),
        (
            "jobs: [{content: a, style: b, output: x.png}, {content: a, style: c, output: d/../x.png}]",
            "job 1 and .*job 2 would both write",
        ),
        ("jobs: [a.png]", "job 1: write options as"),
        ("jobs: [{content: a.png}]", "job 1: transfer needs content and style"),
        ("jobs: [{content: a.png, style: []}]", "job 1: style is an empty list"),
        ("jobs: [{content: a, style: b, output: '{content.x}'}]", "may have only {content}"),
        ("jobs: []", "has no jobs"),
        ("job: []", "no list `jobs:`"),
        ("jobs: []\ndefault: {}", "'default' is neither jobs nor defaults"),
        ("jobs: [", "cannot read"),
    ],
)
def test_a_file_that_is_not_understood(folder, text, told):
    with pytest.raises(BatchError, match=told):
        read_jobs(write(folder, text))


def test_csv_with_a_field_too_many(folder):
    with pytest.raises(BatchError, match="line 2 has another number of fields"):
        read_jobs(write(folder, "content,style\na.png,b.png,c.png\n", "j.csv"))


def test_no_file(tmp_path):
    with pytest.raises(BatchError, match=r"cannot read .*none\.yaml"):
        read_jobs(tmp_path / "none.yaml")


# -- running --------------------------------------------------------------------------------------


def test_a_bad_job_does_not_stop_the_rest(folder):
    path = write(
        folder,
        DEFAULTS + "jobs:\n"
        "  - {content: nothing.png, style: b.png}\n"
        "  - {content: a.png, style: b.png, style-layers: nope, output: layer.png}\n"
        "  - {content: a.png, style: b.png, output: deep/last.png}\n",
    )
    seen = []
    outcomes = run_batch(path, callback=lambda *told: seen.append(told))
    assert [outcome.status for outcome in outcomes] == ["failed", "failed", "made"]
    assert "nothing.png" in outcomes[0].reason and "nope" in outcomes[1].reason
    assert outcomes[2].loss > 0 and images.read_metadata(folder / "deep/last.png")["size"] == 32
    assert [told[1:] for told in seen] == [(1, 3), (2, 3), (3, 3)]
    table = (folder / "jobs.outcomes.csv").read_text().splitlines()
    assert table[0] == "output,status,loss,seconds,reason" and len(table) == 4

    # Again: what was made is kept, what failed is tried anew.
    images.write_image(folder / "nothing.png", images.coloured_noise(32, 40, 1.0, 5))
    again = run_batch(path, processes=2)
    assert [outcome.status for outcome in again] == ["made", "failed", "kept"]
    assert again[2].loss == outcomes[2].loss


def job(folder, *arguments, output="out.png"):
    return Job("here", ("transfer", *arguments), Path(output), folder)


def test_pictures_are_kept_while_nothing_changes(folder):
    record = Record(record_path(folder / "jobs.yaml"))
    first = job(folder, "a.png", "b.png")
    assert record.kept(first) is None
    images.write_image(folder / "out.png", images.coloured_noise(32, 40, 1.0, 7))
    record.add(first, Outcome("out.png", "made", 0.5, 2.0))
    read = Record(record_path(folder / "jobs.yaml"))
    assert read.kept(first) == Outcome("out.png", "kept", 0.5, 2.0)
    assert read.kept(job(folder, "a.png", "c.png")) is None
    later = time.time() + 5
    os.utime(folder / "a.png", (later, later))
    assert read.kept(first) is None
    os.utime(folder / "out.png", (later, later))
    assert read.kept(first) is not None
    # Another run wrote the picture.
    images.write_image(folder / "out.png", images.read_image(folder / "out.png"), {"size": 64})
    os.utime(folder / "out.png", (later, later))
    assert read.kept(first) is None
    (folder / "out.png").unlink()
    assert read.kept(first) is None


def test_a_mask_that_changed_makes_the_picture_again(folder):
    record = Record(record_path(folder / "jobs.yaml"))
    masked = job(folder, "a.png", "--style", "b.png:c.png:2")
    images.write_image(folder / "out.png", images.coloured_noise(32, 40, 1.0, 7))
    record.add(masked, Outcome("out.png", "made", 0.5, 2.0))
    assert record.kept(masked) is not None
    later = time.time() + 5
    os.utime(folder / "c.png", (later, later))
    assert record.kept(masked) is None


def test_what_a_job_writes_is_no_input(folder):
    job_file = job(folder, "a.png", "b.png", "--curve", "c.png")
    assert [path.name for path in job_file.inputs() if path.is_file()] == ["a.png", "b.png"]


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_broken_record_is_told(folder, text):
    record_path(folder / "jobs.yaml").write_text(text)
    with pytest.raises(BatchError, match=r"jobs\.outcomes\.json.*remove it"):
        run_batch(write(folder, "jobs: [{content: a.png, style: b.png}]"))


@pytest.mark.parametrize(
    "program, told",
    [
        ("import os; os.kill(os.getpid(), 9)", "killed by signal 9 .not enough memory"),
        ("import os; os._exit(7)", "ended with status 7"),
    ],
)
def test_a_process_that_crashes_is_an_outcome(folder, monkeypatch, program, told):
    (folder / "module").mkdir()
    (folder / "module" / "sitecustomize.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(folder / "module"))
    outcome = make(job(folder, "a.png", "b.png"))
    assert outcome.status == "failed"
    assert re.search(told, outcome.reason)


def test_command(folder, capsys):
    path = write(
        folder, DEFAULTS + "jobs: [{content: a.png, style: b.png}, {content: x, style: b.png}]"
    )
    assert cli.main(["batch", str(path)]) == 1
    out = capsys.readouterr().out
    assert "a-b.png  made" in out and "failed" in out and "jobs.outcomes.csv" in out
    write(folder, DEFAULTS + "jobs: [{content: a.png, style: b.png}]")
    assert cli.main(["batch", str(path), "-q"]) == 0
    assert capsys.readouterr().out == ""
    write(folder, "jobs: [{content: a.png, style: b.png, sise: 3}]")
    assert cli.main(["batch", str(path)]) == 2
    assert "jobs.yaml, job 1: unrecognized arguments: --sise 3" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_batch_ends_its_jobs_and_goes_on(folder, number):
    """The batch alone is told: it ends what runs, and what has not begun never does."""
    path = write(
        folder,
        DEFAULTS.replace("iterations: 1", "iterations: 100000").replace("size: 32", "size: 64")
        + "jobs:\n  - {content: a.png, style: b.png, iterations: 1}\n"
        "  - {content: a.png, style: c.png}\n  - {content: b.png, style: c.png}\n",
    )
    batch = subprocess.Popen(
        [sys.executable, "-m", "caffe_style", "batch", str(path), "-q"], start_new_session=True
    )
    record = record_path(path)
    deadline = time.time() + 300
    while not (folder / "a-b.png").exists() and time.time() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    batch.send_signal(number)
    # It waits for its jobs, whose 100000 iterations would take hours.
    assert batch.wait(60) == 130
    made = [name for name, entry in json.loads(record.read_text()).items() if "loss" in entry]
    assert made == ["a-b.png"]
    table = (folder / "jobs.outcomes.csv").read_text()
    assert re.findall(r"\.png,(\w+)", table) == ["made", "interrupted", "interrupted"]
    assert not (folder / "b-c.png").exists()
    path.write_text(path.read_text().replace("iterations: 100000", "iterations: 1"))
    statuses = [outcome.status for outcome in run_batch(path)]
    assert statuses == ["kept", "made", "made"]


# -- on a cluster ---------------------------------------------------------------------------------


def test_on_a_cluster(folder):
    distributed = pytest.importorskip("distributed", reason="a cluster needs Dask")
    path = write(
        folder,
        DEFAULTS
        + "jobs: [{content: a.png, style: [b.png, c.png]}, {content: none.png, style: b.png}]",
    )
    options = {"n_workers": 1, "threads_per_worker": 2, "processes": False}
    with distributed.LocalCluster(dashboard_address=None, **options) as cluster:
        outcomes = run_batch(path, scheduler=cluster.scheduler_address)
        assert [outcome.status for outcome in outcomes] == ["made", "made", "failed"]
        assert (folder / "a-c.png").is_file()
        again = run_batch(path, scheduler=cluster.scheduler_address)
        assert [outcome.status for outcome in again] == ["kept", "kept", "failed"]


def test_no_scheduler(folder, monkeypatch):
    pytest.importorskip("distributed", reason="a cluster needs Dask")
    monkeypatch.setattr("caffe_style.cli.batch.cluster.PATIENCE", 1)
    path = write(folder, "jobs: [{content: a.png, style: b.png}]")
    with pytest.raises(BatchError, match="no Dask scheduler answers at tcp://127.0.0.1:9"):
        run_batch(path, scheduler="tcp://127.0.0.1:9")


def test_dask_is_an_extra(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    path = write(folder, "jobs: [{content: a.png, style: b.png}]")
    with pytest.raises(BatchError, match=r"pip install 'caffe_style\[distributed\]'"):
        run_batch(path, scheduler="tcp://127.0.0.1:9")
