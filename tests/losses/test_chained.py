"""Correlations of neighbouring layers, against the plain formula, and their gradient."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.losses_checks import maps

from caffe_style.backends import arrays, numbers
from caffe_style.losses import chained, target_chained
from caffe_style.losses.resampling import resampling

SHAPES = [((5, 7, 9), (3, 4, 5)), ((5, 7, 9), (3, 7, 9)), ((5, 8, 6), (3, 4, 3))]
SHIFTS = [(0.0, 0.0), (-0.4, -0.7)]


def layers(shapes, seed=0, **how):
    return tuple(maps(shape, seed + number, **how) for number, shape in enumerate(shapes))


def enlarged(deep, size):
    """The deeper layer's responses at the size of the shallower one's."""
    down, across = resampling(deep, size)
    return np.einsum("Hh,nhw,Ww->nHW", down, deep, across)


def correlations(shallow, deep, shifts):
    """The mean product of the two, as the formula says."""
    products = (shallow + shifts[0])[:, None] * (enlarged(deep, shallow.shape[1:]) + shifts[1])
    return products.mean((2, 3))


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("shifts", SHIFTS)
def test_value(shapes, shifts):
    features, style = layers(shapes), layers([(5, 10, 12), (3, 5, 6)], 7)
    target = target_chained(style, shifts)
    wanted = correlations(*style, shifts)
    np.testing.assert_allclose(target.correlations, wanted)
    expected = ((correlations(*features, shifts) - wanted) ** 2).mean() / 4
    assert chained(features, target, 3.0)[0] == pytest.approx(3 * expected)


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("shifts", SHIFTS)
def test_gradient(shapes, shifts):
    target, features = target_chained(layers(shapes, 7), shifts), layers(shapes)
    directions = [np.random.default_rng(9).standard_normal(shape) for shape in shapes]
    predicted = sum((g * d).sum() for g, d in zip(chained(features, target)[1], directions))
    step = 1e-5
    above, below = (
        chained(tuple(f + side * d for f, d in zip(features, directions)), target)[0]
        for side in (step, -step)
    )
    assert predicted == pytest.approx((above - below) / (2 * step), rel=1e-7)


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("layout", ["caffe", "channels_last"])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_layouts_and_tensors(shapes, layout, library):
    expected, slopes = chained(layers(shapes), target_chained(layers(shapes, 7), SHIFTS[1]))
    features, style = (layers(shapes, seed, layout=layout, dtype=np.float32) for seed in (0, 7))
    if library == "torch":
        torch = pytest.importorskip("torch")
        features, style = (tuple(map(torch.from_numpy, each)) for each in (features, style))
    target = target_chained(style, SHIFTS[1])
    gradients = tuple(map(arrays.zeros_like, features))
    for gradient in gradients:
        gradient[...] = 1
    value, found = chained(features, target, 1.0, gradients)
    assert numbers.floats({"": value})[""] == pytest.approx(expected, rel=1e-4)
    assert found is gradients
    for gradient, slope in zip(gradients, slopes):
        difference = arrays.to_numpy(gradient) - 1 - slope
        assert np.abs(difference).max() < 1e-4 * np.abs(slope).max() + 1e-6
