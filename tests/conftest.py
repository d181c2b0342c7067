"""Where the tests find what they may use but the project does not ship."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CAFFE_STYLE_SHARED", ROOT.parent / "shared"))
REFERENCE = Path(__file__).resolve().parent / "reference"


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
