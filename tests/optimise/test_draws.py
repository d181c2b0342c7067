"""Descending on one objective after the other."""

from __future__ import annotations

from types import SimpleNamespace

from caffe_style.optimise.draws import descend_in_turn


def test_a_draw_that_ends_early_is_followed_by_the_next():
    """All steps are taken nevertheless, and no more."""
    run, draws, asked = SimpleNamespace(iteration=0, state=None), [], []

    def descend(steps):
        asked.append(steps)
        run.iteration += min(steps, 2)
        return "stuck", "stuck"

    ended = descend_in_turn(run, draws.append, descend, iterations=7, steps=3)
    assert ended == ("finished", "finished")
    assert draws == [0, 2, 4, 6] and asked == [3, 3, 3, 1] and run.iteration == 7
