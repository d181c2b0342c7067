"""Losses that take responses with gaps in memory: those of a picture inside a margin."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.losses_checks import check_gaps

from caffe_style import losses
from caffe_style.backends import arrays, maps
from caffe_style.scene.targets import CONTENT
from caffe_style.settings.style_losses import STYLE_LOSSES

SHAPE = (6, 20, 37)
ROWS = {row.name: row for row in [*STYLE_LOSSES.values(), CONTENT] if row.takes_gaps}


@pytest.fixture(params=["kernels", "numpy"], autouse=True)
def kernels(request, monkeypatch):
    """With the native kernels, where they were built, and without."""
    if request.param == "numpy":
        monkeypatch.setattr(arrays.native, "available", False)
    elif not arrays.native.available:
        pytest.skip("the native kernels are not built")


def guides():
    """Two guides of which one is 0 in places, and partial in others."""
    first = np.clip(np.linspace(-0.5, 1.5, SHAPE[1] * SHAPE[2]), 0, 1).reshape(1, *SHAPE[1:])
    return np.concatenate([first, 1 - first])


@pytest.mark.parametrize("name", ROWS)
def test_gaps_change_nothing(name):
    row = ROWS[name]

    def make_target(style):
        if not row.needs_guides:
            return row.make_target(style)
        both = guides().astype(style.dtype)
        return row.make_target(style, both, both)

    check_gaps(row.loss, make_target, SHAPE)


@pytest.mark.parametrize("guided", [False, True])
def test_shifted_responses_may_have_gaps(guided):
    def make_target(style):
        both = guides().astype(style.dtype) if guided else None
        return losses.target_covariation(style, both, both, shift=-0.2)

    check_gaps(losses.covariation, make_target, SHAPE)


def test_the_gradient_alone_may_have_gaps():
    features = np.random.default_rng(0).standard_normal((20, 37, 6)).astype(np.float32)
    features = features.transpose(2, 0, 1)
    matrix = np.random.default_rng(1).standard_normal((6, 6)).astype(np.float32)
    whole = np.zeros((20, 40, 6), np.float32).transpose(2, 0, 1)
    maps.add_product(whole[:, :, 1:38], matrix, features, 0.5)
    expected = 0.5 * np.einsum("ij,jhw->ihw", matrix.astype(float), features)
    np.testing.assert_allclose(whole[:, :, 1:38], expected, atol=1e-5)
    assert not whole[:, :, 0].any() and not whole[:, :, 38:].any()


def test_bands_cover_the_rows_once():
    features = np.zeros((3, 17, 5))
    rows = np.concatenate([np.arange(17)[band] for band in maps.bands(features, 40)])
    assert rows.tolist() == list(range(17))
    assert list(maps.bands(np.zeros((3, 2, 5)), 1)) == [slice(0, 1), slice(1, 2)]
