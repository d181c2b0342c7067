"""Clusters that are not there, go away, or lack the package: one line each, soon."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time

import pytest

from caffe_style.cli.batch.run import run_batch
from caffe_style.errors import BatchError
from caffe_style.pictures import images

pytest.importorskip("distributed", reason="a cluster needs Dask")

#: Seconds that a busy machine may take to start Python, beside the 10 that the answer may.
START = 30
#: What `dask scheduler` and `dask worker` do, without their dashboards; "without" has no caffe_style.
CLUSTER = """
import asyncio, os, sys
if "without" in sys.argv:
    sys.path[:] = [each for each in sys.path if not os.path.exists(os.path.join(each, "caffe_style"))]
    sys.meta_path[:] = [each for each in sys.meta_path if "editable" not in repr(each).lower()]
from distributed import Scheduler, Worker

async def main():
    if sys.argv[1] == "scheduler":
        node = Scheduler(port=0, host="127.0.0.1", dashboard=False)
    else:
        node = Worker(sys.argv[2], nthreads=1, host="127.0.0.1", dashboard=False)
    async with node:
        print(node.address, flush=True)
        await node.finished()

asyncio.run(main())
"""


@pytest.fixture
def start():
    """Start a part of a cluster, which ends with the test; return its process and address."""
    running = []

    def begin(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", CLUSTER, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            universal_newlines=True,
        )
        running.append(process)
        return process, process.stdout.readline().strip()

    yield begin
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def jobs(tmp_path):
    for number, name in enumerate(("a.png", "b.png")):
        images.write_image(tmp_path / name, images.coloured_noise(64, 64, 1.0, number))
    path = tmp_path / "jobs.yaml"
    path.write_text(
        "jobs: [{content: a.png, style: b.png, model: strokenet, size: 64, iterations: 1000000, "
        "save_every: 1}]"
    )
    return path


def begin_batch(jobs, address):
    return subprocess.Popen(
        [sys.executable, "-m", "caffe_style", "batch", str(jobs), "-q", "--scheduler", address],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )


def check_end(batch, told):
    output = batch.communicate(timeout=10 + START)[0]
    assert batch.returncode == 2
    assert output.count("\n") == 1 and re.match("caffe-style: error: .*" + told, output), output


@pytest.mark.parametrize(
    "address, told",
    [
        ("tls://127.0.0.1:9", "no Dask scheduler answers at tls://127.0.0.1:9 .*TLS"),
        ("tcp://127.0.0.1:9", "no Dask scheduler answers at tcp://127.0.0.1:9"),
    ],
)
def test_no_scheduler(jobs, address, told):
    check_end(begin_batch(jobs, address), told)


@pytest.mark.parametrize(
    "address, told",
    [
        ("carrier-pigeon://loft:1", "unknown address scheme 'carrier-pigeon'"),
        ("nonsense", "missing port number"),
        ("", "missing port number"),
    ],
)
def test_what_is_no_address(jobs, address, told):
    with pytest.raises(BatchError, match=told) as caught:
        run_batch(jobs, scheduler=address)
    assert "\n" not in str(caught.value)


def test_something_else_at_the_address(jobs, monkeypatch):
    monkeypatch.setattr("caffe_style.cli.batch.cluster.PATIENCE", 1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        with pytest.raises(BatchError, match="no reply"):
            run_batch(jobs, scheduler="tcp://127.0.0.1:%d" % silent.getsockname()[1])


def test_no_workers(jobs, start):
    check_end(begin_batch(jobs, start("scheduler")[1]), "has no workers: start some")


def test_workers_without_the_package(jobs, start):
    _, address = start("scheduler", "without")
    start("worker", address, "without")
    check_end(begin_batch(jobs, address), "the worker tcp://.* has no caffe_style")


@pytest.mark.parametrize(
    "dies, told", [(0, "is gone: run this again"), (1, "has no workers left: run this again")]
)
def test_what_dies_meanwhile(jobs, start, dies, told):
    scheduler, address = start("scheduler")
    worker, _ = start("worker", address)
    batch = begin_batch(jobs, address)
    deadline = time.time() + 300
    while not (jobs.parent / "a-b-0001.png").exists() and time.time() < deadline:
        time.sleep(0.1)
    (scheduler, worker)[dies].kill()
    check_end(batch, told)
    table = (jobs.parent / "jobs.outcomes.csv").read_text()
    assert "a-b.png,interrupted" in table
