"""The loss curve of a run as CSV and as a plot."""

from __future__ import annotations

import colorsys
import csv
import logging
from pathlib import Path
from typing import Any, List, Sequence, Tuple

from ..errors import CaffeStyleError, OptionError
from ..system.files import check_writable, write_whole
from .watcher import Watcher


def check_curve(path: str) -> None:
    """Raise OptionError, before any work is done, if a loss curve cannot be written to this file."""
    target = Path(path)
    if target.suffix.lower() not in (".csv", ".png"):
        raise OptionError("'%s': a loss curve ends in .csv or .png" % path)
    check_writable(target)
    if target.suffix.lower() == ".png":
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            raise OptionError(
                "%s: a plot needs matplotlib: pip install matplotlib, or choose a .csv" % path
            ) from None


class Curve(Watcher):
    """A watcher that writes the loss curve when the run ends. If that fails, it logs a warning.

    Parameters
    ----------
    path : str
        File to write, which ends in .csv or .png.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def wants_image(self, record: Any) -> bool:
        """Return False."""
        return False

    def end(self, status: str, message: str, history: Sequence[Any] = ()) -> None:
        """Write the loss curve."""
        try:
            write_curve(self._path, history)
        except CaffeStyleError as error:
            logging.getLogger("caffe_style").warning("%s", error)


def write_curve(path: str, history: Sequence[Any]) -> None:
    """Write the history of a run as a CSV with one row for each evaluation, or as a plot of the iterations.

    Parameters
    ----------
    path : str
        File to write, which ends in .csv or .png.
    history : sequence of Record
        Records of the run.

    Examples
    --------
    >>> from caffe_style.optimise.evaluations import Record
    >>> write_curve("curve.csv", [Record(0, 5.0, {"style": 5.0}, 0.1, 0.1, True)])
    >>> open("curve.csv").readline().split(",")[0]
    'evaluation'
    """
    target = Path(path)
    write = _write_csv if target.suffix.lower() == ".csv" else _plot
    write_whole(target, lambda temporary: write(temporary, history))


def _term_names(history: Sequence[Any]) -> List[str]:
    return list(history[0].terms) if history else []


def _write_csv(path: Path, history: Sequence[Any]) -> None:
    names = _term_names(history)
    with open(str(path), "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["evaluation", "iteration", "accepted", "seconds", "loss"] + names)
        for number, record in enumerate(history):
            terms = [record.terms[name] for name in names]
            rows.writerow(
                [number, record.iteration, int(record.accepted), record.seconds, record.loss]
                + terms
            )


def _plot(path: Path, history: Sequence[Any]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), tight_layout=True)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    accepted = [record for record in history if record.accepted]
    iterations = [record.iteration for record in accepted]
    axes.plot(iterations, [record.loss for record in accepted], "k", linewidth=2, label="loss")
    names = _term_names(history)
    for name, colour in zip(names, term_colours(names)):
        axes.plot(iterations, [record.terms[name] for record in accepted], color=colour, label=name)
    axes.set_yscale("log")
    axes.set_xlabel("iteration")
    axes.set_ylabel("weighted loss")
    axes.legend(fontsize="small")
    figure.savefig(str(path))


def term_colours(names: Sequence[str]) -> List[Tuple[float, float, float]]:
    """Give each kind of term a hue, and each of its layers a shade: dark for the first, light for the last.

    Parameters
    ----------
    names : sequence of str
        Names of terms. The first word is the kind: "style conv1_1".

    Returns
    -------
    list of (red, green, blue)
        0..1.

    Examples
    --------
    >>> term_colours(["content conv4_2"]) == term_colours(["style conv1_1"])
    False
    """
    kinds = [name.split()[0] for name in names]
    hues = {"style": 0.6, "content": 0.07}
    colours = []
    for place, kind in enumerate(kinds):
        part = kinds[:place].count(kind) / kinds.count(kind)
        colours.append(colorsys.hls_to_rgb(hues.get(kind, 0.35), 0.28 + 0.5 * part, 0.85))
    return colours
