"""The evaluations of an optimisation: their records, their result, and what ends them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from ..backends import arrays
from ..errors import CaffeStyleError
from ..system import interrupts
from . import lbfgs

Evaluate = Callable[[Any], Tuple[Any, ...]]


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
        search found nothing lower), "stopped" (by the callback), "interrupted" (Ctrl-C), "diverged" or "failed"
        (another error).
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


def attach(error: Exception, result: Callable[..., Any], *arguments: Any) -> None:
    """Let an error carry what was reached, `result(*arguments)`, unless that fails as well."""
    try:
        reached = result(*arguments)
    except Exception:  # a device that is lost has its picture with it
        reached = None
    error.result = reached  # type: ignore[attr-defined]


def result_of(error: BaseException) -> Optional[Any]:
    """The result that an error carries; None if it came before there was one."""
    result = getattr(error, "result", None)
    return result if hasattr(result, "history") else None


class Stopped(Exception):
    """The callback's StopIteration, under a name that scipy does not handle itself in some versions."""


class Run:
    """The evaluations on their way into a result, and the last accepted point.

    Parameters
    ----------
    function, start, callback, state, save
        As of `caffe_style.optimise.minimise.minimise`, where they are described.

    Attributes
    ----------
    point, trial : array
        The picture that was accepted last, and the one that was evaluated last; float64.
    iteration : int
        Steps accepted.
    at_start : bool
        To be set when the next evaluation is one of `point`.
    """

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
        with interrupts.within():
            loss, gradient, *terms = self.function(trial)
        self.gradient[...] = gradient
        # A device has answered when its last number is there.
        finite = math.isfinite(loss) and bool(arrays.namespace(trial).isfinite(gradient).all())
        answered = time.perf_counter()
        starting, self.at_start = self.at_start, False
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
        if finite:
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
                raise Stopped from None

    def end(self, status: str, message: str) -> Result:
        """Complete the result."""
        self.result.image[...] = arrays.to_numpy(self.point)
        self.result.status, self.result.message = status, message
        return self.result
