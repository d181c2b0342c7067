"""L-BFGS for arrays on any device (Nocedal & Wright 2006, algorithms 3.5, 3.6 and, in `memory`, 7.4).

SciPy's L-BFGS-B runs on the host only, so every evaluation would copy the picture and its gradient to the host.
This implementation runs on numpy arrays and on a device's tensors, in float64 like SciPy's. Its state consists
of plain arrays and numbers, so that a run can be saved and continued.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Callable, List, NamedTuple, Tuple

from ..backends import arrays
from .memory import Memory, Pair

#: Constants of the strong Wolfe conditions: sufficient decrease, and curvature.
DECREASE, CURVATURE = 1e-3, 0.9
#: Most evaluations in one line search.
SEARCH = 20

Evaluate = Callable[[Any], Tuple[float, Any]]


@dataclass
class State:
    """The state of L-BFGS. All arrays have the picture's shape.

    Attributes
    ----------
    point : array
        The picture.
    step_length : float
        Euclidean length of the last step. With an empty memory, the length of the first step to try.
    pairs : list of Pair
        The last steps and the change of the gradient along each, oldest first. Their arrays are views, which
        are overwritten some steps after the pair has been forgotten.
    first : int
        As in `memory.Memory`.
    loss : float
        Loss at the point; NaN before the first evaluation.
    gradient : array or None
        Gradient at the point; None before the first evaluation.
    fresh_starts : int
        How many more times the memory may be emptied after a failed line search.
    drawn : array or None
        For an objective whose targets depend on the picture: the point at which they were found last.
    age : int
        Number of steps since then.
    """

    point: Any
    step_length: float
    pairs: List[Pair] = field(default_factory=list)
    first: int = 0
    loss: float = math.nan
    gradient: Any = None
    fresh_starts: int = 1
    drawn: Any = None
    age: int = 0


def start(state: State, evaluate: Evaluate) -> None:
    """Evaluate the function at the state's point; it may have changed since the last step."""
    state.loss, gradient = evaluate(state.point)
    state.gradient = arrays.as_doubles(gradient)


def advance(
    state: State,
    evaluate: Evaluate,
    memory: Memory,
) -> str:
    """Take one step. It ends at the point that is evaluated last.

    Parameters
    ----------
    state : State
        Changed in place once the step is accepted.
    evaluate : callable
        `evaluate(x) -> (loss, gradient)`, a float and an array that the next evaluation may overwrite.
    memory : Memory
        Holds the state's pairs; this step is added.

    Returns
    -------
    str
        "stepped"; "converged" if the gradient is zero; "stuck" if the line search finds no point that meets the
        strong Wolfe conditions.

    Examples
    --------
    >>> import numpy as np
    >>> state = State(np.array([3.0, 4.0]), step_length=1.0)
    >>> def square(x):
    ...     return float(x @ x), 2 * x
    >>> start(state, square)
    >>> advance(state, square, Memory(10, state.point))
    'stepped'
    >>> state.loss < 25
    True
    """
    direction = memory.direction(state.gradient)
    slope = float(arrays.dot(direction, state.gradient))
    if not slope < 0:
        return "converged" if slope == 0 else "stuck"
    trial: Any = None
    gradient: Any = None

    def along(length: float) -> Tuple[float, float]:
        nonlocal trial, gradient
        trial = state.point + length * direction
        loss, gradient = evaluate(trial)
        gradient = arrays.as_doubles(gradient)
        return loss, float(arrays.dot(direction, gradient))

    first = 1.0
    if not state.pairs:
        first = state.step_length / math.sqrt(arrays.dot(direction, direction))
    accepted = line_search(along, state.loss, slope, first)
    if accepted is None:
        return "stuck"
    step = trial - state.point
    length = math.sqrt(arrays.dot(step, step))
    memory.add(Pair(step, gradient - state.gradient))
    # Assigned together, so that Ctrl-C leaves either the state before the step or the state after it.
    state.pairs, state.first, state.step_length = memory.pairs, memory.first, length
    state.point, state.loss, state.gradient = trial, accepted.loss, gradient
    return "stepped"


class Trial(NamedTuple):
    """The length of a step, the loss there, and its slope along the direction."""

    length: float
    loss: float
    slope: float


def line_search(
    along: Callable[[float], Tuple[float, float]], loss: float, slope: float, first: float
) -> Any:
    """Find a step length that meets the strong Wolfe conditions (algorithms 3.5 and 3.6).

    `low` is the best length so far that lowers the loss enough. The length grows until `high` bounds it from
    above. Then a minimum lies between `low` and `high`, and a cubic through both estimates its position.

    Parameters
    ----------
    along : callable
        `along(length) -> (loss, slope)`.
    loss, slope : float
        Loss and slope at length 0; the slope is negative.
    first : float
        Length to try first.

    Returns
    -------
    Trial or None
        The last evaluated trial; None if no length was found.

    Examples
    --------
    >>> trial = line_search(lambda length: ((length - 2) ** 2, 2 * (length - 2)), 4.0, -4.0, 1.0)
    >>> trial.length, trial.loss
    (1.0, 1.0)
    """
    low, high = Trial(0.0, loss, slope), None
    length = first
    for _ in range(SEARCH):
        trial = Trial(length, *along(length))
        if not trial.loss <= loss + DECREASE * length * slope or (
            high is not None and trial.loss >= low.loss
        ):
            high = trial
        elif abs(trial.slope) <= -CURVATURE * slope:
            return trial
        else:
            ahead = math.inf if high is None else high.length - low.length
            if trial.slope * ahead >= 0:
                high = low
            low = trial
        length = 4 * low.length if high is None else between(low, high)
    return None


def between(low: Trial, high: Trial) -> float:
    """Compute where the cubic through both losses and slopes is least; the outer tenths are excluded."""
    width = high.length - low.length
    d1 = low.slope + high.slope - 3 * (low.loss - high.loss) / -width
    root = d1 * d1 - low.slope * high.slope
    part = 0.5
    if 0 <= root < math.inf:
        d2 = math.copysign(math.sqrt(root), width)
        bottom = high.slope - low.slope + 2 * d2
        if bottom:
            part = 1 - (high.slope + d2 - d1) / bottom
    return low.length + width * min(max(part, 0.1), 0.9)
