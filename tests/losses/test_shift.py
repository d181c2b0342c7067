"""Gram matrices of shifted responses, against a shifted copy."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.gradients import check_gradient
from helpers.losses_checks import check_conventions, maps

from caffe_style.backends import arrays
from caffe_style.losses import covariation, gram, target_covariation, target_gram

SHIFT = -0.4
GUIDES = np.random.default_rng(3).uniform(0, 2, (3, 7, 9))


def make_target(style, guides=None):
    """The target of shifted Gram matrices, one for each guide."""
    guides = None if guides is None else guides.astype(style.dtype)
    return target_covariation(style, guides, guides, shift=SHIFT)


def test_it_is_the_gram_loss_of_a_shifted_copy():
    features, style = maps((5, 7, 9), 1), maps((5, 6, 4), 2)
    value, gradient = covariation(features, make_target(style), 0.7)
    expected, slope = gram(features + SHIFT, target_gram(style + SHIFT), 0.7)
    assert value == pytest.approx(expected)
    np.testing.assert_allclose(gradient, slope, atol=1e-12)


def test_with_guides():
    features, style = maps((5, 7, 9), 1), maps((5, 7, 9), 2)
    value, gradient = covariation(features, make_target(style, GUIDES), 0.7)
    plain = target_covariation(style + SHIFT, GUIDES, GUIDES)
    expected, slope = covariation(features + SHIFT, plain, 0.7)
    assert value == pytest.approx(expected)
    np.testing.assert_allclose(gradient, slope, atol=1e-12)


@pytest.mark.parametrize("guides", [None, GUIDES])
def test_gradient_and_conventions(guides):
    target = make_target(maps((5, 7, 9), 2), guides)
    check_gradient(lambda x: covariation(x, target, 0.7), maps((5, 7, 9), 1))
    check_conventions(covariation, lambda style: make_target(style, guides), (5, 7, 9))


@pytest.mark.parametrize("guides", [None, GUIDES])
def test_tensors(guides):
    torch = pytest.importorskip("torch")
    features, style = (maps((5, 7, 9), seed, dtype=np.float32) for seed in (1, 2))
    target = make_target(style, guides)
    value, gradient = covariation(features, target, 0.7)
    tensor = torch.from_numpy(features)
    found, slope = covariation(tensor, arrays.beside(target, tensor), 0.7)
    assert found == pytest.approx(value, rel=1e-4)
    np.testing.assert_allclose(slope.numpy(), gradient, atol=1e-4 * np.abs(gradient).max())
