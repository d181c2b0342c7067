"""Defaults that depend on other settings, and those of a run that is resumed."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.callbacks import stop_at

import caffe_style as cs
from caffe_style import losses
from caffe_style.pictures import images
from caffe_style.runs import checkpoint_file

SETTINGS = {"size": 48, "iterations": 6}


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


@pytest.fixture(scope="module")
def pair():
    return [images.coloured_noise(36, 48, 1.0, seed) for seed in (0, 1)]


@pytest.mark.parametrize("normalisation", ["relative", "paper", "mean"])
def test_the_models_total_variation_is_relative(pair, network, normalisation):
    assert network.model.tv_weight > 0
    settings = {"normalisation": normalisation, **SETTINGS}
    result = cs.transfer(*pair, network, **settings)
    relative = normalisation == "relative"
    assert result.parameters["tv_weight"] == (network.model.tv_weight if relative else 0)
    rough = losses.total_variation(network.to_blob(result.image)[0])[0]
    assert rough > 0.2 * losses.total_variation(network.to_blob(pair[0])[0])[0]
    asked = cs.transfer(*pair, network, tv_weight=0.01, **settings)
    assert asked.parameters["tv_weight"] == 0.01


def test_a_resumed_run_keeps_its_defaults(pair, network, tmp_path):
    """Another version may have had others."""
    path = tmp_path / "run.npz"
    old = {**SETTINGS, "normalisation": "mean"}
    given = {"tv_weight": 1e-5, "style_weight": 3.0}
    whole = cs.transfer(*pair, network, optimizer="device", **given, **old)
    cs.transfer(*pair, network, checkpoint=path, callback=stop_at(3), **given, **old)
    assert checkpoint_file.read_checkpoint(path).run["parameters"]["tv_weight"] == 1e-5
    going_on = cs.Checkpoint(path, resume=path)
    resumed = cs.transfer(*pair, network, checkpoint=going_on, **old)
    np.testing.assert_array_equal(resumed.image, whole.image)
