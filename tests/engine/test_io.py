"""caffe.io: what genuine pycaffe was seen to do."""

from __future__ import annotations

import numpy as np
import pytest

from caffe_style.engine import io
from caffe_style.engine.proto.caffe_pb2 import BlobProto

SHAPE = (1, 3, 5, 4)


@pytest.fixture
def transformer():
    return io.Transformer({"data": SHAPE})


@pytest.fixture
def picture():
    return np.random.RandomState(0).rand(5, 4, 3).astype(np.float32)


def usual(transformer):
    transformer.set_transpose("data", (2, 0, 1))
    transformer.set_channel_swap("data", (2, 1, 0))
    transformer.set_raw_scale("data", 255)
    transformer.set_mean("data", np.array([104.0, 117.0, 123.0]))
    transformer.set_input_scale("data", 0.5)
    return transformer


# ---- Transformer ----


def test_order_of_preprocessing(transformer, picture):
    result = usual(transformer).preprocess("data", picture)
    bgr = picture.transpose(2, 0, 1)[::-1] * np.float32(255)
    expected = (bgr - np.array([104, 117, 123], np.float32)[:, None, None]) * np.float32(0.5)
    assert result.dtype == np.float32 and result.shape == (3, 5, 4)
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_deprocess_is_the_inverse(transformer, picture):
    result = usual(transformer).preprocess("data", picture)
    before = result.copy()
    for data in (result, result[np.newaxis]):
        np.testing.assert_allclose(transformer.deprocess("data", data), picture, atol=1e-6)
    np.testing.assert_array_equal(result, before)


def test_deprocess_of_one_channel_fails_as_in_pycaffe():
    transformer = io.Transformer({"data": (1, 1, 5, 4)})
    transformer.set_transpose("data", (2, 0, 1))
    with pytest.raises(ValueError, match="axes don't match array"):
        transformer.deprocess("data", np.zeros((1, 1, 5, 4), np.float32))


def test_preprocess_works_in_place_unless_channels_are_swapped(transformer, picture):
    before = picture.copy()
    assert transformer.preprocess("data", picture) is picture
    transformer.set_transpose("data", (2, 0, 1))
    transformer.set_raw_scale("data", 255)
    result = transformer.preprocess("data", picture)
    assert np.shares_memory(result, picture)
    np.testing.assert_array_equal(picture, before * np.float32(255))
    transformer.set_channel_swap("data", (2, 1, 0))
    assert not np.shares_memory(transformer.preprocess("data", picture), picture)


def test_other_types_and_sizes_are_copied(transformer):
    integers = np.full((5, 4, 3), 7, np.uint8)
    result = transformer.preprocess("data", integers)
    assert result.dtype == np.float32 and result is not integers
    np.testing.assert_array_equal(result, integers)
    big = np.full((10, 8, 3), 0.25, np.float32)
    assert transformer.preprocess("data", big).shape == (5, 4, 3)


def test_a_list_as_shape_makes_every_picture_be_resized(picture):
    transformer = io.Transformer({"data": list(SHAPE)})
    result = transformer.preprocess("data", picture)
    assert result is not picture
    np.testing.assert_allclose(result, picture, atol=1e-6)


def test_means(transformer):
    full = np.random.RandomState(1).rand(3, 5, 4)
    transformer.set_mean("data", full)
    assert transformer.mean["data"] is full
    transformer.set_mean("data", np.arange(3.0))
    assert transformer.mean["data"].shape == (3, 1, 1)
    transformer.set_mean("data", np.full((3, 10, 8), 9.0))
    np.testing.assert_array_equal(transformer.mean["data"], np.full(SHAPE[1:], 9))
    one = np.random.RandomState(2).rand(1, 5, 4)
    transformer.set_mean("data", one)
    assert transformer.mean["data"].shape == (1, 5, 4)
    np.testing.assert_allclose(transformer.mean["data"], one, atol=1e-6)
    grey = io.Transformer({"data": (1, 1, 5, 4)})
    grey.set_mean("data", one[0])
    assert grey.mean["data"].shape == (5, 4)


def test_a_mean_of_another_size_is_interpolated(transformer):
    rows = np.linspace(-50, 200, 7)[None, :, None] + np.zeros((3, 1, 6))
    transformer.set_mean("data", rows)
    result = transformer.mean["data"]
    assert result.shape == (3, 5, 4)
    # Of the first and last row half lies outside the picture, where resize takes 0.
    np.testing.assert_allclose(np.diff(result[:, 1:-1, 1], axis=1), 250 / 6 * 7 / 5, rtol=0.05)


