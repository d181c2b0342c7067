"""The L-BFGS of our own: against scipy's, against BFGS written out, on arrays and tensors, and resumed."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

from caffe_style.errors import OptionError
from caffe_style.optimise import lbfgs
from caffe_style.optimise.memory import Memory, Pair
from caffe_style.optimise.minimise import minimise


def rosenbrock(x):
    return rosen(x.ravel()), rosen_der(x.ravel()).reshape(x.shape)


def quadratic(n, condition):
    weights = np.logspace(0, math.log10(condition), n)
    centre = 30 * np.random.default_rng(0).standard_normal(n)
    return lambda x: (0.5 * np.sum(weights * (x - centre) ** 2), weights * (x - centre))


def begin(n, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, n)


PROBLEMS = {
    "rosenbrock, 60": (rosenbrock, 60, 400),
    "rosenbrock, 1000": (rosenbrock, 1000, 100),
    "quadratic, condition 100": (quadratic(3000, 1e2), 3000, 60),
    "quadratic, condition 10000": (quadratic(3000, 1e4), 3000, 300),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_reaches_the_loss_of_scipys(name):
    evaluate, n, iterations = PROBLEMS[name]
    scipys = minimise(evaluate, begin(n), iterations)
    ours = minimise(evaluate, begin(n), iterations, optimizer="device")
    fallen = scipys.history[0].loss - scipys.accepted[-1].loss
    assert ours.accepted[-1].loss <= scipys.accepted[-1].loss + 1e-3 * fallen
    assert len(ours.history) <= 1.1 * len(scipys.history)


def test_tensors_take_the_same_steps():
    torch = pytest.importorskip("torch")

    def evaluate(x):
        assert isinstance(x, torch.Tensor) and x.dtype == torch.float64
        loss, gradient = rosenbrock(x.numpy())
        return loss, torch.from_numpy(gradient)

    shape = (1, 3, 4, 5)
    tensor = torch.from_numpy(begin(60).reshape(shape)).float()
    seen = []
    on_tensors = minimise(
        evaluate, tensor, 40, optimizer="device", callback=lambda record, image: seen.append(image)
    )
    on_arrays = minimise(rosenbrock, tensor.numpy(), 40, optimizer="device")
    assert isinstance(on_tensors.image, np.ndarray) and on_tensors.image.dtype == np.float32
    np.testing.assert_allclose(on_tensors.image, on_arrays.image, atol=1e-6)
    assert isinstance(seen[0], torch.Tensor) and seen[0].shape == shape
    assert len(on_tensors.history) == len(on_arrays.history)


def test_scipy_takes_tensors_as_arrays():
    torch = pytest.importorskip("torch")
    start = begin(60)
    on_arrays = minimise(rosenbrock, start, 5)
    np.testing.assert_array_equal(
        minimise(rosenbrock, torch.from_numpy(start), 5).image, on_arrays.image
    )


def test_the_direction_is_bfgss_written_out():
    """The memory gives the product with the inverse Hessian that BFGS's updates make of its last steps."""
    random = np.random.default_rng(0)
    hessian = np.diag(np.arange(1.0, 7))
    steps = [random.standard_normal(6) for _ in range(9)]
    memory = Memory(4, steps[0])
    for step in steps:
        assert memory.add(Pair(step, hessian @ step))
    steps = steps[-4:]
    changes = [hessian @ step for step in steps]
    gradient = random.standard_normal(6)
    inverse = np.eye(6) * (steps[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
    for step, change in zip(steps, changes):
        rho = 1 / (step @ change)
        left = np.eye(6) - rho * np.outer(step, change)
        inverse = left @ inverse @ left.T + rho * np.outer(step, step)
    found = memory.direction(gradient)
    np.testing.assert_allclose(found, -inverse @ gradient, rtol=1e-11)
    assert not memory.add(Pair(steps[0], -changes[0]))
    np.testing.assert_array_equal(memory.direction(gradient), found)
    for pair, step, change in zip(memory.pairs, steps, changes):
        np.testing.assert_array_equal(pair, (step, change))
    again = Memory(4, gradient, None, memory.pairs, memory.first)
    np.testing.assert_array_equal(again.direction(gradient), found)


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 30.0, 1e4])
def test_line_search_ends_where_the_strong_wolfe_conditions_hold(first):
    asked = []

    def along(a):
        asked.append(a)
        return -a / (a**2 + 2), (a**2 - 2) / (a**2 + 2) ** 2  # Moré & Thuente 1994, function 1

    trial = lbfgs.line_search(along, 0.0, -0.5, first)
    assert trial.length == asked[-1] and trial[1:] == along(trial.length)
    assert trial.loss <= lbfgs.DECREASE * trial.length * -0.5
    assert abs(trial.slope) <= lbfgs.CURVATURE * 0.5


def test_line_search_withstands_what_is_no_number():
    def along(a):
        return ((a - 1) ** 2, 2 * (a - 1)) if a < 3 else (math.nan, math.nan)

    trial = lbfgs.line_search(along, 1.0, -2.0, 50.0)
    assert trial is not None and trial.length < 3


def test_line_search_gives_up_on_a_slope_that_is_wrong():
    assert lbfgs.line_search(lambda a: (a, -1.0), 0.0, -1.0, 1.0) is None


def test_the_cubic_finds_a_parabolas_minimum_from_either_side():
    trials = [lbfgs.Trial(a, (a - 1) ** 2, 2 * (a - 1)) for a in (0.0, 3.0)]
    assert lbfgs.between(*trials) == pytest.approx(1)
    assert lbfgs.between(*trials[::-1]) == pytest.approx(1)


def test_remembers_so_many_steps_of_positive_curvature():
    state = lbfgs.State(begin(60), math.sqrt(60))
    minimise(rosenbrock, state.point, 12, optimizer="device", corrections=5, state=state)
    assert len(state.pairs) == 5
    assert all(pair.step @ pair.change > 0 for pair in state.pairs)
    assert state.loss == rosenbrock(state.point)[0]
    np.testing.assert_array_equal(state.gradient, rosenbrock(state.point)[1])


def test_a_saved_state_goes_on_in_the_same_steps():
    saved = {}
    state = lbfgs.State(begin(60), math.sqrt(60))

    def save(record, image):
        np.testing.assert_array_equal(image, state.point)
        saved[record.iteration] = pickle.dumps(state)

    whole = minimise(rosenbrock, begin(60), 20, optimizer="device", callback=save, state=state)
    resumed = minimise(rosenbrock, begin(60), 13, optimizer="device", state=pickle.loads(saved[7]))
    np.testing.assert_array_equal(resumed.image, whole.image)
    assert [record.loss for record in resumed.accepted] == [
        record.loss for record in whole.accepted[7:]
    ]


def test_what_an_optimizer_cannot_do_is_refused():
    with pytest.raises(OptionError, match="bounds"):
        minimise(rosenbrock, begin(5), 1, optimizer="device", bounds=(0, 1))
    with pytest.raises(OptionError, match="state"):
        minimise(rosenbrock, begin(5), 1, state=lbfgs.State(begin(5), 1.0))
    with pytest.raises(OptionError, match="unknown optimizer 'adam'.*scipy, device"):
        minimise(rosenbrock, begin(5), 1, optimizer="adam")
