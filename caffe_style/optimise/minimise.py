"""The optimiser: L-BFGS, either SciPy's on the host or our own on the network's device.

L-BFGS estimates the curvature of the loss from the last few steps and changes of the gradient. Each iteration
is one step that a line search has accepted, and takes one evaluation or a few.
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
from .draws import descend_in_turn
from .evaluations import DivergedError, Evaluate, Record, Result, Run, Stopped, attach
from .memory import Memory
from .preconditioner import Preconditioner
from .variables import Variables


def minimise(
    evaluate: Evaluate,
    start: Any,
    iterations: int,
    *,
    optimizer: str = "scipy",
    corrections: int = 10,
    bounds: Optional[Tuple[Any, Any]] = None,
    preconditioner: Optional[Preconditioner] = None,
    callback: Optional[Callable[[Record, np.ndarray], None]] = None,
    redraw: Optional[Callable[[int], None]] = None,
    steps: int = 1,
    state: Optional[lbfgs.State] = None,
    done: int = 0,
    save: Optional[Callable[[lbfgs.State, List[Record]], None]] = None,
) -> Result:
    """Minimise a function of a picture by L-BFGS.

    Parameters
    ----------
    evaluate : callable
        `evaluate(x) -> (loss, gradient)` or `(loss, gradient, terms)`. x is float64 and has the start's shape.
        gradient is an array of this shape, which the next evaluation may overwrite. terms maps names to values.
    start : array
        Picture to start from. The first step changes each value by about one, so grey levels are a good unit.
    iterations : int
        Number of accepted steps, at least 1.
    optimizer : {"scipy", "device"}
        SciPy's L-BFGS-B on the host, or `caffe_style.optimise.lbfgs` on the start's device. With the latter no
        array of the picture's size is copied to the host.
    corrections : int
        Number of past steps that L-BFGS remembers, usually 10 to 20.
    bounds : (lower, upper), optional
        Scalars or arrays of the start's shape, for "scipy" only. Bounds make a step slower than a small
        network's evaluation. Clipping the finished picture is usually as good.
    preconditioner : Preconditioner, optional
        Smoothing that is used as the first estimate of the inverse Hessian; by default a multiple of the
        identity. It excludes bounds: SciPy gets smoothed variables, for which bounds on pixels are not bounds.
    callback : callable, optional
        `callback(record, image)`, called after each accepted step. It may raise StopIteration to end the
        optimisation. The image (float64, on the start's device) is the optimiser's own: do not write to it.
    redraw : callable, optional
        `redraw(iteration)`, for an objective with random targets, or with targets that depend on the picture.
        It is called before the first step and then after every `steps` steps, and changes what `evaluate`
        computes from its next call on, which is at the last accepted point. The memory of L-BFGS is then
        emptied: differences of gradients describe the curvature only if both belong to the same function. The
        first step after a call follows the gradient and is as long as the step before. The loss falls between
        two calls, but not from call to call.
    steps : int
        Number of accepted steps between two calls of `redraw`.
    state : lbfgs.State, optional
        For "device": state to continue from, instead of from the start. It is kept up to date until the next
        call of `redraw`. A run that continues from a saved copy takes the same steps. The arrays of its pairs
        are overwritten some steps later, so copy what you keep.
    done : int
        Number of steps that were taken to this state. `redraw` counts from their first one.
    save : callable, optional
        For "device": `save(state, history)`, called after each accepted step, before the callback.

    Returns
    -------
    Result

    Raises
    ------
    DivergedError
        If the loss or gradient is infinite or not a number.
    Exception
        Any error of `evaluate` or the callback. After the first iteration, `evaluations.result_of` returns the
        result so far from it.
    OptionError
        If `iterations`, `corrections` or `steps` is less than 1, if the optimizer is unknown, or if it does not
        take the given bounds, preconditioner or state.

    Examples
    --------
    >>> import numpy as np
    >>> def evaluate(x):
    ...     return float(((x - 5) ** 2).sum()), 2 * (x - 5)
    >>> result = minimise(evaluate, np.zeros((2, 2)), iterations=20)
    >>> result.image.round(3).tolist()
    [[5.0, 5.0], [5.0, 5.0]]
    >>> result.status
    'converged'
    """
    check_optimizer(optimizer, bounds is not None)
    if preconditioner is not None and bounds is not None:
        raise OptionError("bounds hold for pixels: leave out the bounds or the preconditioner")
    if optimizer == "scipy" and (state is not None or save is not None):
        raise OptionError(
            "the optimizer scipy cannot continue from a state: choose the optimizer device"
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
        if run.state is None:
            return _descend_by_scipy(run, steps, corrections, bounds, preconditioner)
        return _descend_on_device(run, run.state, steps, corrections, preconditioner)

    try:
        if redraw is None:
            status, message = descend(iterations)
        else:
            status, message = descend_in_turn(run, redraw, descend, iterations, steps, done)
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
    """Raise OptionError if an optimizer is unknown, or does not take bounds that are given."""
    if optimizer not in OPTIMIZERS:
        raise OptionError(
            "unknown optimizer '%s': choose one of %s" % (optimizer, ", ".join(OPTIMIZERS))
        )
    if optimizer == "device" and bounds:
        raise OptionError(
            "the optimizer device takes no bounds: leave them out (--no-bounds), or choose scipy"
        )


#: Status and message of a descent that ends early.
FINISHED = "finished", "finished"
CONVERGED = "converged", "converged (the loss no longer changes)"
STUCK = "stuck", "stuck (the line search found no lower loss)"


def _descend_by_scipy(
    run: Run,
    steps: int,
    corrections: int,
    bounds: Any,
    preconditioner: Optional[Preconditioner],
) -> Tuple[str, str]:
    """Take up to `steps` steps down one fixed objective; return how it ended."""
    from scipy.optimize import Bounds, minimize

    goal, fresh_starts = run.iteration + steps, 1
    while True:
        before = run.iteration
        variables = Variables(run, preconditioner)
        limits = [
            np.broadcast_to(bound, run.point.shape).ravel() / variables.scale
            for bound in bounds or ()
        ]
        answer = minimize(
            variables.evaluate,
            variables.begin,
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
        # The line search failed. Outdated curvature may be the cause, so one fresh start is tried, unless this
        # start was fresh already.
        if run.iteration == before or not fresh_starts:
            return STUCK
        fresh_starts -= 1


def _descend_on_device(
    run: Run,
    state: lbfgs.State,
    steps: int,
    corrections: int,
    preconditioner: Optional[Preconditioner],
) -> Tuple[str, str]:
    """Take up to `steps` steps with `caffe_style.optimise.lbfgs`; return how it ended."""
    goal = run.iteration + steps
    precondition = None if preconditioner is None else preconditioner.whole
    memory = Memory(corrections, state.point, precondition, state.pairs, state.first)
    state.pairs, state.first = memory.pairs, memory.first
    while True:
        run.at_start = True
        lbfgs.start(state, run.evaluate)
        while run.iteration < goal:
            before = state.loss
            outcome = lbfgs.advance(state, run.evaluate, memory)
            if outcome != "stepped":
                break
            run.accept()
            if run.iteration < goal and state.loss >= before:
                return CONVERGED
        else:
            return FINISHED
        if outcome == "converged":
            return CONVERGED
        if not (state.pairs and state.fresh_starts):
            return STUCK
        memory.forget()
        state.pairs, state.first = [], 0
        state.fresh_starts -= 1


__all__ = ["OPTIMIZERS", "DivergedError", "Record", "Result", "check_optimizer", "minimise"]
