"""Spatial losses: the fast forms against scipy.signal, direct sums and central differences."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.gradients import check_gradient
from helpers.losses_checks import check_conventions, maps
from scipy.signal import convolve

from caffe_style import losses
from caffe_style.losses import fourier

SIZES = [(3, 6, 5), (9, 7, 8), (2, 1, 4), (17, 12, 9)]


@pytest.mark.parametrize("shape", SIZES)
def test_spatial_is_what_scipy_signal_defines(shape):
    features, style = maps(shape, 1), maps(shape, 2)
    fast = losses.spatial(features, losses.target_spatial(style), 2.0)
    plain = losses.spatial_plain(features, losses.target_spatial_plain(style), 2.0)
    assert fast[0] == pytest.approx(plain[0], rel=1e-11)
    np.testing.assert_allclose(fast[1], plain[1], atol=1e-12 * np.abs(plain[1]).max())


def test_spatial_by_the_sum_of_the_paper():
    features, style = maps((3, 6, 5), 1), maps((3, 6, 5), 2)
    expected = sum(
        np.sum((convolve(f, f, method="direct") - convolve(p, p, method="direct")) ** 2)
        for f, p in zip(features, style)
    ) / (4 * 3**2 * 30**2)
    value, _ = losses.spatial_plain(features, losses.target_spatial_plain(style))
    assert value == pytest.approx(expected)


@pytest.mark.parametrize("shape", SIZES)
def test_spatial_pairs_is_the_direct_sum_over_pairs(shape):
    features, style = maps(shape, 1), maps(shape, 2)
    count, height, width = shape
    expected = sum(
        np.sum((convolve(features[i], features[j]) - convolve(style[i], style[j])) ** 2)
        for i in range(count)
        for j in range(count)
    ) / (4 * count**2 * (height * width) ** 2)
    value, _ = losses.spatial_pairs(features, losses.target_spatial_pairs(style))
    assert value == pytest.approx(expected, rel=1e-10)


def test_one_feature_map_has_one_pair():
    features, style = maps((1, 6, 5), 1), maps((1, 6, 5), 2)
    pairs = losses.spatial_pairs(features, losses.target_spatial_pairs(style))
    single = losses.spatial(features, losses.target_spatial(style))
    assert pairs[0] == pytest.approx(single[0])
    np.testing.assert_allclose(pairs[1], single[1], atol=1e-12)


def test_spatial_sees_the_arrangement_where_gram_does_not():
    features = maps((4, 6, 5), 1)
    shuffled = np.random.default_rng(0).permutation(features.reshape(4, -1), axis=1)
    shuffled = shuffled.reshape(features.shape)
    assert losses.gram(shuffled, losses.target_gram(features))[0] < 1e-20
    assert losses.spatial(shuffled, losses.target_spatial(features))[0] > 1e-3


CASES = {
    "spatial": (losses.spatial, losses.target_spatial),
    "spatial_plain": (losses.spatial_plain, losses.target_spatial_plain),
    "spatial_pairs": (losses.spatial_pairs, losses.target_spatial_pairs),
}


@pytest.mark.parametrize("shape", [(3, 6, 5), (9, 7, 8)])
@pytest.mark.parametrize("name", CASES)
def test_gradients(name, shape):
    loss, make_target = CASES[name]
    target = make_target(maps(shape, 2))
    check_gradient(lambda f: loss(f, target, 3.0), maps(shape, 1))


@pytest.mark.parametrize("name", CASES)
def test_conventions(name):
    loss, make_target = CASES[name]
    check_conventions(loss, make_target, (10, 22, 31))


def test_pairs_near_the_target_do_not_drown_in_rounding():
    style = maps((6, 20, 20), 2) + 5
    features = style + 1e-3 * maps((6, 20, 20), 1)
    exact = losses.spatial_pairs(features, losses.target_spatial_pairs(style))[0]
    low = style.astype(np.float32)
    value, _ = losses.spatial_pairs(features.astype(np.float32), losses.target_spatial_pairs(low))
    assert value == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("shape", [(8, 9), (9, 8), (1, 1), (6, 1)])
def test_energy_is_parsevals(shape):
    signal = maps((2, *shape))
    spectra = fourier.transform(signal, shape)
    assert fourier.energy(np.abs(spectra) ** 2, shape) == pytest.approx(np.sum(signal**2))
