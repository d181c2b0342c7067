"""Pictures: every kind of file read as it is meant, every bad one refused in a line, and exact ways back."""

from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from caffe_style.errors import ImageError
from caffe_style.pictures import images

MEAN = np.array([103.939, 116.779, 123.68])


def picture(height=20, width=30, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height=40, width=60):
    rows, columns = np.mgrid[:height, :width]
    channels = (rows * 255 / height, columns * 255 / width, (rows + columns) * 2.0)
    return np.stack(channels, 2).clip(0, 255).astype(np.uint8)


def save(path, array, mode=None, **options):
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    (image.convert(mode) if mode else image).save(str(path), **options)
    return path


def test_rgb_is_read_exactly(tmp_path):
    read = images.read_image(save(tmp_path / "a.png", picture()))
    np.testing.assert_array_equal(read, picture())
    assert read.dtype == np.uint8 and read.flags.writeable and read.flags.c_contiguous


def test_exif_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    read = images.read_image(save(tmp_path / "a.png", picture(), exif=exif))
    np.testing.assert_array_equal(read, np.rot90(picture(), -1))


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.dstack([np.zeros((4, 5, 3), np.uint8), np.full((4, 5), 255, np.uint8)])
    rgba[0, 0, 3], rgba[0, 1, 3] = 0, 51
    read = images.read_image(save(tmp_path / "a.png", rgba))
    assert read[0, 0].tolist() == [255] * 3
    assert read[0, 1].tolist() == [204] * 3
    assert not read[1:].any()
    grey = images.read_image(save(tmp_path / "b.png", rgba, "LA"))
    np.testing.assert_array_equal(grey, read)


def test_transparent_palette_is_laid_on_white(tmp_path):
    indexed = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    indexed.putpalette([9, 8, 7, 0, 0, 255, 0, 255, 0])
    read = images.read_image(save(tmp_path / "a.png", indexed, transparency=1))
    assert read.tolist() == [[[9, 8, 7], [255] * 3], [[0, 255, 0], [255] * 3]]


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_grey_and_palette_become_rgb(tmp_path, mode):
    source = Image.fromarray(picture()).convert(mode)
    read = images.read_image(save(tmp_path / "a.png", source))
    np.testing.assert_array_equal(read, np.asarray(source.convert("RGB")))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_is_scaled_not_clipped(tmp_path, suffix):
    values = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    read = images.read_image(save(tmp_path / ("a." + suffix), values))
    np.testing.assert_array_equal(read[:, :, 1].ravel(), np.arange(256))


def test_dark_16_bit_stays_dark(tmp_path):
    dark = np.full((4, 4), 255, np.uint16)
    assert (images.read_image(save(tmp_path / "a.png", dark)) == 1).all()


def test_16_bit_colour_is_scaled(tmp_path):
    """Pillow cannot write these: the PNG is put together here."""
    row = b"\0" + struct.pack(">6H", 65535, 32768, 0, 257, 514, 65535)
    path = tmp_path / "a.png"
    path.write_bytes(png_bytes(2, 1, 16, 2, row))
    assert images.read_image(path).tolist() == [[[255, 128, 0], [1, 2, 255]]]


@pytest.mark.parametrize("peak", [1.0, 255.0, 65535.0, 1e6])
def test_floating_point_is_scaled_to_its_range(tmp_path, peak):
    values = np.linspace(0, peak, 256, dtype=np.float32).reshape(16, 16)
    read = images.read_image(save(tmp_path / "a.tif", values))
    np.testing.assert_array_equal(read[:, :, 0].ravel(), np.arange(256))


def test_cmyk_becomes_rgb(tmp_path):
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    read = images.read_image(save(tmp_path / "a.jpg", cyan, quality=100)).astype(int)
    np.testing.assert_allclose(read, np.broadcast_to([0, 255, 255], read.shape), atol=3)


