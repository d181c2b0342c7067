"""The benchmark of descents: its curves and how they are compared."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import descent
from caffe_style.optimise.evaluations import Record


def made(losses, each=1.0):
    return descent.curve(
        [Record(number, loss, {}, each * (number + 1), each) for number, loss in enumerate(losses)]
    )


def test_a_curve_is_the_least_loss_so_far():
    one = made([8, 4, 6, 2], each=0.5)
    np.testing.assert_array_equal(one.least, [8, 4, 4, 2])
    np.testing.assert_array_equal(one.seconds, [0.5, 1, 1.5, 2])
    assert [one.at(count) for count in (1, 2, 3, 4, 9)] == [8, 4, 4, 2, 2]
    assert [one.reaches(loss) for loss in (8, 5, 2, 1)] == [1, 2, 4, None]


def test_the_first_setting_ends_at_one():
    row = descent.compared([made([8, 4, 2])] * 3, [made([8, 4, 2])] * 3, [1, 3])
    assert row == descent.Row([4.0, 1.0], 1.0, 1.0)


def test_a_faster_one_is_there_after_part_of_the_evaluations_and_seconds():
    first = made([16, 8, 4, 2], each=1.0)
    row = descent.compared([made([16, 2, 1], each=3.0)], [first], [2])
    assert row == descent.Row([1.0], 0.5, 1.5)


def test_one_that_mostly_does_not_get_there_never_does():
    first, never = made([4, 2, 1]), made([4, 3, 2])
    assert descent.compared([never, never, first], [first] * 3, [1]).evaluations == np.inf
    assert descent.compared([never, first, first], [first] * 3, [1]).evaluations == 1


def test_a_plot_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    curves = {"a": [made([4, 2, 1])], "": [made([4, 1])]}
    descent.plot(tmp_path / "plot.png", "title", curves)
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
