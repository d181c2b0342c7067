"""Losses are written once: on PyTorch's tensors they give what they give on numpy's arrays."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.gradients import check_gradient
from helpers.losses_checks import maps

from caffe_style import losses
from caffe_style.backends import arrays, numbers

torch = pytest.importorskip("torch")

SHAPE = (6, 20, 37)
GUIDES = np.random.default_rng(3).uniform(0, 2, (3, *SHAPE[1:]))
CASES = {
    "activation": (losses.activation, lambda style: 2),
    "total_variation": (losses.total_variation, lambda style: None),
    "seamless_variation": (losses.total_variation, lambda style: True),
    "content": (losses.content, losses.target_content),
    **{
        name: (style.loss, style.make_target)
        for name, style in losses.STYLE_LOSSES.items()
        # Rounding changes the ranks of nearly equal projections: see test_wasserstein, and test_chained.
        if not (style.is_random or style.of_pairs)
    },
    "covariation": (
        losses.covariation,
        lambda style: losses.target_covariation(
            style, GUIDES.astype(style.dtype), 2 - GUIDES.astype(style.dtype)
        ),
    ),
}


@pytest.mark.parametrize("layout", ["caffe", "channels_last"])
@pytest.mark.parametrize("name", CASES)
def test_tensors_give_what_arrays_give(name, layout):
    loss, make_target = CASES[name]
    features, style = (maps(SHAPE, seed, layout, np.float32) for seed in (1, 2))
    target = make_target(style)
    value, gradient = loss(features, target, 0.7)
    tensor = torch.from_numpy(features)
    before = tensor.clone()
    placed = arrays.beside(target, tensor)
    tensor_value, tensor_gradient = loss(tensor, placed, 0.7)
    assert numbers.floats({name: tensor_value})[name] == pytest.approx(value, rel=1e-5)
    assert tensor_gradient.dtype == torch.float32
    assert tensor_gradient.stride() == tensor.stride()
    scale = np.abs(gradient).max()
    np.testing.assert_allclose(tensor_gradient.numpy(), gradient, atol=5e-5 * scale)
    total = torch.ones_like(tensor)
    assert loss(tensor, placed, 0.7, total)[1] is total
    np.testing.assert_allclose(total.numpy() - 1, gradient, atol=5e-5 * scale + 1e-6)
    assert torch.equal(tensor, before)


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_on_tensors_is_a_central_difference(name):
    loss, make_target = CASES[name]
    features = torch.from_numpy(maps(SHAPE, 1))
    target = arrays.beside(make_target(maps(SHAPE, 2)), features)
    direction = torch.from_numpy(np.random.default_rng(9).standard_normal(SHAPE))
    check_gradient(lambda x: loss(x, target, 3.0), features, direction, tolerance=1e-6)


@pytest.mark.parametrize("name", [name for name in CASES if name != "covariation"])
def test_targets_of_tensors_are_those_of_arrays(name):
    make_target = CASES[name][1]
    style = maps(SHAPE, 2, "channels_last", np.float32)
    expected, target = make_target(style), make_target(torch.from_numpy(style))
    if not hasattr(expected, "dtype") and not isinstance(expected, tuple):
        assert target == expected
        return
    pairs = zip(expected, target) if isinstance(expected, tuple) else [(expected, target)]
    for plain, tensor in pairs:
        np.testing.assert_allclose(tensor.numpy(), plain, atol=1e-5 * np.abs(plain).max())


@pytest.mark.parametrize("size", [(6, 5), (40, 20)])
def test_covariation_through_its_own_guides(size):
    content, features, style = maps((7, 12, 10), 5), maps((4, *size), 1), maps((4, *size), 2)
    basis = losses.guide_basis(content, 3)
    target = losses.target_covariation(style, losses.make_guides(content, basis, size))

    def evaluate(content, features):
        near = arrays.beside(basis, content)
        guides = losses.make_guides(content, near, size)
        slope, through = arrays.zeros_like(guides), arrays.zeros_like(content)
        beside = arrays.beside(target, content)
        value, gradient = losses.covariation(features, beside, 2.0, None, guides, slope)
        losses.add_guides_gradient(through, slope, near)
        return value, gradient, through

    expected = evaluate(content, features)
    found = evaluate(torch.from_numpy(content), torch.from_numpy(features))
    assert found[0] == pytest.approx(expected[0])
    for ours, theirs in zip(found[1:], expected[1:]):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-12 * np.abs(theirs).max())


def test_windowed_does_not_depend_on_its_tiles(monkeypatch):
    import sys

    features, style = torch.from_numpy(maps((3, 37, 21), 1)), torch.from_numpy(maps((3, 37, 21), 2))
    whole = losses.windowed(features, style)
    monkeypatch.setattr(sys.modules["caffe_style.losses.windowed"], "DEVICE_TILE", 5)
    small = losses.windowed(features, style)
    assert small[0] == pytest.approx(whole[0])
    np.testing.assert_allclose(small[1], whole[1], atol=1e-15)


def test_beside_moves_arrays_and_leaves_what_is_none():
    tensor = torch.zeros(2)
    target = losses.CovariationTarget(np.ones((1, 2, 2)), None)
    placed = arrays.beside(target, tensor)
    assert isinstance(placed, losses.CovariationTarget) and placed.guides is None
    assert isinstance(placed.grams, torch.Tensor) and placed.grams.dtype == torch.float64
    assert arrays.beside(placed, tensor).grams is placed.grams
    assert isinstance(arrays.beside(placed, np.zeros(1)).grams, np.ndarray)
    assert arrays.beside(None, tensor) is None and arrays.beside(3, tensor) == 3
