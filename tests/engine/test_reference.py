"""The engine against genuine Caffe, case by case, on every device that is here."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import REFERENCE, skip_unless_it_computes
from helpers.replay import Replay, relative_error

from caffe_style import engine
from caffe_style.engine import devices

CASES = sorted(REFERENCE.glob("*.npz"))


#: TF32 rounds factors to 10 bits: it cannot be this close.
EXACT = [name for name in devices.NAMES if name != "cuda-tf32"]


@pytest.fixture(params=EXACT, scope="module")
def device(request):
    skip_unless_it_computes(request.param)
    before = devices.current_device()
    yield devices.use_device(request.param)
    devices._current = before


def test_there_are_cases():
    assert len(CASES) >= 231


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_agrees_with_genuine_caffe(device, path, tmp_path):
    assert Replay(engine, path, tmp_path / "net.prototxt").run() == []


def test_a_difference_is_noticed(tmp_path):
    replay = Replay(engine, REFERENCE / "conv_3x3_nopad.npz", tmp_path / "net.prototxt")
    key = next(key for key in replay.case if key.startswith("diff:data"))
    replay.case[key] = replay.case[key] + np.float32(0.01)
    assert any(line.startswith(key) for line in replay.run())


def test_relative_error_sees_shape_and_nan():
    assert relative_error(np.ones(3), np.ones(4)) == float("inf")
    assert relative_error(np.array([np.nan, 1]), np.array([1.0, 1])) == float("inf")
    assert relative_error(np.array([np.nan, 1]), np.array([np.nan, 1])) == 0
    assert relative_error(np.array([1.0, 3]), np.array([1.0, 2])) == 0.5