def png_bytes(width, height, depth, colour, rows):
    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">2I5B", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def make_bad(folder, kind):
    path = folder / "bad.png"
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("no picture at all")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind.startswith("truncated"):
        whole = save(folder / ("whole." + kind.split()[1]), picture(200, 200)).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "bomb":
        path.write_bytes(png_bytes(60_000, 60_000, 8, 2, b"\0" * 100))
    elif kind == "checksum":
        data = bytearray(save(path, picture()).read_bytes())
        data[30] ^= 255
        path.write_bytes(bytes(data))
    return path


BAD = {
    "missing": "no such file",
    "folder": "is a folder",
    "text": "not a picture",
    "empty": "the file is empty",
    "truncated png": "not a complete picture",
    "truncated jpg": "not a complete picture",
    "truncated webp": "complete|read|not a picture",
    "truncated tif": "complete|read|not a picture",
    "checksum": "complete|read|not a picture",
    "bomb": "megapixels",
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.filterwarnings("error")
def test_bad_files_are_refused_in_one_line(tmp_path, kind):
    path = make_bad(tmp_path, kind)
    with pytest.raises(ImageError, match=BAD[kind]) as caught:
        images.read_image(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_a_single_pixel_is_a_picture(tmp_path):
    assert images.read_image(save(tmp_path / "a.png", picture(1, 1))).shape == (1, 1, 3)


METADATA = {"model": "vgg19", "weights": [1, 0.5], "title": "Die Tübinger Häuser ☂"}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp", ".tif", ".tiff"])
def test_what_is_written_is_read_again(tmp_path, suffix):
    path = tmp_path / ("out" + suffix)
    images.write_image(path, smooth(), METADATA)
    error = np.abs(images.read_image(path).astype(int) - smooth())
    assert error.max() == 0 if suffix in (".png", ".tif", ".tiff") else error.mean() < 2
    assert images.read_metadata(path) == METADATA
    assert os.listdir(tmp_path) == [path.name]


def test_png_metadata_is_there_for_other_programs(tmp_path):
    images.write_image(tmp_path / "a.png", smooth(), METADATA)
    with Image.open(str(tmp_path / "a.png")) as image:
        assert image.text["Software"].startswith("caffe_style")
        assert '"vgg19"' in image.text["caffe_style"]


def test_metadata_of_others_is_not_ours(tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "a day at the sea"
    assert images.read_metadata(save(tmp_path / "a.jpg", smooth(), exif=exif)) == {}
    images.write_image(tmp_path / "b.png", smooth())
    assert images.read_metadata(tmp_path / "b.png") == {}


def test_writing_replaces_a_file_at_once(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    images.write_image(path, smooth())
    before = path.read_bytes()

    def fails_half_way(self, name, *args, **kwargs):
        with open(name, "wb") as file:
            file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fails_half_way)
    with pytest.raises(ImageError, match="No space left"):
        images.write_image(path, picture())
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.png"]


def test_unwritable_places_are_refused(tmp_path):
    (tmp_path / "folder.png").mkdir()
    for name, problem in [
        ("a.bmpx", "end its name in one of"),
        ("noname", "end its name in one of"),
        ("missing/a.png", "does not exist"),
        ("folder.png", "is a folder"),
    ]:
        for check in (images.check_writable, lambda path: images.write_image(path, smooth())):
            with pytest.raises(ImageError, match=problem):
                check(tmp_path / name)
    images.check_writable(tmp_path / "a.png")
    assert os.listdir(tmp_path) == ["folder.png"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(ImageError, match="no permission"):
        images.check_writable(tmp_path / "a.png")


def test_resize_keeps_proportions():
    assert images.resize(picture(20, 30), 15).shape == (10, 15, 3)
    assert images.resize(picture(30, 20), 60).shape == (60, 40, 3)
    assert images.resize(picture(500, 2), 10).shape == (10, 1, 3)
    assert images.resize(picture(20, 30), (7, 9)).shape == (7, 9, 3)
    same = picture(20, 30)
    assert images.resize(same, 30) is same


def test_resize_does_not_alias():
    """A checkerboard of single pixels has no detail left at a third of its size: it is grey."""
    board = (np.indices((90, 90)).sum(axis=0) % 2 * 255).astype(np.uint8)
    small = images.resize(np.dstack([board] * 3), 30).astype(int)
    assert np.abs(small[2:-2, 2:-2] - 127.5).max() < 4


def test_resize_takes_floats_beyond_the_range():
    ramp = np.linspace(-300, 300, 60, dtype=np.float32)
    image = np.broadcast_to(ramp[:, np.newaxis, np.newaxis], (60, 40, 5))
    small = images.resize(image, (30, 20))
    assert small.shape == (30, 20, 5) and small.dtype == np.float32
    np.testing.assert_allclose(small[5:-5, 3, 2], ramp.reshape(30, 2).mean(axis=1)[5:-5], atol=0.5)
    assert images.resize(image[:, :, 0], (30, 20)).shape == (30, 20)


def test_caffe_order_is_bgr_less_mean():
    image = picture(5, 4)
    array = images.to_caffe(image, MEAN)
    assert array.shape == (1, 3, 5, 4) and array.dtype == np.float32
    assert array.transpose(0, 2, 3, 1).flags.c_contiguous
    for channel in range(3):
        expected = image[:, :, 2 - channel] - np.float32(MEAN[channel])
        np.testing.assert_allclose(array[0, channel], expected, rtol=1e-6)


def test_from_caffe_undoes_to_caffe():
    for size in ((1, 1), (5, 4)):
        image = picture(*size)
        np.testing.assert_array_equal(images.from_caffe(images.to_caffe(image, MEAN), MEAN), image)


def test_from_caffe_rounds_and_clips():
    array = np.array([-5.0, 300.0, 10.6]).reshape(1, 3, 1, 1)
    assert images.from_caffe(array, np.zeros(3)).ravel().tolist() == [11, 255, 0]


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_noise_has_the_spectrum_it_says(exponent):
    noise = images.coloured_noise(256, 256, exponent, seed=3)
    assert noise.shape == (256, 256, 3) and noise.dtype == np.uint8
    np.testing.assert_allclose(noise.mean(axis=(0, 1)), 128, atol=1)
    np.testing.assert_allclose(noise.std(axis=(0, 1)), 32, atol=1)
    spectrum = np.abs(np.fft.fft2(noise[:, :, 0] - 128.0))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    bands = [(0.01, 0.02), (0.1, 0.2)]
    low, high = (spectrum[(frequency > a) & (frequency < b)].mean() for a, b in bands)
    assert -np.log10(high / low) == pytest.approx(exponent, abs=0.15)


def test_noise_is_seeded_and_its_colours_differ():
    noise = images.white_noise(50, 40, seed=1)
    assert noise.shape == (50, 40, 3)
    np.testing.assert_array_equal(noise, images.white_noise(50, 40, seed=1))
    assert (noise != images.white_noise(50, 40, seed=2)).mean() > 0.9
    assert abs(np.corrcoef(noise[:, :, 0].ravel(), noise[:, :, 1].ravel())[0, 1]) < 0.1
    for size in ((1, 1), (1, 7), (7, 1)):
        assert images.coloured_noise(*size, 1.0, seed=0).shape == (*size, 3)


def test_mix():
    a, b = np.full((2, 2, 3), 10, np.uint8), np.full((2, 2, 3), 110, np.uint8)
    assert (images.mix(a, b, 0.25) == 35).all()
    np.testing.assert_array_equal(images.mix(a, b, 0.0), a)
    np.testing.assert_array_equal(images.mix(a, b, 1.0), b)


def test_each_format_has_its_room(tmp_path):
    big = np.zeros((2, 70000, 3), np.uint8)
    for suffix, most in ((".webp", 16383), (".jpg", 65500)):
        images.check_fits(tmp_path / ("a" + suffix), most)
        images.write_image(tmp_path / ("a" + suffix), big[:, :most])
        with pytest.raises(images.ImageError, match="has room for %d pixels" % most):
            images.check_fits(tmp_path / ("a" + suffix), most + 1)
        with pytest.raises(images.ImageError, match="cannot be written"):
            images.write_image(tmp_path / ("a" + suffix), big[:, : most + 1])
    images.check_fits(tmp_path / "a.png", 70000)
