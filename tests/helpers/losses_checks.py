"""What every loss must do: its calling convention, in both memory layouts."""

from __future__ import annotations

import numpy as np
import pytest


def maps(shape, seed=0, layout="caffe", dtype=np.float64):
    """Random responses (N, H, W), rectified as after a ReLU."""
    values = np.random.default_rng(seed).standard_normal(shape).clip(-0.3, None).astype(dtype)
    if layout == "channels_last":
        return np.ascontiguousarray(values.transpose(1, 2, 0)).transpose(2, 0, 1)
    return values


def check_conventions(loss, make_target, shape, tolerance=2e-4):
    """float32 in both layouts agrees with float64; gradients are added in place; input is left alone."""
    features, style = maps(shape, 1), maps(shape, 2)
    value, gradient = loss(features, make_target(style), 0.7)
    assert isinstance(value, float)
    scale = np.abs(gradient).max()
    for layout in ("caffe", "channels_last"):
        low = maps(shape, 1, layout, np.float32)
        before = low.copy()
        target = make_target(maps(shape, 2, layout, np.float32))
        low_value, fresh = loss(low, target, 0.7)
        assert low_value == pytest.approx(value, rel=tolerance)
        assert fresh.dtype == np.float32 and fresh.strides == low.strides
        np.testing.assert_allclose(fresh, gradient, atol=tolerance * scale)
        total = np.ones_like(low)
        added_value, added = loss(low, target, 0.7, total)
        assert added is total and added_value == low_value
        # What one adds to sets how finely the sum is rounded.
        np.testing.assert_allclose(total - 1, gradient, atol=tolerance * scale + 1e-6)
        np.testing.assert_array_equal(low, before)


def check_gaps(loss, make_target, shape):
    """The loss of maps inside a margin, and its gradient, added in place, are those of copies without gaps."""
    channels, height, width = shape
    around = (channels, height + 4, width + 5)
    own = (slice(None), slice(1, -3), slice(3, -2))
    for dtype in (np.float64, np.float32):
        for layout in ("caffe", "channels_last"):
            features = maps(around, 1, layout, dtype)
            target = make_target(maps(shape, 2, layout, dtype))
            whole = np.ones_like(features)
            value, gradient = loss(features[own], target, 0.7, whole[own])
            expected, slope = loss(features[own].copy(order="K"), target, 0.7)
            assert value == pytest.approx(expected, rel=1e-5)
            scale = np.abs(slope).max()
            np.testing.assert_allclose(whole[own] - 1, slope, atol=1e-5 * scale + 1e-6)
            whole[own] = 1
            np.testing.assert_array_equal(whole, 1)
