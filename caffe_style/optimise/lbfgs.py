"""L-BFGS of our own, for arrays wherever they are (Nocedal & Wright 2006, algorithms 3.5, 3.6 and 7.4).

SciPy's works on the host alone: every evaluation would carry the picture and its gradient over the bus. This
one runs on numpy's arrays and on a device's tensors alike, all of them float64 as SciPy's. Its state is plain:
it can be saved, and a run goes on from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Callable, List, NamedTuple, Tuple

from ..backends import arrays

#: A step must lower the loss by this part of what its slope promises, and leave at most that part of the slope.
DECREASE, CURVATURE = 1e-3, 0.9
#: Evaluations in one line search.
SEARCH = 20

Evaluate = Callable[[Any], Tuple[float, Any]]


@dataclass
class State:
    """Where a run of L-BFGS is, in arrays of the picture's shape.

    Attributes
    ----------
    point : array
        The picture.
    step_length : float
        Euclidean length of the last step, and of the first one without a memory.
    steps, changes : list of array
        Its memory: the last steps, and how the gradient changed along each; the oldest first.
    loss : float
    gradient : array or None
        At the point; None before the first evaluation.
    fresh_starts : int
        How often its memory may yet be emptied after a line search that failed.
    """

    point: Any
    step_length: float
    steps: List[Any] = field(default_factory=list)
    changes: List[Any] = field(default_factory=list)
    loss: float = math.nan
    gradient: Any = None
    fresh_starts: int = 1

    def forget(self) -> None:
        """Empty the memory."""
        self.steps.clear()
        self.changes.clear()


def start(state: State, evaluate: Evaluate) -> None:
    """Evaluate the point: the function may be another than before."""
    state.loss, gradient = evaluate(state.point)
    state.gradient = arrays.copy_of(gradient)


def advance(state: State, evaluate: Evaluate, corrections: int) -> str:
    """Take one step; the point that is evaluated last is the one it ends at.

    Parameters
    ----------
    state : State
        Changed in place, once the step is taken.
    evaluate : callable
        `evaluate(x) -> (loss, gradient)`, a float and an array that the next evaluation may overwrite.
    corrections : int
        Steps to remember.

    Returns
    -------
    str
        "stepped"; "converged" if the gradient is zero; "stuck" if the line search finds nothing that the strong
        Wolfe conditions accept.
    """
    direction = search_direction(state)
    slope = arrays.dot(direction, state.gradient)
    if not slope < 0:
        return "converged" if slope == 0 else "stuck"
    trial: Any = None
    gradient: Any = None

    def along(length: float) -> Tuple[float, float]:
        nonlocal trial, gradient
        trial = state.point + length * direction
        loss, gradient = evaluate(trial)
        return loss, arrays.dot(direction, gradient)

    first = 1.0 if state.steps else state.step_length / math.sqrt(-slope)
    accepted = line_search(along, state.loss, slope, first)
    if accepted is None:
        return "stuck"
    step, change = trial - state.point, gradient - state.gradient
    length, gradient = math.sqrt(arrays.dot(step, step)), arrays.copy_of(gradient)
    steps, changes = state.steps, state.changes
    if arrays.dot(step, change) > 0:
        steps, changes = [*steps, step][-corrections:], [*changes, change][-corrections:]
    # All at once, so that Ctrl-C finds the state before the step or after it.
    state.steps, state.changes, state.step_length = steps, changes, length
    state.point, state.loss, state.gradient = trial, accepted.loss, gradient
    return "stepped"


def search_direction(state: State) -> Any:
    """-H g, with H the inverse Hessian that the memory suggests: the two-loop recursion (algorithm 7.4)."""
    direction = -state.gradient
    pairs = list(zip(state.steps, state.changes))
    curvatures = [arrays.dot(step, change) for step, change in pairs]
    parts = []
    for (step, change), curvature in zip(reversed(pairs), reversed(curvatures)):
        part = arrays.dot(step, direction) / curvature
        arrays.add_scaled(direction, change, -part)
        parts.append(part)
    if pairs:
        change = pairs[-1][1]
        direction *= curvatures[-1] / arrays.dot(change, change)
    for (step, change), curvature, part in zip(pairs, curvatures, reversed(parts)):
        arrays.add_scaled(direction, step, part - arrays.dot(change, direction) / curvature)
    return direction


class Trial(NamedTuple):
    """A step's length, the loss there and its slope along the direction."""

    length: float
    loss: float
    slope: float


def line_search(
    along: Callable[[float], Tuple[float, float]], loss: float, slope: float, first: float
) -> Any:
    """Find a step length that fulfils the strong Wolfe conditions (algorithms 3.5 and 3.6).

    `low` is the best length so far that lowers the loss enough. While nothing bounds it from above lengths
    grow; from then on the minimum lies between `low` and `high`, and a cubic through both says where.

    Parameters
    ----------
    along : callable
        `along(length) -> (loss, slope)`.
    loss, slope : float
        At length 0; the slope is negative.
    first : float
        Length to try first.

    Returns
    -------
    Trial or None
        The last one evaluated; None if there is none to be found.
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
    """Where the cubic of both losses and slopes is least, at least a tenth of the way from either end."""
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
