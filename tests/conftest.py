"""Where the tests find what they may use but the project does not ship."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CAFFE_STYLE_SHARED", ROOT.parent / "shared"))
REFERENCE = Path(__file__).resolve().parent / "reference"
#: Seconds in which a backend that works has long computed, on the slowest machine.
HANG_LIMIT = 600

#: Switches of a browser that asks no other host for anything.
SWITCHES = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
SWITCHES += ["--disable-component-update", "--disable-sync", "--disable-quic"]

# The matrix products of the tests are small. BLAS's threads would only wait for one another, above all where
# other programs use the processors too.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Programs that tests start, more than a hundred, need not compile the package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Tests started in the background ignore Ctrl-C, and so would the programs that some of them interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Those started by nohup ignore SIGHUP.
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@functools.cache
def why_not(backend: str) -> str:
    """How a process ended that tried a backend, before the tests' own may; '' where it computes."""
    program = "import sys; from caffe_style.cli import doctor; doctor.try_backend(sys.argv[1])"
    command = [sys.executable, "-c", program, backend]
    try:
        tried = subprocess.run(
            command, capture_output=True, text=True, cwd=str(ROOT), timeout=HANG_LIMIT
        )
    except subprocess.TimeoutExpired:
        return "%s takes too long" % backend
    if tried.returncode == 0:
        return ""
    lines = tried.stderr.splitlines() or ["no message"]
    return "%s ended with status %d: %s" % (backend, tried.returncode, lines[-1])


def skip_unless_it_computes(backend: str) -> None:
    """Skip where foreign code would take all tests down with it."""
    if why_not(backend):
        pytest.skip(why_not(backend))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two pictures of 60 x 80 pixels, a.png and b.png."""
    from caffe_style.pictures import images

    for seed, name in enumerate(("a.png", "b.png")):
        images.write_image(tmp_path / name, images.coloured_noise(60, 80, 1.0, seed))
    return tmp_path


@pytest.fixture
def threads_as_before() -> Iterator[None]:
    """Restore the number of threads, of our kernels and of BLAS, after a test that sets it."""
    from helpers import program

    with program.threads_as_before():
        yield


@pytest.fixture(scope="session")
def squeezenet_weights() -> Path:
    path = SHARED / "weights" / "squeezenet_v1.0.caffemodel"
    if not path.is_file():
        pytest.skip("no SqueezeNet weights here (set CAFFE_STYLE_SHARED)")
    return path


@pytest.fixture(scope="session")
def starry_night() -> Path:
    path = SHARED / "images" / "starry_night.jpg"
    if not path.is_file():
        pytest.skip("no paintings here (set CAFFE_STYLE_SHARED)")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium without a window. While it is open, asyncio cannot be used in this thread."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here")
    program = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if program is None:
        pytest.skip("no Chromium here")
    with playwright.sync_playwright() as drivers:
        chromium = drivers.chromium.launch(executable_path=program, args=SWITCHES)
        yield chromium
        chromium.close()
