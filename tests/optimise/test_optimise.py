"""The optimiser: descent, its record, resampled objectives, and every way to end."""

from __future__ import annotations

import functools
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers.callbacks import stop_at
from scipy.optimize import minimize, rosen, rosen_der

from caffe_style.engine import native
from caffe_style.errors import OptionError
from caffe_style.optimise import minimise as optimise
from caffe_style.optimise.minimise import DivergedError

SHAPE = (1, 3, 4, 5)


@pytest.fixture(params=optimise.OPTIMIZERS)
def minimise(request):
    return functools.partial(optimise.minimise, optimizer=request.param)


def rosenbrock(x):
    return rosen(x.ravel()), rosen_der(x.ravel()).reshape(x.shape)


def quadratic(centre):
    weights = np.linspace(0.1, 10, centre.size).reshape(centre.shape)

    def evaluate(x):
        parts = weights * (x - centre) ** 2
        terms = {"first": parts[:, 0].sum(), "rest": parts[:, 1:].sum()}
        return parts.sum(), 2 * weights * (x - centre), terms

    return evaluate


def start(seed=0, dtype=np.float32):
    return np.random.default_rng(seed).uniform(-1, 1, SHAPE).astype(dtype)


def test_finds_the_minimum(minimise):
    result = minimise(rosenbrock, start(dtype=np.float64), 500, corrections=20)
    np.testing.assert_allclose(result.image, 1, atol=1e-5)
    assert result.status in ("finished", "converged", "stuck")


def test_accepted_losses_fall_and_belong_to_the_points_shown(minimise):
    seen = []
    result = minimise(
        rosenbrock,
        start(),
        30,
        callback=lambda record, image: seen.append((record, rosenbrock(image)[0])),
    )
    losses = [record.loss for record in result.accepted]
    assert all(after < before for before, after in zip(losses, losses[1:]))
    assert [record.loss for record, _ in seen] == losses[1:]
    assert all(record.loss == loss for record, loss in seen)
    assert [record.iteration for record in result.accepted] == list(range(31))
    assert result.iterations == 30 and result.status == "finished"
    assert len(result.history) > 31  # this function needs some steps tried twice
    times = [record.seconds for record in result.history]
    assert times == sorted(times)


def test_it_is_scipys_l_bfgs_in_units_of_the_first_step():
    """Sixty values, each to change by about one: a first step of length 8, the nearest power of two."""
    begin = start(dtype=np.float64)
    ours = optimise.minimise(rosenbrock, begin, 15, corrections=7)
    scipys = minimize(
        lambda x: (rosen(8 * x), 8 * rosen_der(8 * x)),
        begin.ravel() / 8,
        jac=True,
        method="L-BFGS-B",
        options={"maxcor": 7, "maxiter": 15, "ftol": 0, "gtol": 0},
    )
    np.testing.assert_array_equal(ours.image.ravel(), 8 * scipys.x)
    assert len(ours.history) == scipys.nfev


