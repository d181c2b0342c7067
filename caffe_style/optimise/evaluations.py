"""The evaluations of an optimisation: their records, the result, and the errors that end them."""

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
    """The record of one evaluation.

    Attributes
    ----------
    iteration : int
        Step that the evaluation belongs to: 0 is the start, and accepted steps are counted from 1.
    loss : float
        Value of the objective.
    terms : dict of str to float
        Parts of the loss by name; empty if the objective does not return them.
    seconds : float
        Seconds since the optimisation began.
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
    """The result of an optimisation.

    Attributes
    ----------
    image : ndarray
        The last accepted point, in the start's shape and type.
    history : list of Record
        One record for each evaluation.
    status : str
        How the optimisation ended: "finished" (all iterations done), "converged" (the loss or gradient no
        longer changes), "stuck" (the line search found no lower loss), "stopped" (by the callback),
        "interrupted" (Ctrl-C), "diverged" (the loss is no longer a number) or "failed" (another error).
    message : str
        The status as a sentence.
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
        """Number of accepted steps."""
        return max(0, len(self.accepted) - 1)


class DivergedError(CaffeStyleError):
    """The loss or its gradient is no longer a finite number. `result` holds the last good picture."""

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message)
        self.result = result


def attach(error: Exception, result: Callable[..., Any], *arguments: Any) -> None:
    """Attach the result so far, `result(*arguments)`, to an error; None if this call fails."""
    try:
        reached = result(*arguments)
    except Exception:  # if the device failed, its picture is lost
        reached = None
    error.result = reached  # type: ignore[attr-defined]


def result_of(error: BaseException) -> Optional[Any]:
    """Return the result that an error carries, or None if there was none yet.

    Examples
    --------
    >>> result_of(ValueError("no result")) is None
    True
    """
    result = getattr(error, "result", None)
    return result if hasattr(result, "history") else None


class Stopped(Exception):
    """The callback's StopIteration under another name, since some versions of SciPy catch StopIteration."""


class Run:
    """A running optimisation: its evaluations so far, and the last accepted point.

    Parameters
    ----------
    function, start, callback, state, save
        See `caffe_style.optimise.minimise.minimise`.

    Attributes
    ----------
    point, trial : array
        The last accepted and the last evaluated picture, float64. Neither is written to.
    iteration : int
        Number of accepted steps.
    at_start : bool
        Whether the next evaluation is at `point`; set by the caller.
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
        self.trial = self._before = self.point
        self.iteration = 0
        self.at_start = True
        self.loss = math.nan
        self._first_length = state.step_length if state else math.sqrt(arrays.count(start))

    @property
    def step_length(self) -> float:
        """Euclidean length of the last step; before the first one, the length to try."""
        if self.state is not None:
            return self.state.step_length
        step = self.point - self._before
        return math.sqrt(arrays.dot(step, step)) or self._first_length

    def evaluate(self, trial: Any) -> Tuple[float, Any]:
        """Evaluate the objective; the next evaluation may overwrite the returned gradient."""
        self.trial = trial
        asked = time.perf_counter()
        with interrupts.within():
            loss, gradient, *terms = self.function(trial)
        # A device has finished when its last number has arrived.
        finite = math.isfinite(loss) and arrays.is_finite(gradient)
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
            return history[-1].loss, gradient
        step = trial - self.point
        if not starting and math.sqrt(arrays.dot(step, step)) > self.step_length:
            return self._turned_back(step)
        message = (
            "the loss or its gradient is no longer a number after %d iterations; try smaller "
            "weights, or check the network's weights for NaN" % self.iteration
        )
        raise DivergedError(message, self.end("diverged", message))

    def _turned_back(self, step: Any) -> Tuple[float, Any]:
        """Report a high loss with a rising slope for a step so long that the loss overflows.

        The line search then shortens the step. This is done only for a step longer than the last accepted one,
        since a shorter step cannot be the cause.
        """
        height = 10 * abs(self.loss) or 1.0
        step *= 2 * height / arrays.dot(step, step)
        return self.loss + height, step

    def accept(self) -> None:
        """Record that the line search accepted the last evaluation."""
        self._before, self.point = self.point, self.trial
        self.iteration += 1
        record = self.result.history[-1]
        record.accepted, self.loss = True, record.loss
        if self.state is not None:
            self.state.age += 1
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
