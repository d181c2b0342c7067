"""Pictures that do not fit in memory as they are asked for."""

from __future__ import annotations

import pytest

import caffe_style as cs
from caffe_style.backends import estimate
from caffe_style.errors import OptionError, ResourceError
from caffe_style.pictures import images
from caffe_style.runs import budget as memory
from caffe_style.settings.transfer import TransferSettings

LAYERS = {"style_layers": {"conv1_1": 1.0}, "content_layers": {"conv2_2": 1.0}}


@pytest.fixture(scope="module")
def network():
    return cs.open_network("vgg16-random")


@pytest.fixture
def pair():
    return [images.coloured_noise(64, 64, 1.0, seed) for seed in (0, 1)]


@pytest.fixture
def settings(network):
    """The settings of a transfer of 1000 pixels, in the space where our own L-BFGS takes less memory."""
    asked = TransferSettings(size=1000, optimizer="scipy", space="pixels", **LAYERS)
    return asked.for_model(network)


def leave(monkeypatch, megabytes):
    monkeypatch.setattr(estimate, "available_bytes", lambda: megabytes << 20)


def ways(network, settings, monkeypatch):
    """How a picture of 1000 x 1000 is made in less and less memory, and what the last refusal says."""
    found = []
    for megabytes in range(5000, 0, -20):
        leave(monkeypatch, megabytes)
        try:
            fitting, tile = memory.fit(network, (1000, 1000), settings, [(1000, 1000)])
        except ResourceError as error:
            return found, str(error)
        if (fitting.optimizer, tile) not in found:
            found.append((fitting.optimizer, tile))
    raise AssertionError("it fits in nothing")


def test_the_smaller_optimiser_comes_before_tiles(network, settings, monkeypatch):
    found, refusal = ways(network, settings, monkeypatch)
    assert found[:3] == [("scipy", None), ("device", None), ("scipy", 768)]
    assert found[-1] == ("device", 256)
    # The size that is named is one for these small tiles, not for the whole.
    size = int(refusal.split("--size ")[1].split()[0])
    assert 900 < size < 1000


def test_coarse_colours_make_scipys_the_smaller_one(network, settings, monkeypatch):
    found, refusal = ways(network, settings.replace(space="whitened"), monkeypatch)
    assert found[:2] == [("scipy", None), ("scipy", 768)]
    assert {optimizer for optimizer, _ in found} == {"scipy"}
    assert 900 < int(refusal.split("--size ")[1].split()[0]) < 1000


def test_bounds_keep_scipy(network, settings, monkeypatch):
    found, _ = ways(network, settings.replace(bounds=True), monkeypatch)
    assert {optimizer for optimizer, _ in found} == {"scipy"} and len(found) > 2


def test_losses_that_need_the_whole_are_not_cut(network, settings, monkeypatch):
    found, _ = ways(network, settings.replace(style_loss="spatial"), monkeypatch)
    assert found == [("scipy", None), ("device", None)]


def test_tiles_are_refused_before_anything_is_made(network, settings):
    settings = settings.replace(style_loss="neighbours", tile=512)
    with pytest.raises(OptionError, match="neighbours loss needs the whole picture"):
        memory.fit(network, (1000, 1000), settings, [(1000, 1000)])


def test_tiles_that_are_asked_for_stay(network, settings, monkeypatch):
    found, _ = ways(network, settings.replace(tile=512), monkeypatch)
    assert found == [("scipy", 512), ("device", 512)]
    with pytest.raises(OptionError, match="tile"):
        memory.fit(network, (1000, 1000), settings.replace(tile=16), [(1000, 1000)])


def test_what_is_changed_is_told_and_noted(network, pair, monkeypatch, caplog):
    caplog.set_level("INFO", "caffe_style")
    whole = cs.transfer(*pair, network, size=400, iterations=1, space="pixels", **LAYERS)
    monkeypatch.setattr(memory, "TILES", (256,))
    # Between what the whole and what tiles of 256 take.
    leave(monkeypatch, 315)
    result = cs.transfer(*pair, network, size=400, iterations=1, space="pixels", **LAYERS)
    assert "400 x 400 pixels do not fit in memory at once: continuing " in caplog.text
    assert "in tiles of 256" in caplog.text and "--optimizer device" in caplog.text
    assert result.parameters["optimizer"] == "device"
    assert result.history[0].loss == pytest.approx(whole.history[0].loss, rel=1e-5)
