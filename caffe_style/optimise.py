"""The optimiser: scipy's L-BFGS-B drives the picture.

L-BFGS keeps the last few steps and changes of gradient, and learns from them how the loss curves. Each
iteration is one step that a line search has accepted, at the cost of one evaluation or a few.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from .errors import CaffeStyleError, OptionError

Evaluate = Callable[[np.ndarray], Tuple[Any, ...]]


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
    start: np.ndarray,
    iterations: int,
    *,
    corrections: int = 10,
    bounds: Optional[Tuple[Any, Any]] = None,
    callback: Optional[Callable[[Record, np.ndarray], None]] = None,
    redraw: Optional[Callable[[int], None]] = None,
    steps: int = 1,
) -> Result:
    """Minimise a function of a picture by L-BFGS.

    Parameters
    ----------
    evaluate : callable
        `evaluate(x) -> (loss, gradient)` or `(loss, gradient, terms)`: x is float64 of the start's shape,
        gradient an array of that shape (the next evaluation may overwrite it), terms a dict of name to value.
    start : ndarray
        Where to begin, in units of which one is a sensible first change of each value (grey levels).
    iterations : int
        Accepted steps to take, at least 1.
    corrections : int
        Past steps that L-BFGS remembers (10 to 20).
    bounds : (lower, upper), optional
        Scalars or arrays of the start's shape. Bounds cost: the search along them takes longer than a small
        network's evaluation; clipping the picture when it is written is usually as good.
    callback : callable, optional
        `callback(record, image)` after each accepted step; raising StopIteration ends the optimisation there.
        The image (float64) is overwritten later: copy what must stay.
    redraw : callable, optional
        For an objective that changes on the way (targets drawn anew): `redraw(iteration)` is called before the
        first step and then after every `steps` steps, and changes what `evaluate` computes. L-BFGS's
        memory is then emptied: it holds differences between successive gradients, which say how the loss curves
        only if both are of one function. So each draw is minimised on its own from where the last one ended:
        its first step follows the gradient, as long as the step before, and curvature is learnt within the
        draw's `steps`. The loss falls within a draw, not from draw to draw.
    steps : int
        Accepted steps for each draw.

    Returns
    -------
    Result

    Raises
    ------
    DivergedError
        When the loss or gradient is infinite or not a number.
    OptionError
        When `iterations`, `corrections` or `steps` is less than 1.
    """
    for name, value in (("iterations", iterations), ("corrections", corrections), ("steps", steps)):
        if value < 1:
            raise OptionError("%s must be at least 1, not %r" % (name, value))
    run = _Run(evaluate, start, callback)
    try:
        if redraw is None:
            status, message = _descend(run, iterations, corrections, bounds)
        else:
            for first in range(0, iterations, steps):
                redraw(first)
                _descend(run, min(steps, iterations - first), corrections, bounds)
            status, message = "finished", "finished all draws"
    except _Stopped:
        status, message = "stopped", "stopped"
    except KeyboardInterrupt:
        status, message = "interrupted", "interrupted"
    return run.end(status, "%s after %d iterations" % (message, run.iteration))


def _descend(run: _Run, steps: int, corrections: int, bounds: Any) -> Tuple[str, str]:
    """Take up to `steps` steps down one fixed objective; return how it ended, as status and message."""
    from scipy.optimize import Bounds, minimize

    goal, fresh_starts = run.iteration + steps, 1
    while True:
        before = run.iteration
        scale = run.scale()
        limits = [np.broadcast_to(bound, run.point.shape).ravel() / scale for bound in bounds or ()]
        run.at_start = True
        answer = minimize(
            lambda x, scale=scale: run.evaluate(x, scale),
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
            return "finished", "finished"
        if answer.status == 0:
            return "converged", "converged, nothing changes any more,"
        # The line search failed. Outdated curvature may be to blame, so one fresh start is worth its price,
        # unless this one was fresh and nothing would differ.
        if run.iteration == before or not fresh_starts:
            return "stuck", "stuck, the line search finds nothing lower,"
        fresh_starts -= 1


class _Stopped(Exception):
    """The callback's StopIteration, under a name that scipy does not handle itself in some versions."""


class _Run:
    """The evaluations on their way into a result, and the last accepted point."""

    def __init__(self, function: Evaluate, start: np.ndarray, callback: Optional[Callable]) -> None:
        self.function, self.callback = function, callback
        self.began = time.perf_counter()
        self.result = Result(start.copy())
        self.point = np.array(start, np.float64, order="C")
        self.trial = np.empty_like(self.point)
        self.gradient = np.empty_like(self.point)
        self.iteration = 0
        self.at_start = True
        self.loss = math.nan
        self.step_length = math.sqrt(start.size)

    def scale(self) -> float:
        """Unit in which scipy sees the picture.

        L-BFGS does not depend on it, but for its first step, of length one: this makes it as long as the
        last step taken, at first a change of one in each value, and saves the line search growing it from
        nothing. A power of two, so that nothing is rounded.
        """
        return 2.0 ** round(math.log2(self.step_length))

    def evaluate(self, x: np.ndarray, scale: float) -> Tuple[float, np.ndarray]:
        """Evaluate at `scale * x`; loss and gradient by x."""
        np.multiply(x.reshape(self.trial.shape), scale, out=self.trial)
        asked = time.perf_counter()
        loss, gradient, *terms = self.function(self.trial)
        answered = time.perf_counter()
        starting, self.at_start = self.at_start, False
        np.multiply(gradient, scale, out=self.gradient)
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
        if math.isfinite(loss) and np.isfinite(self.gradient).all():
            if starting:
                self.loss = history[-1].loss
            return history[-1].loss, self.gradient.ravel()
        step = (self.trial - self.point).ravel()
        if not starting and np.linalg.norm(step) > self.step_length:
            return self._turned_back(step / scale)
        message = (
            "the loss or its gradient is no longer a number after %d iterations; try smaller "
            "weights, or check the network's weights for NaN" % self.iteration
        )
        raise DivergedError(message, self.end("diverged", message))

    def _turned_back(self, step: np.ndarray) -> Tuple[float, np.ndarray]:
        """Answer a step so long that the loss overflows with a slope upwards: the line search shortens it.

        Only a step longer than the last one taken: a shorter one would not be to blame.
        """
        height = 10 * abs(self.loss) or 1.0
        return self.loss + height, 2 * height / (step @ step) * step

    def accept(self) -> None:
        """Note that the line search took the last evaluation."""
        self.step_length = float(np.linalg.norm(self.trial - self.point)) or self.step_length
        self.point[...] = self.trial
        self.iteration += 1
        record = self.result.history[-1]
        record.accepted, self.loss = True, record.loss
        if self.callback is not None:
            try:
                self.callback(record, self.point)
            except StopIteration:
                raise _Stopped from None

    def end(self, status: str, message: str) -> Result:
        """Complete the result."""
        self.result.image[...] = self.point
        self.result.status, self.result.message = status, message
        return self.result
