"""Update rules: what is subtracted from a parameter, given its gradient.

Each takes the gradient (float32), the rate of this parameter, its history (float32 arrays of its shape, zeros
at first, changed in place), the SolverParameter and the updates done so far; it returns the update.
"""

from __future__ import annotations

import math
from typing import Any, Sequence

import numpy as np

History = Sequence[np.ndarray]


def _decayed(average: np.ndarray, decay: float, values: np.ndarray) -> None:
    """Move a running average, in place."""
    average *= decay
    average += (1 - decay) * values


def sgd(gradient: np.ndarray, rate: float, history: History, param: Any, done: int) -> np.ndarray:
    """The gradient with momentum."""
    (velocity,) = history
    velocity *= param.momentum
    velocity += rate * gradient
    return velocity


def nesterov(
    gradient: np.ndarray, rate: float, history: History, param: Any, done: int
) -> np.ndarray:
    """Nesterov's accelerated gradient (Sutskever et al. 2013)."""
    (velocity,) = history
    before = param.momentum * velocity
    velocity[...] = before + rate * gradient
    return (1 + param.momentum) * velocity - before


def adagrad(
    gradient: np.ndarray, rate: float, history: History, param: Any, done: int
) -> np.ndarray:
    """AdaGrad (Duchi et al. 2011)."""
    (squares,) = history
    squares += gradient**2
    return rate * (gradient / (np.sqrt(squares) + param.delta))


def rmsprop(
    gradient: np.ndarray, rate: float, history: History, param: Any, done: int
) -> np.ndarray:
    """RMSProp (Tieleman & Hinton 2012)."""
    (squares,) = history
    _decayed(squares, param.rms_decay, gradient**2)
    return rate * (gradient / (np.sqrt(squares) + param.delta))


def adadelta(
    gradient: np.ndarray, rate: float, history: History, param: Any, done: int
) -> np.ndarray:
    """AdaDelta (Zeiler 2012); its decay is the field momentum."""
    squares, squared_updates = history
    _decayed(squares, param.momentum, gradient**2)
    update = gradient * np.sqrt((squared_updates + param.delta) / (squares + param.delta))
    _decayed(squared_updates, param.momentum, update**2)
    return rate * update


def adam(gradient: np.ndarray, rate: float, history: History, param: Any, done: int) -> np.ndarray:
    """Adam (Kingma & Ba 2015); its betas are the fields momentum and momentum2."""
    mean, squares = history
    _decayed(mean, param.momentum, gradient)
    _decayed(squares, param.momentum2, gradient**2)
    # The bias of both averages; delta is added to the uncorrected root, as in Caffe.
    time = done + 1
    correction = math.sqrt(1 - param.momentum2**time) / (1 - param.momentum**time)
    return rate * correction * (mean / (np.sqrt(squares) + param.delta))
