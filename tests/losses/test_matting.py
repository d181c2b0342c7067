"""The matting Laplacian, against its definition as a matrix."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.gradients import check_gradient
from helpers.losses_checks import check_conventions

from caffe_style.losses import matting, target_matting


def photograph(shape=(9, 11), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype(np.uint8)


def laplacian(picture, epsilon):
    """L of Levin et al., eq. 12, window by window."""
    height, width = picture.shape[:2]
    colors = (picture / 255.0).reshape(-1, 3)
    matrix = np.zeros((height * width,) * 2)
    for y in range(height - 2):
        for x in range(width - 2):
            window = [(y + a) * width + x + b for a in range(3) for b in range(3)]
            apart = colors[window] - colors[window].mean(axis=0)
            covariance = apart.T @ apart / 9 + epsilon / 9 * np.eye(3)
            affinity = (1 + apart @ np.linalg.inv(covariance) @ apart.T) / 9
            matrix[np.ix_(window, window)] += np.eye(9) - affinity
    return matrix


@pytest.mark.parametrize("shape", [(3, 3), (9, 11), (40, 5)])
@pytest.mark.parametrize("epsilon", [1e-7, 1e-2])
def test_value_and_gradient_are_those_of_the_matrix(shape, epsilon):
    picture = photograph(shape)
    matrix = laplacian(picture, epsilon)
    painted = np.random.default_rng(1).random((3, *shape))
    target = target_matting(picture, epsilon)
    value, gradient = matting(painted, target, 0.5)
    columns = painted.reshape(3, -1)
    assert value == pytest.approx(0.5 * sum(v @ matrix @ v for v in columns), rel=1e-5)
    np.testing.assert_allclose(
        gradient.reshape(3, -1), columns @ matrix, atol=1e-5 * np.abs(gradient).max()
    )
    assert target.trace == pytest.approx(np.trace(matrix), rel=1e-5)


def test_gradient_is_the_central_difference():
    target = target_matting(photograph())
    painted = np.random.default_rng(1).random((3, 9, 11))
    check_gradient(lambda picture: matting(picture, target, 0.7), painted)


def test_conventions():
    check_conventions(matting, lambda _: target_matting(photograph()), (3, 9, 11))


def test_other_colours_cost_little_and_other_edges_much():
    """A flat photograph recoloured by an affine function is free but for epsilon; a new line in it is not."""
    picture = np.full((20, 20, 3), 60, np.uint8)
    picture[:, 10:] = 200
    target = target_matting(picture)
    recoloured = 255.0 - 0.5 * picture.transpose(2, 0, 1)
    free = matting(recoloured, target)[0]
    recoloured[:, 5] = 0
    assert free < 1e-4 * matting(recoloured, target)[0]


def test_on_tensors():
    torch = pytest.importorskip("torch")
    target = target_matting(photograph())
    painted = np.random.default_rng(1).random((3, 9, 11)).astype(np.float32)
    value, gradient = matting(painted, target)
    on_device = type(target)(torch.from_numpy(target.affinities))
    found, slope = matting(torch.from_numpy(painted), on_device)
    assert found == pytest.approx(value, rel=1e-5) and on_device.trace == pytest.approx(
        target.trace
    )
    np.testing.assert_allclose(slope.numpy(), gradient, atol=1e-5 * np.abs(gradient).max())
