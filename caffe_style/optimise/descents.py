"""Descents: steps of L-BFGS down one fixed objective, by SciPy or on the network's device."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy as np

from . import lbfgs
from .evaluations import Run
from .preconditioner import Preconditioner
from .variables import Variables

#: Status and message of a descent that ends early.
FINISHED = "finished", "finished"
CONVERGED = "converged", "converged (the loss no longer changes)"
STUCK = "stuck", "stuck (the line search found no lower loss)"


def descend_by_scipy(
    run: Run,
    steps: int,
    corrections: int,
    bounds: Any,
    preconditioner: Optional[Preconditioner],
) -> Tuple[str, str]:
    """Take up to `steps` steps down one fixed objective; return how it ended."""
    from scipy.optimize import Bounds, minimize

    goal, fresh_starts = run.iteration + steps, 1
    while True:
        before = run.iteration
        variables = Variables(run, preconditioner)
        limits = [
            np.broadcast_to(bound, run.point.shape).ravel() / variables.scale
            for bound in bounds or ()
        ]
        answer = minimize(
            variables.evaluate,
            variables.begin,
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
        # The line search failed. Outdated curvature may be the cause, so one fresh start is tried, unless this
        # start was fresh already.
        if run.iteration == before or not fresh_starts:
            return STUCK
        fresh_starts -= 1


def descend_on_device(
    run: Run,
    state: lbfgs.State,
    steps: int,
    corrections: int,
    preconditioner: Optional[Preconditioner],
) -> Tuple[str, str]:
    """Take up to `steps` steps with `caffe_style.optimise.lbfgs`; return how it ended."""
    goal = run.iteration + steps
    precondition = None if preconditioner is None else preconditioner.whole
    while True:
        run.at_start = True
        lbfgs.start(state, run.evaluate)
        if run.save is not None and run.iteration:
            # The loss has changed with the targets since the last step was saved.
            run.save(state, run.result.history)
        while True:
            before = state.loss
            outcome = lbfgs.advance(state, run.evaluate, corrections, precondition)
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