def test_what_is_refused(transformer):
    with pytest.raises(AttributeError):
        transformer.set_mean("data", [1, 2, 3])
    with pytest.raises(ValueError, match="Mean channels incompatible with input."):
        transformer.set_mean("data", np.zeros(4))
    with pytest.raises(ValueError, match="axes don't match array"):
        transformer.set_mean("data", np.zeros((5, 4)))
    for shape in ((), (1, 3, 5, 4)):
        with pytest.raises(ValueError, match="Mean shape invalid"):
            transformer.set_mean("data", np.zeros(shape))
    with pytest.raises(Exception, match="Transpose order needs to have the same number"):
        transformer.set_transpose("data", (1, 0))
    with pytest.raises(Exception, match="Channel swap needs to have the same number"):
        transformer.set_channel_swap("data", (1, 0))


@pytest.mark.parametrize(
    "call",
    ["preprocess", "deprocess", "set_transpose", "set_channel_swap", "set_raw_scale"]
    + ["set_mean", "set_input_scale"],
)
def test_unknown_inputs(transformer, call):
    with pytest.raises(Exception, match="zzz is not one of the net inputs: {'data': "):
        getattr(transformer, call)("zzz", np.zeros(3))


# ---- Pictures ----


def test_load_image(tmp_path):
    from PIL import Image

    rng = np.random.RandomState(0)
    colour = rng.randint(0, 256, (4, 3, 4)).astype(np.uint8)
    path = str(tmp_path / "x.png")
    for channels in (colour[:, :, :3], colour):
        Image.fromarray(channels).save(path)
        image = io.load_image(path)
        assert image.dtype == np.float32
        np.testing.assert_allclose(image, channels[:, :, :3] / 255.0, atol=1e-6)
    Image.fromarray(colour[:, :, :3]).save(path)
    grey = io.load_image(path, color=False)
    assert grey.shape == (4, 3, 1) and 0 <= grey.min() and grey.max() <= 1
    Image.fromarray(colour[:, :, 0]).save(path)
    assert io.load_image(path, color=False).shape == (4, 3, 1)
    np.testing.assert_allclose(
        io.load_image(path), np.repeat(colour[:, :, :1], 3, 2) / 255.0, atol=1e-6
    )
    with pytest.raises(FileNotFoundError):
        io.load_image(str(tmp_path / "nowhere.png"))


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_resize_image(channels):
    ramp = np.linspace(-100, 300, 9, dtype=np.float32)[:, None, None] * np.ones((1, 8, channels))
    result = io.resize_image(ramp, (18, 16))
    assert result.shape == (18, 16, channels) and result.dtype == np.float32
    inside = np.diff(result[4:14, 8, 0])
    assert (inside > 0).all() and inside.mean() == pytest.approx(25, rel=0.1)
    assert io.resize_image(ramp, (9, 8)) == pytest.approx(ramp, abs=1e-3)


def test_a_constant_picture_stays_constant():
    result = io.resize_image(np.full((4, 5, 3), 7, np.uint8), (3, 9))
    np.testing.assert_array_equal(result, np.full((3, 9, 3), 7, np.float32))


def test_oversample():
    images = np.random.RandomState(0).rand(2, 7, 9, 3).astype(np.float32)
    crops = io.oversample(list(images), (4, 5))
    assert crops.shape == (20, 4, 5, 3) and crops.dtype == np.float32
    corners = [(0, 0), (0, 4), (3, 0), (3, 4), (1, 2)]
    for i, image in enumerate(images):
        for j, (top, left) in enumerate(corners):
            expected = image[top : top + 4, left : left + 5]
            np.testing.assert_array_equal(crops[10 * i + j], expected)
            np.testing.assert_array_equal(crops[10 * i + j + 5], expected[:, ::-1])


# ---- Arrays and messages ----


def test_blobproto_and_back():
    data, diff = np.arange(6.0).reshape(1, 2, 3), -np.arange(6.0).reshape(1, 2, 3)
    blob = io.array_to_blobproto(data, diff)
    assert list(blob.shape.dim) == [1, 2, 3]
    np.testing.assert_array_equal(io.blobproto_to_array(blob), data)
    np.testing.assert_array_equal(io.blobproto_to_array(blob, return_diff=True), diff)
    assert not io.array_to_blobproto(data).diff
    legacy = BlobProto(num=1, channels=2, height=1, width=3, data=range(6))
    np.testing.assert_array_equal(io.blobproto_to_array(legacy), np.arange(6).reshape(1, 2, 1, 3))


def test_lists_of_arrays():
    arrays = [np.arange(3.0), np.eye(2)]
    text = io.arraylist_to_blobprotovector_str(arrays)
    assert isinstance(text, bytes)
    for array, found in zip(arrays, io.blobprotovector_str_to_arraylist(text)):
        np.testing.assert_array_equal(array, found)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_datum_and_back(dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    datum = io.array_to_datum(array, label=7)
    assert (datum.channels, datum.height, datum.width, datum.label) == (2, 3, 4, 7)
    assert bool(datum.data) == (dtype == np.uint8)
    np.testing.assert_array_equal(io.datum_to_array(datum), array)
    assert not io.array_to_datum(array).HasField("label")
    with pytest.raises(ValueError, match="Incorrect array shape."):
        io.array_to_datum(array[0])
