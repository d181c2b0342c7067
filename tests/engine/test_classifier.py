"""Classifier and Detector, pycaffe's ready-made uses of a net."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
from PIL import Image

import caffe_style.engine as caffe
from caffe_style.errors import BackendError, ImageError

DEFINITION = """
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 2 dim: 3 dim: 6 dim: 6 } } }
layer { name: "pool" type: "Pooling" bottom: "data" top: "pool"
  pooling_param { pool: AVE global_pooling: true } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
  inner_product_param { num_output: 3 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


@pytest.fixture
def files(tmp_path):
    """A net whose classes are blue, green and red, in BGR order, and its weights."""
    definition, weights = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    definition.write_text(DEFINITION)
    net = caffe.Net(str(definition), caffe.TEST)
    net.params["fc"][0].data[...] = 0.1 * np.eye(3)
    net.save(str(weights))
    return str(definition), str(weights)


SETTINGS = {"raw_scale": 255, "channel_swap": (2, 1, 0), "mean": np.array([104.0, 117.0, 123.0])}


def coloured(channel: int) -> np.ndarray:
    picture = np.full((9, 11, 3), 0.2, np.float32)
    picture[:, :, channel] = 0.9
    return picture


@pytest.mark.parametrize("oversample", [True, False])
def test_classifier(files, oversample):
    classifier = caffe.Classifier(*files, image_dims=(8, 8), **SETTINGS)
    pictures = [coloured(0), coloured(1), coloured(2)]
    predictions = classifier.predict(pictures, oversample)
    assert predictions.shape == (3, 3)
    assert list(predictions.argmax(1)) == [2, 1, 0]
    # A plain picture is the same in every crop: softmax of the mean-free colours.
    logits = 0.1 * (255 * np.array([0.2, 0.2, 0.9]) - SETTINGS["mean"])
    expected = np.exp(logits - logits.max())
    assert np.allclose(predictions[0], expected / expected.sum(), atol=1e-5)


def test_detector(files, tmp_path):
    picture = np.zeros((20, 20, 3), np.uint8)
    picture[:10, :, 0] = 255
    picture[10:, :, 2] = 255
    path = str(tmp_path / "halves.png")
    Image.fromarray(picture).save(path)
    detector = caffe.Detector(*files, **SETTINGS)
    found = detector.detect_windows([(path, [(0, 0, 9, 19), (11, 2, 20, 12)])])
    assert [entry["prediction"].argmax() for entry in found] == [2, 0]
    assert found[0]["filename"] == path


def test_windows_without_context_are_cut_out(files):
    detector = caffe.Detector(*files)
    picture = np.arange(64, dtype=np.float32).reshape(8, 8, 1)
    assert np.array_equal(detector.crop(picture, [1, 2, 4, 9]), picture[1:4, 2:8])
    with pytest.raises(ImageError, match="nothing of the picture"):
        detector.crop(picture, [9, 2, 12, 4])


def test_context_beyond_the_border_is_the_mean(files):
    detector = caffe.Detector(*files, context_pad=1, **SETTINGS)
    picture = np.random.default_rng(0).uniform(0, 1, (8, 8, 3)).astype(np.float32)
    crop = detector.crop(picture, (0, 2, 4, 6))
    # 5 pixels (both ends count) and their context reach 3.75 pixels around the centre (2.5, 4.5): rows -1 to 6
    # and columns 1 to 8, of which Caffe cuts out all but the last; 8 pixels are scaled to the net's 6.
    assert crop.shape == (6, 6, 3) and crop.dtype == np.float32
    assert np.allclose(crop[1:], caffe.io.resize_image(picture[0:6, 1:8], (5, 6)))
    # Blue, green, red are the net's order, red, green, blue that of pictures.
    assert np.allclose(crop[0], np.array([123, 117, 104]) / 255)
    # After preprocessing the mean is nothing.
    assert np.abs(detector.transformer.preprocess("data", crop)[:, 0]).max() < 1e-4


def test_context_inside_is_the_picture(files):
    detector = caffe.Detector(*files)
    detector.configure_crop(1)
    picture = np.random.default_rng(0).uniform(0, 1, (30, 40, 3)).astype(np.float32)
    # 11 x 12 pixels reach 8.25 and 9 around (15.5, 26).
    crop = detector.crop(picture, np.array([10, 20, 20, 31]))
    assert np.allclose(crop, caffe.io.resize_image(picture[7:24, 17:35], (6, 6)))


def test_context_is_nothing_where_there_is_no_mean(files):
    crop = caffe.Detector(*files, context_pad=2).crop(np.ones((4, 4, 3), np.float32), (0, 0, 3, 3))
    assert (crop[0] == 0).all() and (crop[3, 3] == 1).all()


def test_selective_search(files, tmp_path, monkeypatch):
    detector = caffe.Detector(*files, **SETTINGS)
    path = str(tmp_path / "red.png")
    Image.fromarray(np.full((9, 9, 3), (255, 0, 0), np.uint8)).save(path)
    with pytest.raises(BackendError, match="selective_search_ijcv_with_python"):
        detector.detect_selective_search([path])
    asked = []

    def get_windows(paths, cmd):
        asked.append((paths, cmd))
        return [np.array([[0, 0, 5, 5], [2, 2, 9, 9]])]

    module = types.ModuleType("selective_search_ijcv_with_python")
    module.get_windows = get_windows
    monkeypatch.setitem(sys.modules, module.__name__, module)
    found = detector.detect_selective_search([path])
    assert asked == [([path], "selective_search_rcnn")]
    assert [entry["prediction"].argmax() for entry in found] == [2, 2]


def test_layers_that_the_file_lacks_are_told(files, tmp_path, capsys):
    more = tmp_path / "more.prototxt"
    more.write_text(DEFINITION.replace('name: "fc"', 'name: "other"'))
    net = caffe.Net(str(more), files[1], caffe.TEST)
    error = capsys.readouterr().err
    assert "other" in error and "fillers" in error and len(error.splitlines()) == 1
    assert not net.params["other"][0].data.any()
