"""HDF5 in Caffe's layout."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from caffe_style.engine.formats.hdf5 import load_hdf5, save_hdf5
from caffe_style.errors import BackendError, WeightsError

PARAMS = {
    "conv1": [np.arange(6.0).reshape(1, 2, 3, 1), np.float32([7])],
    "fire2/conv1x1_1": [np.ones((2, 2), np.float32)],
}


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py")


@pytest.fixture
def saved(h5py, tmp_path):
    path = str(tmp_path / "net.h5")
    save_hdf5(path, PARAMS)
    return path


def test_layout(h5py, saved, tmp_path):
    with h5py.File(saved, "r") as file:
        assert file["data/conv1/0"].dtype == np.float32
        np.testing.assert_array_equal(file["data/conv1/1"], [7])
        assert file["data/fire2/conv1x1_1/0"].shape == (2, 2)
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.h5"]


def test_round_trip(saved):
    loaded = load_hdf5(saved)
    assert set(loaded) == set(PARAMS)
    for name, arrays in PARAMS.items():
        assert len(loaded[name]) == len(arrays)
        for array, found in zip(arrays, loaded[name]):
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, array)
    assert set(load_hdf5(saved, {"fire2/conv1x1_1", "other"})) == {"fire2/conv1x1_1"}


def test_doubles_and_a_gap(h5py, tmp_path):
    path = str(tmp_path / "net.h5")
    with h5py.File(path, "w") as file:
        file["data/a/0"] = np.array([1.5, 2.5])
        file["data/a/2"] = np.array([3.5])
    (array,) = load_hdf5(path)["a"]
    assert array.dtype == np.float32 and list(array) == [1.5, 2.5]


def test_missing_and_broken_files(h5py, saved, tmp_path):
    for error in (RuntimeError, WeightsError):
        with pytest.raises(error, match="Could not open file .*nowhere.h5"):
            load_hdf5(str(tmp_path / "nowhere.h5"))
    broken = tmp_path / "broken.h5"
    content = open(saved, "rb").read()
    for part in (b"", b"no HDF5", content[: len(content) // 2]):
        broken.write_bytes(part)
        with pytest.raises(WeightsError, match="broken.h5") as caught:
            load_hdf5(str(broken))
        assert "\n" not in str(caught.value)
    with h5py.File(str(broken), "w") as file:
        file["other"] = np.zeros(3)
    with pytest.raises(WeightsError, match="layout"):
        load_hdf5(str(broken))


def test_what_claims_more_than_its_file(h5py, tmp_path):
    path = str(tmp_path / "hostile.h5")
    with h5py.File(path, "w") as file:
        file.create_dataset("data/a/0", (1 << 40,), np.float32, chunks=(1 << 16,))
    with pytest.raises(WeightsError, match="fits"):
        load_hdf5(path)
    with h5py.File(path, "w") as file:
        file["data/a/0"] = "text"
    with pytest.raises(WeightsError, match="no array of floats"):
        load_hdf5(path)


def test_a_name_that_is_a_parameter_of_another(h5py, tmp_path):
    path = tmp_path / "net.h5"
    with pytest.raises(WeightsError, match="cannot write"):
        save_hdf5(str(path), {"a": [np.zeros(1)], "a/0": [np.zeros(1)]})
    assert not list(tmp_path.iterdir())


def test_without_h5py(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "h5py", None)
    for call in (lambda: save_hdf5(str(tmp_path / "x"), PARAMS), lambda: load_hdf5("x")):
        with pytest.raises(BackendError, match="pip install h5py"):
            call()
