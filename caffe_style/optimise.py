"""The optimiser: L-BFGS drives the picture, SciPy's or one that works where the network does.

L-BFGS keeps the last few steps and changes of gradient, and learns from them how the loss curves. Each
iteration is one step that a line search has accepted, at the cost of one evaluation or a few.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from . import arrays, lbfgs
from .errors import CaffeStyleError, OptionError

Evaluate = Callable[[Any], Tuple[Any, ...]]

OPTIMIZERS = ("scipy", "device")


@dataclass
class Record:
    """One evaluation.

    Attributes
    ----------
    iteration : int
        The step it belongs to: 0 is the start, then accepted steps are counted from 1.
    loss : float
    terms : dict of str to float
        The parts of the loss by name; empty if the objective does not tell them.
    seconds : float
        Since the optimisation began.
    evaluation : float
        Seconds that the evaluation itself took.
    accepted : bool
        Whether the line search took this point.
    """

    iteration: int
    loss: float
    terms: Dict[str, float]
    seconds: float
    evaluation: float
    accepted: bool = False


@dataclass
class Result:
    """What an optimisation came to.

    Attributes
    ----------
    image : ndarray
        The last accepted point, in the start's shape and type.
    history : list of Record
        One an evaluation.
    status : str
        "finished" (all iterations), "converged" (neither loss nor gradient change any more), "stuck" (the line
        search found nothing lower), "stopped" (by the callback), "interrupted" (Ctrl-C) or "diverged".
    message : str
        The same for people.
    """

    image: np.ndarray
    history: List[Record] = field(default_factory=list)
    status: str = "running"
    message: str = ""

    @property
    def accepted(self) -> List[Record]:
        """The start and each iteration's accepted evaluation."""
        return [record for record in self.history if record.accepted]

    @property
    def iterations(self) -> int:
        """Steps taken."""
        return max(0, len(self.accepted) - 1)


class DivergedError(CaffeStyleError):
    """The loss or its gradient is no longer a number. `result` holds the last good picture."""

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message)
        self.result = result


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
        SciPy's L-BFGS-B on the host, or `caffe_style.lbfgs` where the start is: with tensors on a device
        nothing of the picture's size need leave it.
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
    run = _Run(evaluate, start, callback, state, save)

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
    except _Stopped:
        status, message = "stopped", "stopped"
    except KeyboardInterrupt:
        status, message = "interrupted", "interrupted"
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


def _descend_by_scipy(run: _Run, steps: int, corrections: int, bounds: Any) -> Tuple[str, str]:
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
    run: _Run, state: lbfgs.State, steps: int, corrections: int
) -> Tuple[str, str]:
    """The same with `caffe_style.lbfgs`."""
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


class _Stopped(Exception):
    """The callback's StopIteration, under a name that scipy does not handle itself in some versions."""


class _Run:
    """The evaluations on their way into a result, and the last accepted point."""

    def __init__(
        self,
        function: Evaluate,
        start: Any,
        callback: Optional[Callable],
        state: Optional[lbfgs.State],
        save: Optional[Callable],
    ) -> None:
        self.function, self.callback, self.state, self.save = function, callback, state, save
        self.began = time.perf_counter()
        self.result = Result(arrays.to_numpy(start).copy())
        self.point = arrays.as_doubles(start if state is None else state.point)
        self.trial = arrays.empty_like(self.point)
        self.gradient = arrays.empty_like(self.point)
        self.iteration = 0
        self.at_start = True
        self.loss = math.nan
        self.step_length = state.step_length if state else math.sqrt(arrays.count(start))

    def scale(self) -> float:
        """Unit in which scipy sees the picture.

        L-BFGS does not depend on it, but for its first step, of length one: this makes it as long as the
        last step taken, at first a change of one in each value, and saves the line search growing it from
        nothing. A power of two, so that nothing is rounded.
        """
        return 2.0 ** round(math.log2(self.step_length))

    def evaluate_scaled(self, x: np.ndarray, scale: float) -> Tuple[float, np.ndarray]:
        """Evaluate at `scale * x`; loss and gradient by x, flat."""
        np.multiply(x.reshape(self.trial.shape), scale, out=self.trial)
        loss, gradient = self.evaluate(self.trial)
        gradient *= scale
        return loss, gradient.ravel()

    def evaluate(self, trial: Any) -> Tuple[float, Any]:
        """Evaluate; the gradient is in a buffer that the next evaluation overwrites."""
        self.trial = trial
        asked = time.perf_counter()
        loss, gradient, *terms = self.function(trial)
        answered = time.perf_counter()
        starting, self.at_start = self.at_start, False
        self.gradient[...] = gradient
        history = self.result.history
        history.append(
            Record(
                iteration=self.iteration + (0 if starting else 1),
                loss=float(loss),
                terms=dict(terms[0]) if terms else {},
                seconds=answered - self.began,
                evaluation=answered - asked,
                accepted=not history,
            )
        )
        if math.isfinite(loss) and arrays.namespace(trial).isfinite(self.gradient).all():
            if starting:
                self.loss = history[-1].loss
            return history[-1].loss, self.gradient
        step = trial - self.point
        if not starting and math.sqrt(arrays.dot(step, step)) > self.step_length:
            return self._turned_back(step)
        message = (
            "the loss or its gradient is no longer a number after %d iterations; try smaller "
            "weights, or check the network's weights for NaN" % self.iteration
        )
        raise DivergedError(message, self.end("diverged", message))

    def _turned_back(self, step: Any) -> Tuple[float, Any]:
        """Answer a step so long that the loss overflows with a slope upwards: the line search shortens it.

        Only a step longer than the last one taken: a shorter one would not be to blame.
        """
        height = 10 * abs(self.loss) or 1.0
        step *= 2 * height / arrays.dot(step, step)
        return self.loss + height, step

    def accept(self) -> None:
        """Note that the line search took the last evaluation."""
        step = self.trial - self.point
        self.step_length = math.sqrt(arrays.dot(step, step)) or self.step_length
        self.point[...] = self.trial
        self.iteration += 1
        record = self.result.history[-1]
        record.accepted, self.loss = True, record.loss
        if self.save is not None:
            self.save(self.state, self.result.history)
        if self.callback is not None:
            try:
                self.callback(record, self.point)
            except StopIteration:
                raise _Stopped from None

    def end(self, status: str, message: str) -> Result:
        """Complete the result."""
        self.result.image[...] = arrays.to_numpy(self.point)
        self.result.status, self.result.message = status, message
        return self.result
