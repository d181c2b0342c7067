"""Several styles, their weights, and masks that say where each belongs."""

from __future__ import annotations

import numpy as np
import pytest

import caffe_style as cs
from caffe_style import cli
from caffe_style.errors import ImageError, OptionError
from caffe_style.pictures import images
from caffe_style.scene.regions import layer_guides
from caffe_style.scene.styles import Style, as_styles, read_mask, read_style, shares

LAYERS = {"style_layers": {"conv1_1": 0.5, "conv2_1": 0.5}, "content_layers": {"conv2_2": 1.0}}


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


@pytest.fixture(scope="module")
def content():
    return images.coloured_noise(48, 64, 1.0, 0)


def plain(color):
    """A texture in shades of one colour."""
    noise = images.coloured_noise(48, 48, 1.0, 3).mean(axis=2, keepdims=True) / 255
    return (noise * np.array(color)).astype(np.uint8)


def left_half():
    mask = np.zeros((48, 64, 3), np.uint8)
    mask[:, :32] = 255
    return mask


# -- on the command line --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("a.png", Style("a.png")),
        ("a.png:m.png", Style("a.png", 1.0, "m.png")),
        ("a.png:2.5", Style("a.png", 2.5)),
        ("a.png:m.png:2", Style("a.png", 2.0, "m.png")),
        ("a.png:m.png:s.png", Style("a.png", 1.0, "m.png", "s.png")),
        ("a.png:m.png:s.png:2", Style("a.png", 2.0, "m.png", "s.png")),
        ("C:a.png", Style("C:a.png")),
        ("C:a.png:m.png", Style("C:a.png", 1.0, "m.png")),
    ],
)
def test_a_style_as_text(text, wanted):
    assert read_style(text) == wanted


