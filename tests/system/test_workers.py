"""Workers import this package alone, and end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import caffe_style
from caffe_style import cli
from caffe_style.cli.batch.run import run_batch
from caffe_style.pictures import images

#: What a hostile folder has beside the pictures; whichever is imported leaves a mark there.
HOSTILE = ("numpy.py", "caffe_style/__init__.py", "sitecustomize.py", "usercustomize.py", "yaml.py")
CHECKOUT = Path(caffe_style.__file__).parent.parent


@pytest.fixture
def hostile(tmp_path):
    folder = tmp_path / "pictures"
    for name in HOSTILE:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        mark = str(folder / ("imported " + path.name))
        path.write_text("open(%r, 'w')\nraise SystemExit('hostile')\n" % mark)
    (folder / "caffe_style" / "cli.py").write_text("raise SystemExit('hostile')\n")
    for number, name in enumerate(("a.png", "b.png")):
        images.write_image(folder / name, images.coloured_noise(64, 64, 1.0, number))
    job = "{content: a.png, style: b.png, model: strokenet, size: 64, iterations: 1}"
    (folder / "jobs.yaml").write_text("jobs: [%s]" % job)
    return folder


def outside(hostile, python_path, *arguments):
    """Run `caffe-style` as its script does, from another folder."""
    program = (
        "import sys; sys.path.insert(0, %r); from caffe_style.cli import main; sys.exit(main())"
    )
    environment = {**os.environ, "PYTHONPATH": python_path}
    if python_path is None:
        del environment["PYTHONPATH"]
    found = subprocess.run(
        [sys.executable, "-c", program % str(CHECKOUT), *arguments],
        cwd=str(hostile.parent),
        env=environment,
        capture_output=True,
    )
    assert not list(hostile.glob("imported *"))
    return found


@pytest.mark.parametrize("python_path", [None, ".", ""])
def test_a_batch_imports_nothing_from_its_folder(hostile, python_path):
    found = outside(hostile, python_path, "batch", "pictures/jobs.yaml", "-q")
    assert found.returncode == 0, found.stderr
    assert (hostile / "a-b.png").is_file()


def test_the_folder_itself_on_the_path(hostile, monkeypatch):
    """As `PYTHONPATH=$PWD` has it; the rest of the path stays."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(hostile), "", str(CHECKOUT)]))
    assert [outcome.status for outcome in run_batch(hostile / "jobs.yaml")] == ["made"]
    assert not list(hostile.glob("imported *"))


def test_a_comparison_imports_nothing_from_its_folder(hostile, monkeypatch):
    monkeypatch.chdir(hostile)
    monkeypatch.setenv("PYTHONPATH", ".")
    options = ["--model", "strokenet", "--size", "64", "--iterations", "1", "--backends", "numpy"]
    assert cli.main(["compare", "a.png", "b.png", "-o", "out", "-q", *options]) == 0
    assert not list(hostile.glob("imported *"))


def test_an_installed_package_is_the_one_that_is_imported(hostile, tmp_path):
    """Elsewhere, as pip copies it: its workers come from there."""
    site = tmp_path / "site"
    site.mkdir()
    for name in ("caffe_style", "models", "prototxt", "examples"):
        (site / name).symlink_to(CHECKOUT / name)
    program = (
        "import sys; sys.path.insert(0, %r)\n"
        "from caffe_style.system.workers import start_worker\n"
        "from pathlib import Path\n"
        "sys.exit(start_worker('caffe_style.cli', ['--version'], Path(%r)).wait())"
    )
    told = subprocess.run(
        [sys.executable, "-v", "-c", program % (str(site), str(hostile))],
        env={**os.environ, "PYTHONVERBOSE": "1", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0 and "caffe_style " + caffe_style.__version__ in told.stdout
    assert not list(hostile.glob("imported *"))
    assert "%s/caffe_style/cli/__init__.py" % site in told.stderr


def alive(marker):
    """The processes whose command line has the marker."""
    found = subprocess.run(["ps", "-ewwo", "pid,args"], capture_output=True, text=True)
    return [line for line in found.stdout.splitlines() if marker in line and "bootstrap.py" in line]


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")
@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_killed_batch_leaves_no_job_running(hostile, processes):
    jobs = hostile / "jobs.yaml"
    # A second job that nothing but its end would interrupt.
    jobs.write_text(
        "defaults: {model: strokenet, size: 64, iterations: 1000000, curve: %s}\n"
        "jobs: [{content: a.png, style: b.png}, {content: b.png, style: a.png}]\n"
        % (hostile / "curve.csv")
    )
    batch = subprocess.Popen(
        [sys.executable, "-m", "caffe_style", "batch", str(jobs), "-q", "--processes", processes],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    marker = str(hostile / "curve.csv")
    try:
        deadline = time.time() + 300
        while len(alive(marker)) < int(processes) and time.time() < deadline:
            time.sleep(0.2)
        assert len(alive(marker)) == int(processes)
        time.sleep(1)
    finally:
        batch.send_signal(signal.SIGKILL)
        batch.wait()
    deadline = time.time() + 300
    while alive(marker) and time.time() < deadline:
        time.sleep(0.2)
    assert alive(marker) == []
