"""Margins: what the network reads beyond a picture's borders, and the responses that are the picture's own."""

from __future__ import annotations

import numpy as np
import pytest

import caffe_style as cs
from caffe_style.errors import OptionError
from caffe_style.networks.margin import NO_MARGIN, Frame, Margin, margin_of
from caffe_style.pictures import images
from caffe_style.settings.generated import FeatureSettings
from caffe_style.settings.transfer import MARGIN, FromNoiseSettings

MODES = {False: "symmetric", True: "wrap"}
SHAPE = (24, 40)


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


def picture(shape, seed=0):
    return np.random.default_rng(seed).standard_normal((1, 3, *shape))


@pytest.mark.parametrize("wrapped", sorted(MODES))
@pytest.mark.parametrize("width", [0, 1, 16, 24, 100])
def test_a_picture_is_continued_as_numpy_pads_it(network, width, wrapped):
    frame, x = Frame(network, SHAPE, Margin(width, wrapped)), picture(SHAPE)
    sides = [(0, 0), (0, 0), (width, width), (width, width)]
    np.testing.assert_array_equal(frame.pad(x), np.pad(x, sides, MODES[wrapped]))


@pytest.mark.parametrize("wrapped", sorted(MODES))
@pytest.mark.parametrize("width", [0, 1, 16, 24, 100])
def test_folding_is_the_transpose(network, width, wrapped):
    frame, x = Frame(network, SHAPE, Margin(width, wrapped)), picture(SHAPE)
    g = picture(frame.shape, 1)
    assert np.vdot(frame.pad(x), g) == pytest.approx(np.vdot(x, frame.fold(g)), rel=1e-12)


@pytest.mark.parametrize("wrapped", sorted(MODES))
def test_tensors_are_padded_and_folded_alike(network, wrapped):
    torch = pytest.importorskip("torch")
    frame, x = Frame(network, SHAPE, Margin(30, wrapped)), picture(SHAPE)
    g = picture(frame.shape, 1)
    np.testing.assert_array_equal(frame.pad(torch.from_numpy(x)).numpy(), frame.pad(x))
    np.testing.assert_allclose(frame.fold(torch.from_numpy(g)).numpy(), frame.fold(g), rtol=1e-12)


def test_the_places_are_those_of_the_pictures_pixels(network):
    frame = Frame(network, SHAPE, Margin(16))
    assert frame.size(network.input_blob) == SHAPE
    assert frame.places["conv1_1"][1:] == (slice(16, 40), slice(16, 56))
    assert frame.size("conv3_1") == (6, 10)
    own = Frame(network, SHAPE, NO_MARGIN)
    assert all(own.size(blob) == tuple(network.net.blobs[blob].shape)[2:] for blob in own.places)


def test_a_convolution_without_padding_has_a_response_for_each_of_its_steps(tmp_path):
    """SqueezeNet's first convolution sees 125 windows in 256 pixels, and steps by 2."""
    squeezenet = Frame(open_random("squeezenet"), (256, 256), Margin(16))
    assert squeezenet.size("conv1") == (128, 128)


def open_random(name):
    from caffe_style.backends import select as backends
    from caffe_style.engine.formats.prototxt import read_prototxt
    from caffe_style.networks import zoo
    from caffe_style.networks.network import Network

    model = zoo.get_model(name)
    param = read_prototxt(str(model.prototxt))
    return Network(backends.open_net(param, None), model, "cpu", param)


def test_responses_to_a_wrapped_picture_move_with_it(network):
    image = images.coloured_noise(48, 64, 1.0, 0)
    blobs = ["conv1_1", "conv2_1"]
    before = network.features(image, blobs, Margin(16, wrapped=True))
    after = network.features(np.roll(image, (8, 20), (0, 1)), blobs, Margin(16, wrapped=True))
    for blob, step in zip(blobs, (1, 2)):
        moved = np.roll(before[blob], (8 // step, 20 // step), (1, 2))
        np.testing.assert_allclose(after[blob], moved, atol=1e-4 * moved.max())
    plain = network.features(image, blobs)
    assert (
        np.abs(plain["conv1_1"] - before["conv1_1"])[:, 1:-1, 1:-1].max()
        < 1e-4 * plain["conv1_1"].max()
    )


def test_settings_say_the_margin():
    assert margin_of(FromNoiseSettings()) == Margin(MARGIN)
    assert margin_of(FromNoiseSettings(margin=0)) == NO_MARGIN
    assert margin_of(FromNoiseSettings(margin=32, tileable=True)) == Margin(32, wrapped=True)
    asked = FeatureSettings(layer="conv1_1")
    assert margin_of(asked) == Margin(MARGIN, wrapped=True)
    assert margin_of(asked.replace(tileable=False)) == Margin(MARGIN)
    assert margin_of(asked.replace(margin=0)) == NO_MARGIN
    with pytest.raises(OptionError, match="tileable picture needs a margin: give --margin 16"):
        margin_of(FromNoiseSettings(margin=0, tileable=True))