def test_a_file_keeps_its_colons(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images.write_image("at 10:30.png", np.zeros((8, 8, 3), np.uint8))
    assert read_style("at 10:30.png") == Style("at 10:30.png")
    assert read_style("at 10:30.png:3") == Style("at 10:30.png", 3.0)


@pytest.mark.parametrize(
    "text", ["a.png:b:c:d.png", "a.png:b:c:d.png:1", "a.png::1", "a.png::s.png", "a.png:"]
)
def test_text_that_is_no_style(text):
    with pytest.raises(OptionError, match="FILE:MASK:WEIGHT"):
        read_style(text)


@pytest.mark.parametrize("weight", [0, -1, float("inf"), float("nan")])
def test_weights_are_positive(content, weight):
    with pytest.raises(OptionError, match="weight must be a positive number"):
        as_styles(Style(content, weight))


# -- masks ----------------------------------------------------------------------------------------


def test_a_mask_is_brightness_at_the_pictures_size():
    mask = left_half() // 5 * 2
    weights = read_mask(mask, (24, 32))
    assert weights.shape == (24, 32) and weights.dtype == np.float32
    assert weights[:, :15] == pytest.approx(0.4, abs=0.01) and np.all(weights[:, 17:] < 0.01)
    assert read_mask(None, (24, 32)) is None


def test_a_black_mask_is_refused(tmp_path):
    path = tmp_path / "black.png"
    images.write_image(path, np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(ImageError, match="black.png is black"):
        read_mask(str(path), (24, 32))


def test_a_layer_sees_the_mask_with_a_mean_of_one():
    mask = read_mask(left_half(), (48, 64))[np.newaxis]
    small = layer_guides(mask, (12, 16), None, "style conv3_1")[0]
    assert small.mean() == pytest.approx(1) and small[:, :7] == pytest.approx(2, abs=0.1)
    dot = np.zeros((1, 48, 64), np.float32)
    with pytest.raises(OptionError, match="style conv3_1: the mask leaves too little"):
        layer_guides(dot, (12, 16), None, "style conv3_1")


def test_styles_share_where_they_meet():
    two = [Style("a"), Style("b", 3.0)]
    assert shares(two, [None, None]) == pytest.approx([0.25, 0.75])
    half = np.zeros((4, 8), np.float32)
    half[:, :4] = 1
    assert shares([Style("a"), Style("b")], [half, 1 - half]) == pytest.approx([0.5, 0.5])
    assert shares([Style("a")], [half]) == pytest.approx([0.5])
    assert shares([Style("a"), Style("b")], [half, None]) == pytest.approx([0.25, 0.5])


# -- transfer -------------------------------------------------------------------------------------


def transfer(content, styles, network, **options):
    options = {"size": 64, "iterations": 15, "content_weight": 0.1, **LAYERS, **options}
    options.setdefault("space", "pixels")
    return cs.transfer(content, styles, network, **options)


def test_one_style_with_a_white_mask_is_the_style(network, content):
    style = plain((250, 120, 40))
    white = np.full((48, 64, 3), 255, np.uint8)
    without = transfer(content, style, network, iterations=3)
    masked = transfer(content, Style(style, 2.0, white), network, iterations=3)
    ours, theirs = ([record.loss for record in one.history] for one in (masked, without))
    assert ours == pytest.approx(theirs, rel=1e-3)


def test_each_style_keeps_to_its_mask(network, content):
    red, blue, mask = plain((255, 20, 20)), plain((20, 20, 255)), left_half()
    styles = [Style(red, 1.0, mask), Style(blue, 1.0, 255 - mask)]
    result = transfer(content, styles, network)
    warmth = result.image[..., 0].astype(float) - result.image[..., 2]
    assert warmth[:, :28].mean() > 30 and warmth[:, 36:].mean() < -30
    assert {term for record in result.history for term in record.terms} >= {
        "style 1 conv1_1",
        "style 2 conv2_1",
    }


def test_weights_choose_between_styles(network, content):
    red, blue = plain((255, 20, 20)), plain((20, 20, 255))
    warm, cold = (
        transfer(content, [Style(red, weight), blue], network).image.astype(float)
        for weight in (20.0, 0.05)
    )
    assert (warm[..., 0] - warm[..., 2]).mean() > (cold[..., 0] - cold[..., 2]).mean() + 30


def test_masks_in_tiles_are_those_of_the_whole(network):
    content, style = (images.coloured_noise(100, 300, 1.0, seed) for seed in (0, 1))
    mask = np.zeros((100, 300, 3), np.uint8)
    mask[:, :120] = 255
    styles = [Style(style, 2.0, mask), Style(style[::-1])]
    whole, tiled = (
        transfer(content, styles, network, size=300, iterations=1, tile=tile).history[0]
        for tile in (None, 160)
    )
    assert tiled.loss == pytest.approx(whole.loss, rel=1e-5)
    for name, value in whole.terms.items():
        assert tiled.terms[name] == pytest.approx(value, rel=1e-4, abs=1e-6 * whole.loss)


def test_masks_guide_gram_matrices_only(network, content):
    with pytest.raises(
        OptionError, match="masks work with the style losses gram and neighbours only"
    ):
        transfer(content, Style(content, 1.0, left_half()), network, style_loss="pixelwise")


def test_command(tmp_path, monkeypatch, capsys, content):
    monkeypatch.chdir(tmp_path)
    pictures = {"c.png": content, "a.png": plain((255, 20, 20)), "b.png": plain((20, 20, 255))}
    for name, picture in {**pictures, "m.png": left_half()}.items():
        images.write_image(name, picture)
    asked = ["--model", "strokenet", "--size", "48", "--iterations", "1", "-q", "-o", "o.png"]
    styles = ["--style", "a.png:m.png", "--style", "b.png:3"]
    assert cli.main(["transfer", "c.png", *styles, *asked]) == 0
    assert images.read_metadata("o.png")["style"] == [
        {"picture": "a.png", "weight": 1.0, "mask": "m.png"},
        {"picture": "b.png", "weight": 3.0, "mask": None},
    ]
    assert cli.main(["transfer", "c.png", "--style", "a.png:nothing.png", *asked]) == 2
    assert "nothing.png" in capsys.readouterr().err
