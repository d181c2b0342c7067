"""The sliced Wasserstein distance, against plain sorting, and its gradient."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.gradients import check_gradient
from helpers.losses_checks import check_conventions, maps

from caffe_style.backends import arrays
from caffe_style.losses import redrawn_wasserstein, target_wasserstein, wasserstein

#: Ranks do not change within so small a step.
STEP = 1e-8


def test_it_compares_sorted_projections():
    features, style = maps((20, 6, 7), 1), maps((20, 7, 6), 2)
    target = target_wasserstein(style)
    v = target.directions
    np.testing.assert_allclose(v @ v.T, np.eye(20), atol=1e-12)
    found, wanted = (np.sort(v @ x.reshape(20, -1)) for x in (features, style))
    expected = ((found - wanted) ** 2).mean() / 2
    assert wasserstein(features, target, 3.0)[0] == pytest.approx(3 * expected)


def test_other_sizes_are_compared_by_interpolated_quantiles():
    features, style = maps((4, 5, 8), 1), maps((4, 3, 5), 2)
    target = target_wasserstein(style)
    found, wanted = (np.sort(target.directions @ x.reshape(4, -1)) for x in (features, style))
    places = ((np.arange(n) + 0.5) / n for n in (40, 15))
    new, old = places
    wanted = np.stack([np.interp(new, old, row) for row in wanted])
    expected = ((found - wanted) ** 2).mean() / 2
    assert wasserstein(features, target)[0] == pytest.approx(expected)
    # A picture in another arrangement, or each place repeated, has the same distribution.
    assert wasserstein(style[:, ::-1].copy(), target)[0] == pytest.approx(0, abs=1e-12)
    assert wasserstein(style.repeat(2, axis=1), target)[0] < 0.1 * expected


@pytest.mark.parametrize("size", [(7, 9), (6, 4), (1, 1)])
def test_gradient(size):
    target = target_wasserstein(maps((5, *size), 2))
    check_gradient(
        lambda x: wasserstein(x, target, 0.7), maps((5, 7, 9), 1), step=STEP, tolerance=1e-5
    )


def test_conventions():
    check_conventions(wasserstein, target_wasserstein, (5, 7, 9))


def test_other_directions_see_what_one_draw_does_not():
    """Two clouds with equal projections on both axes: only other directions tell them apart."""
    square = np.array([[-1.0, -1.0, 1.0, 1.0], [-1.0, 1.0, -1.0, 1.0]])[:, np.newaxis]
    line = np.array([[-1.0, -1.0, 1.0, 1.0], [-1.0, -1.0, 1.0, 1.0]])[:, np.newaxis]
    target = target_wasserstein(line)._replace(directions=np.eye(2), quantiles=np.sort(line[:, 0]))
    assert wasserstein(square, target)[0] == 0
    drawn = redrawn_wasserstein(target, np.random.default_rng(1))
    assert wasserstein(square, drawn)[0] > 0.01
    again = redrawn_wasserstein(drawn, np.random.default_rng(1))
    np.testing.assert_array_equal(again.directions, drawn.directions)


@pytest.mark.parametrize("layout", ["caffe", "channels_last"])
@pytest.mark.parametrize("size", [(7, 9), (6, 5)])
def test_tensors(layout, size):
    torch = pytest.importorskip("torch")
    features, style = maps((20, 7, 9), 1, layout, np.float32), maps((20, *size), 2, layout)
    style = style.astype(np.float32)
    target = target_wasserstein(style)
    of_tensor = target_wasserstein(torch.from_numpy(style))
    for plain, tensor in zip(target, of_tensor):
        np.testing.assert_allclose(tensor.numpy(), plain, atol=1e-5)
    value, gradient = wasserstein(features, target, 0.7)
    tensor = torch.from_numpy(features)
    for placed in (of_tensor, arrays.beside(target, tensor)):
        found, slope = wasserstein(tensor, placed, 0.7)
        assert found == pytest.approx(value, rel=1e-5)
        assert slope.stride() == tensor.stride()
        # A few nearly equal projections may change their ranks.
        error = np.linalg.norm(slope.numpy() - gradient) / np.linalg.norm(gradient)
        assert error < 1e-2
