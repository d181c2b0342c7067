"""Solvers: Caffe's six ways to train a net."""

from __future__ import annotations

import os
from typing import Dict, Type, Union

from ...errors import OptionError
from ..formats.solver import read_solver
from . import rules
from .solver import Solver


class SGDSolver(Solver):
    """Stochastic gradient descent with momentum."""

    type, rule = "SGD", rules.sgd


class NesterovSolver(Solver):
    """Nesterov's accelerated gradient."""

    type, rule = "Nesterov", rules.nesterov


class AdaGradSolver(Solver):
    """AdaGrad."""

    type, rule, allows_momentum = "AdaGrad", rules.adagrad, False


class RMSPropSolver(Solver):
    """RMSProp."""

    type, rule, allows_momentum = "RMSProp", rules.rmsprop, False


class AdaDeltaSolver(Solver):
    """AdaDelta."""

    type, rule, histories = "AdaDelta", rules.adadelta, 2


class AdamSolver(Solver):
    """Adam."""

    type, rule, histories = "Adam", rules.adam, 2


SOLVERS: Dict[str, Type[Solver]] = {
    solver.type: solver
    for solver in (
        SGDSolver,
        NesterovSolver,
        AdaGradSolver,
        RMSPropSolver,
        AdaDeltaSolver,
        AdamSolver,
    )
}


def get_solver(solver_file: Union[str, bytes]) -> Solver:
    """The solver of a solver prototxt, of the type that it names.

    Raises
    ------
    OptionError
        For an unknown type; otherwise as the solver itself.
    """
    name = read_solver(os.fsdecode(solver_file)).type
    if name not in SOLVERS:
        raise OptionError("unknown solver type '%s': choose one of %s" % (name, ", ".join(SOLVERS)))
    return SOLVERS[name](solver_file)


__all__ = [
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "NesterovSolver",
    "RMSPropSolver",
    "SGDSolver",
    "SOLVERS",
    "Solver",
    "get_solver",
]
