"""Classifier and Detector, pycaffe's ready-made uses of a net."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import caffe_style.engine as caffe

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


def test_context_repeats_the_border(files):
    detector = caffe.Detector(*files, context_pad=1)
    picture = np.arange(64, dtype=np.float32).reshape(8, 8, 1)
    # 4 x 4 pixels fill the inner 4 of 6: one pixel of context on each side.
    crop = detector.crop(picture, (0, 2, 4, 6))
    assert crop.shape == (6, 6, 1)
    assert np.array_equal(crop[1:5, 1:5], picture[0:4, 2:6])
    assert np.array_equal(crop[0], crop[1])


def test_layers_that_the_file_lacks_are_told(files, tmp_path, capsys):
    more = tmp_path / "more.prototxt"
    more.write_text(DEFINITION.replace('name: "fc"', 'name: "other"'))
    net = caffe.Net(str(more), files[1], caffe.TEST)
    error = capsys.readouterr().err
    assert "other" in error and "fillers" in error and len(error.splitlines()) == 1
    assert not net.params["other"][0].data.any()
