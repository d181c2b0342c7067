"""The optimiser: L-BFGS drives the picture, SciPy's or one that works where the network does.

L-BFGS keeps the last few steps and changes of gradient, and learns from them how the loss curves. Each
iteration is one step that a line search has accepted, at the cost of one evaluation or a few.
"""

from __future__ import annotations

import math
from typing import Any, Callable, List, Optional, Tuple

import numpy as np

from ..backends import arrays
from ..errors import OptionError
from ..settings.transfer import OPTIMIZERS
from ..system.files import reason
from . import lbfgs
from .evaluations import DivergedError, Evaluate, Record, Result, Run, Stopped, attach


def minimise(
    evaluate: Evaluate,
    start: Any,
    iterations: int,
    *,
    optimizer: str = "scipy",
    corrections: int = 10,
    bounds: Optional[Tuple[Any, Any]] = None,
    callback: Optional[Callable[[Record, np.ndarray], None]] = None,
    redraw: Optional[Callable[[int], None]] = None,
    steps: int = 1,
    state: Optional[lbfgs.State] = None,
    save: Optional[Callable[[lbfgs.State, List[Record]], None]] = None,
) -> Result:
    """Minimise a function of a picture by L-BFGS.

    Parameters
    ----------
    evaluate : callable
        `evaluate(x) -> (loss, gradient)` or `(loss, gradient, terms)`: x is float64 of the start's shape,
        gradient an array of that shape (the next evaluation may overwrite it), terms a dict of name to value.
    start : array
        Where to begin, in units of which one is a sensible first change of each value (grey levels).
    iterations : int
        Accepted steps to take, at least 1.
    optimizer : {"scipy", "device"}
        SciPy's L-BFGS-B on the host, or `caffe_style.optimise.lbfgs` where the start is: with tensors on a
        device nothing of the picture's size need leave it.
    corrections : int
        Past steps that L-BFGS remembers (10 to 20).
    bounds : (lower, upper), optional
        Scalars or arrays of the start's shape. Bounds cost: the search along them takes longer than a small
        network's evaluation; clipping the picture when it is written is usually as good. Only SciPy's takes
        them.
    callback : callable, optional
        `callback(record, image)` after each accepted step; raising StopIteration ends the optimisation there.
        The image (float64, where the start is) is overwritten later: copy what must stay.
    redraw : callable, optional
        For an objective that changes on the way (targets drawn anew): `redraw(iteration)` is called before the
        first step and then after every `steps` steps, and changes what `evaluate` computes. L-BFGS's
        memory is then emptied: it holds differences between successive gradients, which say how the loss curves
        only if both are of one function. So each draw is minimised on its own from where the last one ended:
        its first step follows the gradient, as long as the step before, and curvature is learnt within the
        draw's `steps`. The loss falls within a draw, not from draw to draw.
    steps : int
        Accepted steps for each draw.
    state : lbfgs.State, optional
        For "device": go on from here instead of from the start. It is kept up to date, also whenever the
        callback is called: a run from what was saved of it then takes the same steps.
    save : callable, optional
        For "device": `save(state, history)` after each accepted step, before the callback.

    Returns
    -------
    Result

    Raises
    ------
    DivergedError
        When the loss or gradient is infinite or not a number.
    Exception
        Whatever `evaluate` or the callback raises. After an iteration, `evaluations.result_of` finds the
        picture so far in it.
    OptionError
        When `iterations`, `corrections` or `steps` is less than 1; for an unknown optimizer, for bounds or a
        state that it does not take.
    """
    check_optimizer(optimizer, bounds is not None)
    if optimizer == "scipy" and (state is not None or save is not None):
        raise OptionError(
            "scipy's optimizer cannot go on from a state: choose the optimizer device"
        )
    for name, value in (("iterations", iterations), ("corrections", corrections), ("steps", steps)):
        if value < 1:
            raise OptionError("%s must be at least 1, not %r" % (name, value))
    if optimizer == "scipy":
        start = arrays.to_numpy(start)
    elif state is None:
        state = lbfgs.State(arrays.as_doubles(start), math.sqrt(arrays.count(start)))
    run = Run(evaluate, start, callback, state, save)

    def descend(steps: int) -> Tuple[str, str]:
        if state is None:
            return _descend_by_scipy(run, steps, corrections, bounds)
        return _descend_on_device(run, state, steps, corrections)

    try:
        if redraw is None:
            status, message = descend(iterations)
        else:
            for first in range(0, iterations, steps):
                redraw(first)
                if state is not None:
                    state.forget()
                    state.fresh_starts = 1
                descend(min(steps, iterations - first))
            status, message = "finished", "finished all draws"
    except Stopped:
        status, message = "stopped", "stopped"
    except KeyboardInterrupt:
        status, message = "interrupted", "interrupted"
    except DivergedError:
        raise
    except Exception as error:
        if run.iteration:
            message = "%s after %d iterations" % (reason(error), run.iteration)
            attach(error, run.end, "failed", message)
        raise
    return run.end(status, "%s after %d iterations" % (message, run.iteration))