def test_result_has_the_type_and_layout_of_the_start(minimise):
    begin = np.ascontiguousarray(start().transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    kept = begin.copy()
    shapes = set()

    def evaluate(x):
        shapes.add((x.shape, x.dtype))
        return quadratic(np.full(SHAPE, 3.0))(x)

    result = minimise(evaluate, begin, 60)
    assert shapes == {(SHAPE, np.dtype(np.float64))}
    assert result.image.shape == SHAPE and result.image.dtype == np.float32
    np.testing.assert_allclose(result.image, 3, atol=1e-4)
    np.testing.assert_array_equal(begin, kept)


def test_gradient_buffer_may_be_reused(minimise):
    """A net hands out a view of its diff, which the next evaluation overwrites."""
    buffer = np.empty(SHAPE)

    def evaluate(x):
        loss, buffer[...] = rosenbrock(x)
        return loss, buffer

    fresh = minimise(rosenbrock, start(), 25)
    reused = minimise(evaluate, start(), 25)
    np.testing.assert_array_equal(reused.image, fresh.image)


def test_terms_are_recorded_by_name(minimise):
    result = minimise(quadratic(np.zeros(SHAPE)), start(), 3)
    for record in result.history:
        assert record.terms["first"] + record.terms["rest"] == pytest.approx(record.loss)
    assert minimise(rosenbrock, start(), 1).history[0].terms == {}


def test_bounds_hold():
    result = optimise.minimise(
        quadratic(np.full(SHAPE, 3.0)), start(), 50, bounds=(-1.0, np.full(SHAPE, 2))
    )
    np.testing.assert_allclose(result.image, 2, rtol=1e-6)
    lowest = optimise.minimise(quadratic(np.full(SHAPE, -3.0)), start(), 50, bounds=(-1.0, 2.0))
    np.testing.assert_allclose(lowest.image, -1, rtol=1e-6)


def test_first_step_changes_each_value_by_about_one(minimise):
    """scipy alone would change the picture by one in all, and search its way up from there."""
    centre = np.full((1, 3, 100, 100), 50.0)
    seen = []

    def evaluate(x):
        seen.append(x.copy())
        return np.sum((x - centre) ** 2), 2 * (x - centre)

    minimise(evaluate, 0 * centre, 1)
    assert 0.5 < np.sqrt(np.mean((seen[1] - seen[0]) ** 2)) < 2


def test_callback_stops(minimise):
    result = minimise(rosenbrock, start(), 30, callback=stop_at(4))
    assert result.status == "stopped" and result.iterations == 4
    assert "4 iterations" in result.message
    assert result.accepted[-1].loss == pytest.approx(
        rosenbrock(result.image.astype(float))[0], 1e-5
    )


def test_interrupt_keeps_the_last_accepted_picture(minimise):
    calls = []

    def evaluate(x):
        if len(calls) == 12:
            raise KeyboardInterrupt
        calls.append(1)
        return rosenbrock(x)

    result = minimise(evaluate, start(dtype=np.float64), 30)
    assert result.status == "interrupted" and result.iterations > 0
    assert rosenbrock(result.image)[0] == result.accepted[-1].loss


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_not_a_number_is_told_and_keeps_the_picture(minimise, broken):
    calls = []

    def evaluate(x):
        calls.append(1)
        loss, gradient = rosenbrock(x)
        if len(calls) > 10:
            if broken == "loss":
                loss = float("nan")
            else:
                gradient[0, 0, 0, 0] = np.inf
        return loss, gradient

    with pytest.raises(DivergedError, match="no longer a number") as caught:
        minimise(evaluate, start(dtype=np.float64), 30)
    assert "\n" not in str(caught.value)
    result = caught.value.result
    assert rosenbrock(result.image)[0] == result.accepted[-1].loss < result.history[0].loss


def test_a_step_so_long_that_the_loss_overflows_is_shortened(minimise):
    overflows = []

    def evaluate(x):
        # Almost straight far from its minimum at 40, so that steps grow until one is over a cliff.
        if x.max() > 150:
            overflows.append(x.max())
            return np.inf, np.full_like(x, np.nan)
        far = np.sqrt(1 + (x - 40) ** 2)
        return float(far.sum()), (x - 40) / far

    result = minimise(evaluate, np.full((1, 3, 4, 4), -60.0), 30)
    assert overflows
    np.testing.assert_allclose(result.image, 40, atol=0.1)


def test_a_wrong_gradient_gets_stuck_and_says_so(minimise):
    result = minimise(lambda x: (np.sum(x**2), -2 * x), start(), 10)
    assert result.status == "stuck" and result.iterations == 0
    assert "line search" in result.message
    np.testing.assert_array_equal(result.image, start())


def test_a_failed_line_search_gets_one_fresh_start(minimise):
    """After some steps the loss rises in every direction, until a new run begins at the last point."""
    reached, fresh_starts = [], []

    def evaluate(x):
        loss, gradient = rosenbrock(x)
        if len(reached) != 8 or fresh_starts:
            return loss, gradient
        if np.array_equal(x, reached[-1]):
            fresh_starts.append(len(reached))
            return loss, gradient
        # A cone, as steep as the objective, on which no rounding makes a trial look lower.
        loss, gradient = rosenbrock(reached[-1])
        away, steepness = x - reached[-1], np.linalg.norm(gradient)
        distance = np.linalg.norm(away)
        return loss + steepness * distance, steepness * away / distance

    result = minimise(evaluate, start(), 20, callback=lambda _, image: reached.append(image.copy()))
    assert fresh_starts == [8] and result.status == "finished" and result.iterations == 20


def test_nothing_left_to_gain_is_converged(minimise):
    result = minimise(quadratic(np.zeros(SHAPE)), np.zeros(SHAPE), 5)
    assert result.status == "converged" and result.iterations == 0


@pytest.mark.parametrize("steps", [1, 3])
def test_redrawn_objectives_are_minimised_in_turn(minimise, steps):
    random = np.random.default_rng(0)
    state, draws = {}, []

    def redraw(iteration):
        draws.append(iteration)
        state["evaluate"] = quadratic(random.standard_normal(SHAPE))

    evaluations = []

    def evaluate(x):
        value = state["evaluate"](x)
        evaluations.append((len(draws), value[0]))
        return value

    result = minimise(evaluate, start(), 7, redraw=redraw, steps=steps)
    assert draws == list(range(0, 7, steps))
    assert result.iterations == 7 and result.status == "finished"
    assert len(result.history) == len(evaluations)
    for draw in range(1, len(draws) + 1):
        losses = [loss for number, loss in evaluations if number == draw]
        assert losses[-1] < losses[0]


def test_redrawing_empties_the_memory(minimise):
    """With the same objective each time, single-step draws are steepest descent: slower than one run."""
    evaluate = quadratic(np.zeros(SHAPE))
    with_memory = minimise(evaluate, start(), 20)
    without = minimise(evaluate, start(), 20, redraw=lambda iteration: None)
    assert without.iterations == 20
    assert with_memory.accepted[-1].loss < 0.1 * without.accepted[-1].loss
    long_draws = minimise(evaluate, start(), 20, redraw=lambda iteration: None, steps=20)
    np.testing.assert_array_equal(long_draws.image, with_memory.image)


def test_a_draw_without_a_step_ends_the_run(minimise):
    draws = []
    evaluate = quadratic(np.zeros(SHAPE))
    result = minimise(evaluate, np.zeros(SHAPE), 9, redraw=draws.append)
    assert result.status == "converged" and draws == [0]


def test_equal_runs_give_equal_pictures(minimise):
    np.testing.assert_array_equal(
        minimise(rosenbrock, start(), 20).image, minimise(rosenbrock, start(), 20).image
    )


@pytest.mark.parametrize("option", ["iterations", "corrections", "steps"])
def test_counts_below_one_are_refused(minimise, option):
    options = {"iterations": 5, option: 0}
    with pytest.raises(OptionError, match=option):
        minimise(rosenbrock, start(), **options)


@pytest.mark.skipif(not native.available, reason="BLAS computes the layers here")
def test_every_blas_has_one_thread_while_our_kernels_compute():
    """In a process of its own: SciPy's BLAS must count though nothing has imported SciPy before."""
    program = (
        "from caffe_style.backends.threads import optimiser_threads\n"
        "from caffe_style.engine.devices import make_device\n"
        "with optimiser_threads(make_device('cpu')):\n"
        "    import scipy.optimize, threadpoolctl\n"
        "    found = threadpoolctl.threadpool_info()\n"
        "print({each['num_threads'] for each in found if each['user_api'] == 'blas'} - {1})\n"
    )
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    told = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, check=True, env=environment
    )
    assert told.stdout.decode().strip() == "set()"
