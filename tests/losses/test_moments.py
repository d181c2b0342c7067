"""Mean and covariance, against their definition position by position."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.gradients import check_gradient
from helpers.losses_checks import check_conventions, maps

from caffe_style.losses import gram, moments, target_gram, target_moments


def test_the_value_is_that_of_the_definition():
    features, style = maps((4, 5, 6), 1), maps((4, 7, 3), 2)
    own, other = (values.reshape(4, -1) for values in (features, style))
    covariances = [np.cov(values, bias=True) for values in (own, other)]
    shift = own.mean(axis=1) - other.mean(axis=1)
    square = (other**2).mean()
    expected = ((covariances[0] - covariances[1]) ** 2).sum() / 64 + square * shift @ shift / 8
    assert moments(features, target_moments(style), 3.0)[0] == pytest.approx(3 * expected)


def test_the_gradient_is_a_central_difference():
    target = target_moments(maps((5, 6, 4), 2))
    check_gradient(lambda x: moments(x, target, 0.7), maps((5, 7, 9), 1))


def test_conventions():
    check_conventions(moments, target_moments, (5, 7, 9))


def test_a_flat_place_has_a_gradient_where_the_gram_loss_has_none():
    style, flat = maps((3, 6, 6), 2), np.zeros((3, 6, 6))
    assert not gram(flat, target_gram(style))[1].any()
    assert np.all(moments(flat, target_moments(style))[1] != 0)
