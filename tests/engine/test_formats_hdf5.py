"""Parameters as HDF5: Caffe's layout, broken files, and a net that saves and loads them."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from caffe_style.engine import TEST, Net
from caffe_style.engine.formats.caffemodel import MissingWeightsError
from caffe_style.engine.formats.hdf5 import load_hdf5, save_hdf5
from caffe_style.engine.formats.prototxt import parse_net
from caffe_style.errors import CaffeStyleError, WeightsError

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [1, 3, 4, 4] } } }
layer { name: "fire2/conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 2 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
"""
WEIGHTS = np.arange(12, dtype=np.float32).reshape(2, 3, 2, 1) / 7
BIAS = np.array([0.5, np.nan], np.float32)


@pytest.fixture(scope="module", autouse=True)
def h5py():
    return pytest.importorskip("h5py")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "weights.h5")


def refused(path):
    """The one line that loading a file ends with."""
    with pytest.raises(WeightsError) as caught:
        load_hdf5(path)
    assert len(str(caught.value).splitlines()) == 1 and path in str(caught.value)
    return str(caught.value)


def test_layout_is_caffes(path, h5py):
    save_hdf5(path, {"conv1": [WEIGHTS, BIAS], "fire2/conv": [WEIGHTS]})
    with h5py.File(path, "r") as file:
        assert list(file) == ["data"] and set(file["data"]) == {"conv1", "fire2"}
        assert set(file["data"]["conv1"]) == {"0", "1"}
        assert file["data"]["fire2"]["conv"]["0"].dtype == np.float32
        np.testing.assert_array_equal(file["data/conv1/0"][()], WEIGHTS)
        np.testing.assert_array_equal(file["data/conv1/1"][()], BIAS)


def test_round_trip_and_wanted(path):
    # A layer may be called as the folder of another; ten and more parameters keep their order.
    many = [np.full((1,), i, np.float32) for i in range(12)]
    saved = {"conv1": [WEIGHTS, BIAS], "fire2": many, "fire2/conv": [WEIGHTS], "s": [BIAS[0]]}
    save_hdf5(path, saved)
    found = load_hdf5(path)
    assert set(found) == set(saved)
    for name, arrays in saved.items():
        assert len(found[name]) == len(arrays)
        for mine, theirs in zip(found[name], arrays):
            assert mine.dtype == np.float32 and mine.shape == theirs.shape
            np.testing.assert_array_equal(mine, theirs)
    assert set(load_hdf5(path, {"fire2/conv", "nowhere"})) == {"fire2/conv"}


def test_doubles_are_read_as_floats(path, h5py):
    with h5py.File(path, "w") as file:
        file["data/conv1/0"] = WEIGHTS.astype(np.float64)
    array = load_hdf5(path)["conv1"][0]
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, WEIGHTS)


def test_parameters_after_a_gap_are_not_read(path, h5py):
    with h5py.File(path, "w") as file:
        file["data/conv1/0"], file["data/conv1/2"] = WEIGHTS, BIAS
    assert len(load_hdf5(path)["conv1"]) == 1


def test_a_net_saves_and_loads(path):
    mine, other = (Net.from_param(parse_net(NET), TEST) for _ in range(2))
    mine.save_hdf5(path)
    assert not np.array_equal(mine.params["fc"][0].data, other.params["fc"][0].data)
    other.copy_from(path)
    for name, blobs in mine.params.items():
        for blob, loaded in zip(blobs, other.params[name]):
            np.testing.assert_array_equal(blob.data, loaded.data)
    wider = Net.from_param(parse_net(NET.replace("num_output: 5", "num_output: 6")), TEST)
    with pytest.raises(WeightsError, match="'fc'"):
        wider.load_hdf5(path)


def test_a_file_that_is_no_hdf5(path, tmp_path):
    for content in (b"", b"<html>", b"\x89HDF\r\n\x1a\n" + b"\x00" * 50):
        (tmp_path / "weights.h5").write_bytes(content)
        refused(path)
    save_hdf5(path, {"conv1": [WEIGHTS, BIAS]})
    whole = (tmp_path / "weights.h5").read_bytes()
    for size in range(0, len(whole) - 1, 97):
        (tmp_path / "weights.h5").write_bytes(whole[:size])
        refused(path)


def test_missing_file_and_folder(path, tmp_path):
    with pytest.raises(MissingWeightsError, match="Could not open file .*weights.h5"):
        load_hdf5(path)
    with pytest.raises(RuntimeError):
        load_hdf5(path)
    refused(str(tmp_path))


def test_another_layout(path, h5py):
    with h5py.File(path, "w") as file:
        file["weights/conv1"] = WEIGHTS
    assert "layout" in refused(path)


def test_what_is_no_array_of_floats(path, h5py):
    for odd in (b"text", np.arange(3), np.array([1 + 2j])):
        with h5py.File(path, "w") as file:
            file["data/conv1/0"] = odd
        assert "no array of floats" in refused(path)


def test_a_data_set_that_claims_more_than_the_file_holds(path, h5py):
    with h5py.File(path, "w") as file:
        file.create_dataset("data/conv1/0", (1 << 40,), np.float32, chunks=(1024,))
    assert "fits into the file" in refused(path)


def test_a_write_that_fails_leaves_the_old_file(path, tmp_path):
    save_hdf5(path, {"conv1": [WEIGHTS]})
    with pytest.raises(WeightsError, match="cannot write"):
        save_hdf5(path, {"conv1": [WEIGHTS], "conv1/0": [WEIGHTS]})
    np.testing.assert_array_equal(load_hdf5(path)["conv1"][0], WEIGHTS)
    assert [file.name for file in tmp_path.iterdir()] == ["weights.h5"]
    with pytest.raises(WeightsError, match="cannot write"):
        save_hdf5(str(tmp_path / "nowhere" / "w.h5"), {"conv1": [WEIGHTS]})


def test_without_h5py(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    for call in (lambda: save_hdf5(path, {}), lambda: load_hdf5(path)):
        with pytest.raises(CaffeStyleError, match="pip install h5py"):
            call()
