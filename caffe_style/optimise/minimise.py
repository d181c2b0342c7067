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
from .descents import FINISHED, descend_by_scipy, descend_on_device
from .evaluations import DivergedError, Evaluate, Record, Result, Run, Stopped, attach
from .preconditioner import Preconditioner


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
        optimisation. The image (float64, on the start's device) is overwritten later, so copy what you keep.
    redraw : callable, optional
        `redraw(iteration)`, for an objective with random targets. It is called before the first step and then
        after every `steps` steps, and changes what `evaluate` computes. The memory of L-BFGS is then emptied:
        differences of gradients describe the curvature only if both belong to the same function. The first step
        after a call follows the gradient and is as long as the step before. The loss falls between two calls,
        but not from call to call. It is also called at the beginning of a run that continues from a state, with
        the iteration of its last draw.
    steps : int
        Number of accepted steps between two calls of `redraw`.
    state : lbfgs.State, optional
        For "device": state to continue from, instead of from the start. It is kept up to date. A run that
        continues from a saved copy takes the same steps.
    done : int
        Number of steps that were taken to the given state.
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
    continues = state is not None
    if optimizer == "scipy":
        start = arrays.to_numpy(start)
    elif state is None:
        state = lbfgs.State(arrays.as_doubles(start), math.sqrt(arrays.count(start)))
    run = Run(evaluate, start, callback, state, save)

    def descend(steps: int) -> Tuple[str, str]:
        if state is None:
            return descend_by_scipy(run, steps, corrections, bounds, preconditioner)
        return descend_on_device(run, state, steps, corrections, preconditioner)

    def descend_in_draws(redraw: Callable[[int], None]) -> Tuple[str, str]:
        step, goal = done, done + iterations
        drawn = state.drawn if continues else None
        while step < goal:
            if drawn is None or step >= drawn + steps:
                drawn = step
                if state is not None:
                    state.redrawn(step)
            redraw(drawn)
            outcome = descend(min(drawn + steps, goal) - step)
            if done + run.iteration == step:
                return outcome
            step = done + run.iteration
            if outcome != FINISHED:
                drawn = None
        return FINISHED

    try:
        if redraw is None:
            status, message = descend(iterations)
        else:
            status, message = descend_in_draws(redraw)
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


__all__ = ["OPTIMIZERS", "DivergedError", "Record", "Result", "check_optimizer", "minimise"]