def check_optimizer(optimizer: str, bounds: bool) -> None:
    """Raise OptionError for an optimizer that there is not, or that takes no bounds."""
    if optimizer not in OPTIMIZERS:
        raise OptionError(
            "unknown optimizer '%s': choose one of %s" % (optimizer, ", ".join(OPTIMIZERS))
        )
    if optimizer == "device" and bounds:
        raise OptionError(
            "the optimizer device takes no bounds: leave them out (--no-bounds), or choose scipy"
        )


#: How a descent may end.
FINISHED = "finished", "finished"
CONVERGED = "converged", "converged, nothing changes any more,"
STUCK = "stuck", "stuck, the line search finds nothing lower,"


def _descend_by_scipy(run: Run, steps: int, corrections: int, bounds: Any) -> Tuple[str, str]:
    """Take up to `steps` steps down one fixed objective; return how it ended."""
    from scipy.optimize import Bounds, minimize

    goal, fresh_starts = run.iteration + steps, 1
    while True:
        before = run.iteration
        scale = run.scale()
        limits = [np.broadcast_to(bound, run.point.shape).ravel() / scale for bound in bounds or ()]
        run.at_start = True
        answer = minimize(
            lambda x, scale=scale: run.evaluate_scaled(x, scale),
            run.point.ravel() / scale,
            jac=True,
            method="L-BFGS-B",
            bounds=Bounds(*limits) if limits else None,
            callback=lambda x: run.accept(),
            options={
                "maxcor": corrections,
                "maxiter": goal - before,
                "maxfun": 10**8,
                "maxls": 20,
                # With scipy's tolerances a run would end at the first step that gains little.
                "ftol": 0.0,
                "gtol": 0.0,
            },
        )
        if run.iteration >= goal:
            return FINISHED
        if answer.status == 0:
            return CONVERGED
        # The line search failed. Outdated curvature may be to blame, so one fresh start is worth its price,
        # unless this one was fresh and nothing would differ.
        if run.iteration == before or not fresh_starts:
            return STUCK
        fresh_starts -= 1


def _descend_on_device(
    run: Run, state: lbfgs.State, steps: int, corrections: int
) -> Tuple[str, str]:
    """The same with `caffe_style.optimise.lbfgs`."""
    goal = run.iteration + steps
    while True:
        run.at_start = True
        lbfgs.start(state, run.evaluate)
        while True:
            before = state.loss
            outcome = lbfgs.advance(state, run.evaluate, corrections)
            if outcome != "stepped":
                break
            run.accept()
            if run.iteration >= goal:
                return FINISHED
            if state.loss >= before:
                return CONVERGED
        if outcome == "converged":
            return CONVERGED
        if not (state.steps and state.fresh_starts):
            return STUCK
        state.forget()
        state.fresh_starts -= 1


__all__ = ["OPTIMIZERS", "DivergedError", "Record", "Result", "check_optimizer", "minimise"]
