"""Where the tests find what they may use but the project does not ship."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CAFFE_STYLE_SHARED", ROOT.parent / "shared"))
REFERENCE = Path(__file__).resolve().parent / "reference"

# Tests started in the background ignore Ctrl-C, and so would the programs that some of them interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
