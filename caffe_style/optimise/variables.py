"""The variables of SciPy's L-BFGS: a picture as a flat vector, scaled and perhaps smoothed."""

from __future__ import annotations

import math
from typing import Any, Optional, Tuple

import numpy as np

from ..backends import arrays
from .evaluations import Run
from .preconditioner import Preconditioner


class Variables:
    """Variables z of a picture: x = scale z or, with a preconditioner P = K K^T, x = x0 + scale K z.

    L-BFGS depends on the scale only in its first step, which has length one. With this scale the first step is
    as long as the last step taken; at the start it changes each value by about one. This saves the line search
    from growing a tiny step. The scale is a power of two, so that nothing is rounded.

    Parameters
    ----------
    run : Run
        The run, at whose last accepted point, x0, the variables begin.
    preconditioner : Preconditioner, optional

    Attributes
    ----------
    begin : ndarray, (n,) float64
        The variables of the run's point.
    scale : float
    """

    def __init__(self, run: Run, preconditioner: Optional[Preconditioner] = None) -> None:
        self.run, self.preconditioner = run, preconditioner
        run.at_start = True
        if preconditioner is None:
            self.scale = _power_of_two(run.step_length)
            self.begin = run.point.ravel() / self.scale
            return
        self.origin = run.point
        self._loss, gradient = run.evaluate(self.origin)
        self._first = preconditioner.gather(gradient)
        self.begin = np.zeros_like(self._first)
        # SciPy's first step has length 1, so it changes the picture by scale P g / |K^T g|.
        step = preconditioner.spread(self._first)
        length = math.sqrt(arrays.dot(step, step) / (arrays.dot(self._first, self._first) or 1.0))
        self.scale = _power_of_two(run.step_length / (length or 1.0))

    def evaluate(self, variables: np.ndarray) -> Tuple[float, np.ndarray]:
        """Return the loss and its gradient (n,) with respect to the variables (n,)."""
        run = self.run
        if self.preconditioner is None:
            loss, gradient = run.evaluate(variables.reshape(run.point.shape) * self.scale)
            return loss, np.multiply(gradient, self.scale, dtype=np.float64).ravel()
        if self._first is not None:
            # SciPy's first evaluation is at the point that `__init__` has evaluated already.
            loss, slope, self._first = self._loss, self._first * self.scale, None
            return loss, slope
        step = self.preconditioner.spread(variables, self.scale)
        loss, gradient = run.evaluate(self.origin + step)
        return loss, self.preconditioner.gather(gradient, self.scale)


def _power_of_two(value: Any) -> float:
    return 2.0 ** round(math.log2(value))
