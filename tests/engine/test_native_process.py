"""The native kernels among processes: which build is loaded, how many threads, what a fork leaves."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from caffe_style.engine import native
from caffe_style.engine.native import cpus

needs_kernels = pytest.mark.skipif(not native.available, reason="the native kernels are not built")


def convolved() -> np.ndarray:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 30, 30, 32)).astype(np.float32)
    w = rng.standard_normal((48, 32, 3, 3)).astype(np.float32)
    out = np.empty((1, 30, 30, 48), np.float32)
    native.convolve(x, w, None, out, pad=(1, 1))
    return out


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@needs_kernels
@pytest.mark.parametrize("name", native.supported())
def test_environment_chooses_the_instruction_set(name):
    code = "from caffe_style.engine import native; print(native.instruction_set)"
    assert run_python(code, CAFFE_STYLE_ISA=name).stdout.strip() == name


@needs_kernels
def test_unknown_instruction_set_is_named():
    result = run_python("from caffe_style.engine import native", CAFFE_STYLE_ISA="mmx")
    assert result.returncode != 0
    assert "CAFFE_STYLE_ISA=mmx" in result.stderr.splitlines()[-1]


@needs_kernels
def test_at_least_one_thread():
    before = native.get_threads()
    native.set_threads(0)
    assert native.get_threads() == 1
    native.set_threads(before)


def child(queue):
    queue.put((native.get_threads(), convolved()))


@needs_kernels
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_kernels_run_after_a_fork():
    before = native.get_threads()
    native.set_threads(2)
    try:
        wanted = convolved()
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        process = context.Process(target=child, args=(queue,))
        process.start()
        threads, result = queue.get(timeout=30)
        process.join(30)
    finally:
        native.set_threads(before)
    assert threads == 1
    np.testing.assert_array_equal(result, wanted)


@needs_kernels
def test_python_threads_may_share_the_kernels():
    wanted = convolved()
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: convolved(), range(12)):
            np.testing.assert_array_equal(result, wanted)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_quota_of_a_version_2_group(tmp_path):
    own = tmp_path / "own"
    write(own, "0::/service/job\n")
    assert cpus.cgroup_quota(tmp_path, own) is None
    write(tmp_path / "service/job/cpu.max", "max 100000\n")
    assert cpus.cgroup_quota(tmp_path, own) is None
    write(tmp_path / "service/cpu.max", "150000 100000\n")
    assert cpus.cgroup_quota(tmp_path, own) == 1.5
    write(tmp_path / "service/job/cpu.max", "50000 100000\n")
    assert cpus.cgroup_quota(tmp_path, own) == 0.5


def test_quota_of_a_version_1_group(tmp_path):
    own = tmp_path / "own"
    write(own, "5:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n")
    write(tmp_path / "cpu,cpuacct/cpu.cfs_quota_us", "-1\n")
    write(tmp_path / "cpu,cpuacct/cpu.cfs_period_us", "100000\n")
    assert cpus.cgroup_quota(tmp_path, own) is None
    write(tmp_path / "cpu,cpuacct/cpu.cfs_quota_us", "300000\n")
    assert cpus.cgroup_quota(tmp_path, own) == 3.0


def test_available_cpus_respects_everything(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(cpus, "cgroup_quota", lambda: None)
    assert cpus.available_cpus() == 8
    monkeypatch.setattr(cpus, "cgroup_quota", lambda: 2.5)
    assert cpus.available_cpus() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2,1")
    assert cpus.available_cpus() == 2
    monkeypatch.setattr(cpus, "cgroup_quota", lambda: 0.2)
    assert cpus.available_cpus() == 1
