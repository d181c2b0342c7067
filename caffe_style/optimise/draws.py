"""Descending on an objective whose targets change after every few steps."""

from __future__ import annotations

import dataclasses
from typing import Callable, Tuple

from .evaluations import Run


def descend_in_turn(
    run: Run,
    redraw: Callable[[int], None],
    descend: Callable[[int], Tuple[str, str]],
    iterations: int,
    steps: int,
    done: int = 0,
) -> Tuple[str, str]:
    """Take steps with an objective that `redraw` changes after every few.

    Parameters
    ----------
    run : Run
        The optimisation. Each draw has a state of its own, so that the last one can be saved until the next
        step is taken.
    redraw : callable
        See `caffe_style.optimise.minimise.minimise`.
    descend : callable
        `descend(steps) -> (status, message)`, which takes up to `steps` steps with a fixed objective.
    iterations : int
        Number of steps in total.
    steps : int
        Number of steps between two calls of `redraw`.
    done : int
        Number of steps before those of the run.

    Returns
    -------
    status, message : str
        How the descent ended. It ends early if a new objective allows no step at all.
    """
    if run.state is not None and run.state.drawn is not None:
        # A run that continues first finds the targets of the interrupted draw.
        redraw(done - run.state.age)
        run.function(run.state.drawn)
        descend(min(steps - run.state.age, iterations))
    while run.iteration < iterations:
        before = run.iteration
        redraw(done + before)
        if run.state is not None:
            point = run.state.point
            run.state = dataclasses.replace(
                run.state, pairs=[], first=0, fresh_starts=1, drawn=point, age=0
            )
        ended = descend(min(steps, iterations - before))
        if run.iteration == before:
            return ended
    return "finished", "finished"
