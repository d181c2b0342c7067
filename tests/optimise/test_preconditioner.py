"""The preconditioner: exact, symmetric, the same on tensors, and a change of variables for either L-BFGS."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.fft import dct
from scipy.optimize import rosen, rosen_der

from caffe_style.errors import OptionError
from caffe_style.optimise.evaluations import Run
from caffe_style.optimise.memory import Memory, Pair
from caffe_style.optimise.minimise import OPTIMIZERS, minimise
from caffe_style.optimise.preconditioner import Preconditioner
from caffe_style.optimise.variables import Variables

COLOURS = np.array([[1.2, 0.3, 0.1], [0.3, 0.8, 0.2], [0.1, 0.2, 0.5]])
SHAPES = [(4, 5), (7, 6), (1, 9)]


def smoothing(shape=(4, 5), colours=COLOURS, wrapped=False, coarse=False):
    return Preconditioner(shape, 0.7, 0.1, colours, wrapped, coarse)


def picture(shape=(4, 5), seed=0):
    return np.random.default_rng(seed).standard_normal((1, 3, *shape))


def matrix_of(function, count):
    """The matrix of a linear map of vectors of a length."""
    return np.array([function(unit).ravel() for unit in np.eye(count)]).T


def matrices(one, shape):
    """K, K^T and P as matrices."""
    n = 3 * shape[0] * shape[1]

    def on_pictures(function):
        return matrix_of(lambda unit: function(unit.reshape(1, 3, *shape)), n)

    gathered = on_pictures(one.gather)
    return matrix_of(one.spread, len(gathered)), gathered, on_pictures(one.whole)


def rosenbrock(x):
    return rosen(x.ravel()), rosen_der(x.ravel()).reshape(x.shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("colours", [None, COLOURS])
def test_gather_is_the_transpose_of_spread_and_the_whole_their_product(
    shape, colours, wrapped, coarse
):
    spread, gathered, whole = matrices(smoothing(shape, colours, wrapped, coarse), shape)
    np.testing.assert_allclose(gathered, spread.T, atol=1e-6)
    np.testing.assert_allclose(whole, spread @ spread.T, atol=2e-6)
    assert coarse or np.linalg.eigvalsh(whole).min() > 0


def smoothed(x, weights):
    """Cosine transform as a matrix, weights at each frequency."""
    down, across = (dct(np.eye(n), axis=0, norm="ortho") for n in x.shape[2:])
    return np.array([down.T @ (weights * (down @ one @ across.T)) @ across for one in x[0]])


def radius(shape):
    height, width = shape
    return np.hypot(np.arange(height)[:, None] / height, np.arange(width) / width)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_whole_is_its_formula_written_out(shape):
    """Colours at each pixel, and the squared weights at each frequency."""
    weights = (1 + (radius(shape) / 0.1) ** 2) ** (-0.7 / 2)
    x = picture(shape)
    wanted = np.einsum("ij,jhw->ihw", COLOURS @ COLOURS, smoothed(x, weights**2))
    np.testing.assert_allclose(smoothing(shape).whole(x)[0], wanted, atol=2e-6)


@pytest.mark.parametrize("wrapped", [False, True])
def test_coarse_colours_leave_out_fine_colours_only(wrapped):
    shape = (12, 16)
    fine, coarse = (smoothing(shape, wrapped=wrapped, coarse=flag).whole for flag in (False, True))
    x = picture(shape)
    grey = np.ones((1, 3, 1, 1))
    waves = np.cos(np.pi * (np.arange(16) + 0.5) * 14 / 16) * grey
    # Coarse in both directions: all colours are as before.
    slow = np.cos(np.pi * (np.arange(16) + 0.5) * 4 / 16) * np.ones((1, 3, 12, 1))
    slow = slow * np.array([1.0, -2.0, 0.5]).reshape(1, 3, 1, 1)
    np.testing.assert_allclose(coarse(slow), fine(slow), atol=1e-6)
    # A fine colour is left out, but brightness is not.
    waves = np.broadcast_to(waves, x.shape)
    assert np.abs(coarse(waves * np.array([1.0, 0.0, -1.0]).reshape(1, 3, 1, 1))).max() < 0.05
    assert np.abs(coarse(waves)).max() > 0.9 * np.abs(fine(waves)).max() > 0.05


@pytest.mark.parametrize("shape", [(4, 6), (7, 5)])
def test_coarse_colours_have_three_quarters_of_each_axis(shape):
    height, width = shape
    assert len(smoothing(shape).gather(picture(shape))) == 3 * height * width
    found = len(smoothing(shape, coarse=True).gather(picture(shape)))
    assert found == height * width + 2 * math.ceil(3 * height / 4) * math.ceil(3 * width / 4)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_wrapped_whole_is_its_formula_written_out(shape):
    """Fourier transform, squared weights at each frequency, colours at each pixel."""
    frequencies = np.meshgrid(*(2 * np.fft.fftfreq(edge) for edge in shape), indexing="ij")
    weights = (1 + (np.hypot(*frequencies) / 0.1) ** 2) ** (-0.7 / 2)
    x = picture(shape)
    smooth = np.fft.ifft2(weights**2 * np.fft.fft2(x[0])).real
    wanted = np.einsum("ij,jhw->ihw", COLOURS @ COLOURS, smooth)
    found = smoothing(shape, wrapped=True).whole
    np.testing.assert_allclose(found(x)[0], wanted, atol=2e-6)
    moved = [np.roll(part, (2, 1), (2, 3)) for part in (x, found(x))]
    np.testing.assert_allclose(found(moved[0]), moved[1], atol=2e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("colours", [None, COLOURS])
def test_tensors_are_mapped_as_arrays_are(shape, colours, wrapped, coarse):
    torch = pytest.importorskip("torch")
    one, x = smoothing(shape, colours, wrapped, coarse), picture(shape)
    found = one.whole(torch.from_numpy(x))
    assert isinstance(found, torch.Tensor) and found.is_contiguous()
    np.testing.assert_allclose(found.numpy(), one.whole(x), atol=2e-6)


@pytest.mark.parametrize("coarse", [False, True])
def test_the_variables_gradient_is_the_central_difference(coarse):
    start, one = picture(seed=1), smoothing(coarse=coarse)
    variables = Variables(Run(rosenbrock, start, None, None, None), one)
    random = np.random.default_rng(2)
    z, direction = random.standard_normal((2, variables.begin.size))
    # SciPy asks at the beginning first; that is answered from what is known.
    loss, gradient = variables.evaluate(variables.begin)
    assert loss == rosenbrock(start)[0]
    wanted = variables.scale * one.gather(rosenbrock(start)[1])
    np.testing.assert_allclose(gradient, wanted, rtol=1e-5, atol=1e-3)
    gradient = variables.evaluate(z)[1].copy()
    step = 3e-3
    above, below = (variables.evaluate(z + sign * step * direction)[0] for sign in (1, -1))
    assert (above - below) / (2 * step) == pytest.approx(direction @ gradient, rel=3e-4)


def test_the_direction_is_bfgss_written_out_from_the_whole():
    one, shape = smoothing(), (4, 5)
    whole, n = matrices(one, shape)[2], 60
    hessian = np.diag(np.arange(1.0, n + 1))
    steps = [picture(seed=seed) for seed in range(4)]
    changes = [(hessian @ step.ravel()).reshape(step.shape) for step in steps]
    gradient = picture(seed=9)
    s, y = steps[-1].ravel(), changes[-1].ravel()
    inverse = whole * (s @ y) / (y @ whole @ y)
    for step, change in zip(steps, changes):
        s, y = step.ravel(), change.ravel()
        left = np.eye(n) - np.outer(s, y) / (s @ y)
        inverse = left @ inverse @ left.T + np.outer(s, s) / (s @ y)
    found = Memory(4, gradient, one.whole, list(map(Pair, steps, changes))).direction(gradient)
    found = found.ravel()
    np.testing.assert_allclose(found, -inverse @ gradient.ravel(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("coarse", [False, True])
def test_the_direction_is_that_of_the_identity_in_the_variables(coarse):
    one = smoothing(coarse=coarse)
    steps, changes = ([picture(seed=seed + k) for k in range(3)] for seed in (0, 10))
    steps = [one.gather(step) for step in steps]
    changes = [change + 3 * one.spread(step) for step, change in zip(steps, changes)]
    gradient = picture(seed=9)
    slope = one.gather(gradient)
    seen = Memory(3, slope, None, [Pair(s, one.gather(y)) for s, y in zip(steps, changes)])
    moved = Memory(3, gradient, one.whole, [Pair(one.spread(s), y) for s, y in zip(steps, changes)])
    np.testing.assert_allclose(
        moved.direction(gradient),
        one.spread(seen.direction(slope)),
        rtol=1e-4,
        atol=1e-6,
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_either_optimizer_finds_the_minimum_from_the_start_itself(optimizer):
    points = []

    weights = np.linspace(0.1, 10, 60).reshape(1, 3, 4, 5)

    def evaluate(x):
        points.append(x.copy())
        return float(np.sum(weights * (x - 1) ** 2)), 2 * weights * (x - 1)

    start = picture(seed=1)
    result = minimise(
        evaluate, start, 500, optimizer=optimizer, corrections=20, preconditioner=smoothing()
    )
    np.testing.assert_allclose(result.image, 1, atol=1e-4)
    np.testing.assert_array_equal(points[0], start)
    assert len(points) == len(result.history)
    losses = [record.loss for record in result.accepted]
    assert all(after <= before for before, after in zip(losses, losses[1:]))
    assert [record.iteration for record in result.accepted] == list(range(len(losses)))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_first_step_changes_each_value_by_about_one(optimizer):
    shape, seen = (50, 60), []
    centre = 50 + picture(shape, 3)

    def evaluate(x):
        seen.append(x.copy())
        return np.sum((x - centre) ** 2), 2 * (x - centre)

    minimise(evaluate, 0 * centre, 1, optimizer=optimizer, preconditioner=smoothing(shape))
    assert 0.5 < np.sqrt(np.mean((seen[1] - seen[0]) ** 2)) < 2


def test_scipys_takes_fewer_evaluations_where_the_curvature_is_that_of_the_inverse():
    shape = (24, 20)
    one, other = Preconditioner(shape, 0.7, 0.05), Preconditioner(shape, -0.7, 0.05)
    target = 20 * picture(shape)

    def evaluate(x):
        gradient = other.whole(x - target)
        return 0.5 * float(np.vdot(x - target, gradient)), gradient

    start, least = np.zeros_like(target), {}
    for preconditioner in (None, one):
        result = minimise(evaluate, start, 12, preconditioner=preconditioner)
        least[preconditioner] = min(record.loss for record in result.history)
    assert least[one] < 1e-3 * least[None]


def test_zero_gradient_at_the_start_is_converged():
    for optimizer in OPTIMIZERS:
        result = minimise(
            lambda x: (float(np.sum(x**2)), 2 * x),
            np.zeros((1, 3, 4, 5)),
            5,
            optimizer=optimizer,
            preconditioner=smoothing(),
        )
        assert result.status == "converged" and result.iterations == 0


def test_bounds_with_a_preconditioner_are_refused():
    with pytest.raises(OptionError, match="bounds hold for pixels"):
        minimise(rosenbrock, picture(), 1, bounds=(0, 1), preconditioner=smoothing())
