"""Interrupted jobs of a batch go on from their checkpoints, to the picture of an uninterrupted run."""

from __future__ import annotations

import csv
import json
import logging
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers.program import call

from caffe_style.cli.batch.jobs import read_jobs
from caffe_style.cli.batch.outcomes import record_path
from caffe_style.cli.batch.run import run_batch
from caffe_style.pictures import images
from caffe_style.runs.checkpoint import read_checkpoint

JOB = "{content: a.png, style: b.png, model: strokenet, size: 32, seed: 3, threads: 1, %s}"
DEVICE = "optimizer: device, checkpoint_every: 0, iterations: 80, curve: curve.csv"


def with_pictures(folder):
    for number, name in enumerate(("a.png", "b.png")):
        images.write_image(folder / name, images.coloured_noise(64, 64, 1.0, number))
    return folder


@pytest.fixture
def folder(tmp_path):
    return with_pictures(tmp_path)


def write(folder, options):
    path = folder / "jobs.yaml"
    path.write_text("jobs: [%s]" % (JOB % options))
    return path


def kill_meanwhile(path, number):
    """Run the batch until its job has a checkpoint; then end it by a signal, and wait for the job's end."""
    (job,) = read_jobs(path)
    checkpoint = job.folder / job.checkpoint
    batch = subprocess.Popen([sys.executable, "-m", "caffe_style", "batch", str(path), "-q"])
    deadline = time.time() + 300
    while not checkpoint.exists() and time.time() < deadline:
        time.sleep(0.02)
    batch.send_signal(number)
    batch.wait(60)
    # The job writes its picture last.
    while not (job.folder / job.output).exists() and time.time() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    return checkpoint


def uninterrupted(folder, path, *more):
    """The picture of a run of the job outside any batch."""
    (job,) = read_jobs(path)
    made = call(folder, *job.arguments, *more, "-o", "whole.png", "-q")
    assert made.returncode == 0, made.stderr
    return images.read_image(folder / "whole.png")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The picture of the job `DEVICE`."""
    folder = with_pictures(tmp_path_factory.mktemp("whole"))
    return uninterrupted(folder, write(folder, DEVICE), "--checkpoint", "whole.npz")


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize(
    "number, own",
    [(signal.SIGKILL, ""), (signal.SIGINT, ", checkpoint: run.npz")],
)
def test_a_job_goes_on(folder, whole, number, own):
    path = write(folder, DEVICE + own)
    checkpoint = kill_meanwhile(path, number)
    done = read_checkpoint(checkpoint).done
    assert 0 < done < 80
    saved = read_checkpoint(checkpoint).history
    (outcome,) = run_batch(path)
    assert outcome.status == "made"
    assert checkpoint.exists() == bool(own)
    went_on = images.read_image(folder / "a-b.png")
    assert "ended" not in images.read_metadata(folder / "a-b.png")
    with open(folder / "curve.csv", newline="") as stream:
        curve = list(csv.DictReader(stream))
    # Its beginning was not done again.
    took = [float(row["seconds"]) for row in curve[: len(saved)]]
    assert took == pytest.approx([record.seconds for record in saved], abs=1e-3)
    assert np.array_equal(went_on, whole)


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize("change", ["job", "input"])
def test_what_changed_begins_anew(folder, whole, change):
    """A job without an option that it had must not get it from its checkpoint."""
    path = write(folder, DEVICE + ", tv_weight: 0.5")
    checkpoint = kill_meanwhile(path, signal.SIGKILL)
    if change == "job":
        write(folder, DEVICE)
    else:
        images.write_image(folder / "a.png", images.coloured_noise(64, 64, 1.0, 9))
    (outcome,) = run_batch(path)
    assert outcome.status == "made" and not checkpoint.exists()
    went_on = images.read_image(folder / "a-b.png")
    if change == "input":
        whole = uninterrupted(folder, path, "--checkpoint", "whole.npz")
    assert np.array_equal(went_on, whole)


def test_a_checkpoint_that_is_refused_is_told_and_begun_anew(folder, caplog):
    path = write(folder, "optimizer: device, iterations: 2")
    (job,) = read_jobs(path)
    begun = {"begun": {"arguments": list(job.arguments), "time": 0.0}}
    record_path(path).write_text(json.dumps({"a-b.png": begun}))
    (folder / "a-b.png.unfinished.npz").write_bytes(b"not a checkpoint")
    with caplog.at_level(logging.WARNING, "caffe_style"):
        (outcome,) = run_batch(path)
    assert outcome.status == "made"
    (told,) = caplog.messages
    assert told.startswith("a-b.png: started again (") and "not a checkpoint" in told


def test_pictures_are_those_without_a_checkpoint(folder):
    """The one that a job keeps unasked changes neither its picture nor what the picture says of itself."""
    path = write(folder, "optimizer: device, iterations: 5")
    run_batch(path)
    made = folder / "a-b.png"
    assert np.array_equal(images.read_image(made), uninterrupted(folder, path))
    assert images.read_metadata(made) == images.read_metadata(folder / "whole.png")
