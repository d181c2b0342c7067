"""Nearest neighbours, against their definition place by place, and hypercolumns."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.gradients import check_gradient
from helpers.losses_checks import check_conventions, maps

from caffe_style.losses import (
    add_hypercolumns_gradient,
    make_hypercolumns,
    nearest,
    neighbours,
    target_neighbours,
)

SIZE = (5, 6)
FACTORS = (1.0, 0.3, 2.0)


def layers(seed):
    """Responses of three layers: finer than SIZE, equal to it, and coarser."""
    shapes = [(2, 13, 17), (4, *SIZE), (3, 2, 3)]
    return [maps(shape, seed + number) for number, shape in enumerate(shapes)]


def plain_nearest(features, style):
    """Each pair of places by itself."""
    own, other = (values.reshape(len(values), -1).T for values in (features, style))
    own, other = own - own.mean(axis=0), other - other.mean(axis=0)
    return [
        int(np.argmax([a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for b in other]))
        for a in own
    ]


def test_the_nearest_place_is_that_of_the_definition(monkeypatch):
    features, style = maps((4, 5, 6), 1), maps((4, 7, 3), 2)
    expected = plain_nearest(features, style)
    assert nearest(features, target_neighbours(style)).tolist() == expected
    assert len(set(expected)) > 5
    # In blocks of a few places.
    monkeypatch.setitem(nearest.__globals__, "SIMILARITIES", 50)
    assert nearest(features, target_neighbours(style)).tolist() == expected


def test_brightness_and_contrast_do_not_change_the_matches():
    features, style = maps((4, 5, 6), 1), maps((4, 7, 3), 2)
    shift = np.array([5.0, -1.0, 0.0, 2.0])[:, None, None]
    changed = nearest(3 * features + shift, target_neighbours(style))
    assert changed.tolist() == plain_nearest(features, style)


def test_the_value_is_that_of_the_definition():
    features, style = maps((4, 5, 6), 1), maps((4, 7, 3), 2)
    own, other = (values.reshape(4, -1).T for values in (features, style))
    squares = [
        ((a - other[match]) ** 2).sum() for a, match in zip(own, plain_nearest(features, style))
    ]
    value, _ = neighbours(features, target_neighbours(style), 3.0)
    assert value == pytest.approx(3 * sum(squares) / (2 * 30))


def test_the_gradient_is_a_central_difference_where_matches_are_fixed():
    features, target = maps((5, 7, 9), 1), target_neighbours(maps((5, 6, 4), 2))
    matches = np.random.default_rng(3).integers(0, 24, 63)
    check_gradient(lambda x: neighbours(x, target, 0.7, matches=matches), features)


def test_conventions():
    # Each layout finds the same matches.
    check_conventions(neighbours, target_neighbours, (5, 20, 37))


def test_a_flat_style_picture_has_places_but_no_directions():
    target = target_neighbours(np.full((3, 4, 4), 2.0))
    assert not target.directions.any() and (target.places == 2).all()
    assert nearest(maps((3, 2, 2)), target).tolist() == [0] * 4


def test_hypercolumns_of_constant_layers_are_constant():
    constant = [np.full((2, 13, 17), 3.0), np.full((1, 2, 3), 5.0)]
    columns = make_hypercolumns(constant, [1.0, 2.0], SIZE)
    np.testing.assert_allclose(columns, np.broadcast_to([[[3.0]], [[3.0]], [[10.0]]], (3, *SIZE)))


def test_a_layer_of_the_same_size_is_unchanged():
    features = maps((4, *SIZE), 1)
    np.testing.assert_allclose(make_hypercolumns([features], [0.5], SIZE), 0.5 * features)


def test_a_finer_layer_is_averaged():
    features = maps((2, 10, 12), 1)
    ramp = make_hypercolumns([features], [1.0], SIZE)
    # Inside, a place is a weighted mean of the 4 x 4 responses around it.
    weights = np.array([1, 3, 3, 1]) / 8
    around = features[:, 3:7, 5:9]
    np.testing.assert_allclose(ramp[:, 2, 3], weights @ around @ weights)


def test_the_gradient_of_hypercolumns_is_the_transpose():
    given, slope = layers(1), maps((9, *SIZE), 8)
    gradients = [np.zeros_like(values) for values in given]
    add_hypercolumns_gradient(gradients, slope, FACTORS)
    along = layers(20)
    expected = (make_hypercolumns(along, FACTORS, SIZE) * slope).sum()
    found = sum((gradient * part).sum() for gradient, part in zip(gradients, along))
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("layout", ["caffe", "channels_last"])
def test_hypercolumns_on_tensors_and_in_both_layouts(layout):
    torch = pytest.importorskip("torch")
    given = [maps(values.shape, 1, layout, np.float32) for values in layers(1)]
    expected = make_hypercolumns([values.astype(np.float64) for values in given], FACTORS, SIZE)
    slope = maps((9, *SIZE), 8, dtype=np.float32)
    gradients = [np.zeros_like(values) for values in given]
    add_hypercolumns_gradient(gradients, slope, FACTORS)
    tensors = [torch.from_numpy(values) for values in given]
    columns = make_hypercolumns(tensors, FACTORS, SIZE)
    for found in (make_hypercolumns(given, FACTORS, SIZE), columns.numpy()):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-5)
    placed = [torch.zeros_like(values) for values in tensors]
    add_hypercolumns_gradient(placed, torch.from_numpy(slope), FACTORS)
    for found, wanted in zip(placed, gradients):
        np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)
