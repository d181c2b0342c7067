"""Learning-rate policies: what base_lr is multiplied by as training goes on."""

from __future__ import annotations

import math
from typing import Any, Callable, Dict

from ...errors import OptionError

# Each takes the SolverParameter, the updates done so far and the step of `next_step`, and returns a factor.


def fixed(param: Any, iteration: int, step: int) -> float:
    """Always 1."""
    return 1.0


def stepped(param: Any, iteration: int, step: int) -> float:
    """Times gamma at each step: every `stepsize` iterations, or at each `stepvalue`."""
    return param.gamma**step


def exp(param: Any, iteration: int, step: int) -> float:
    """Times gamma at each iteration."""
    return param.gamma**iteration


def inv(param: Any, iteration: int, step: int) -> float:
    """(1 + gamma * iteration) ** -power."""
    return (1 + param.gamma * iteration) ** -param.power


def poly(param: Any, iteration: int, step: int) -> float:
    """(1 - iteration / max_iter) ** power."""
    if iteration > param.max_iter:
        raise OptionError("lr_policy poly ends at max_iter, %d: raise it" % param.max_iter)
    return (1 - iteration / param.max_iter) ** param.power if param.max_iter else 1.0


def sigmoid(param: Any, iteration: int, step: int) -> float:
    """1 / (1 + exp(-gamma * (iteration - stepsize)))."""
    return 0.5 + 0.5 * math.tanh(param.gamma * (iteration - param.stepsize) / 2)


POLICIES: Dict[str, Callable[[Any, int, int], float]] = {
    "fixed": fixed,
    "step": stepped,
    "exp": exp,
    "inv": inv,
    "multistep": stepped,
    "poly": poly,
    "sigmoid": sigmoid,
}


def next_step(param: Any, iteration: int, step: int) -> int:
    """How many times the rate has stepped at `iteration`, when it had `step` times one iteration before."""
    if param.lr_policy == "step":
        return iteration // param.stepsize
    if param.lr_policy == "multistep" and step < len(param.stepvalue):
        return step + (iteration >= param.stepvalue[step])
    return step


def learning_rate(param: Any, iteration: int, step: int) -> float:
    """The rate at an iteration.

    Parameters
    ----------
    param : SolverParameter
    iteration : int
        Updates done so far.
    step : int
        As `next_step` gives it.

    Raises
    ------
    OptionError
        Beyond the end of `poly`.
    """
    return param.base_lr * POLICIES[param.lr_policy](param, iteration, step)


def check_policy(param: Any) -> None:
    """Check what the policy needs.

    Raises
    ------
    OptionError
        For an unknown policy, or a gamma or stepsize outside its range.
    """
    policy = param.lr_policy
    if policy not in POLICIES:
        raise OptionError(
            "unknown lr_policy '%s': choose one of %s" % (policy, ", ".join(POLICIES))
        )
    if policy in ("step", "sigmoid") and param.stepsize <= 0:
        raise OptionError("lr_policy %s needs a stepsize above 0" % policy)
    if policy not in ("fixed", "poly") and param.gamma < 0:
        raise OptionError("lr_policy %s needs a gamma of at least 0" % policy)
