"""The chart of a comparison: time, memory, deviations, and how the loss falls."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Sequence

COLOUR, LIGHT = "#33658a", "#86bbd8"


def draw_chart(path: Path, report: Dict[str, Any]) -> None:
    """Draw it as PNG; rows that failed are left out. Needs matplotlib.

    Parameters
    ----------
    path : Path
    report : dict
        See `comparison.compare`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    settings = report["settings"]
    rows = [row for row in report["rows"] if "error" not in row]
    figure = Figure(figsize=(11, 5.6 + 0.5 * len(rows)), tight_layout=True)
    FigureCanvasAgg(figure)
    figure.suptitle(
        "%(model)s, %(iterations)d iterations at %(size)d pixels" % settings, fontsize="large"
    )
    grid = figure.add_gridspec(3, 2, height_ratios=[1, 1, 2.2])
    _bars(figure.add_subplot(grid[0, 0]), rows, "seconds to start", ["startup_seconds"])
    evaluation = figure.add_subplot(grid[0, 1])
    _bars(evaluation, rows, "seconds an evaluation: median, 10 to 90 %", ["evaluation_seconds"])
    for place, row in enumerate(rows):
        low, high = row["evaluation_low"], row["evaluation_high"]
        evaluation.plot([low, high], [place, place], "k|-", linewidth=1)
    memory = ["host_bytes", "device_bytes"]
    _bars(figure.add_subplot(grid[1, 0]), rows, "peak memory in MB: host, device", memory, 1e-6)
    deviations = ["loss_deviation", "gradient_deviation"]
    axes = figure.add_subplot(grid[1, 1])
    _bars(axes, rows, "deviation from float64: loss, gradient", deviations)
    if any(row.get(name) for row in rows for name in deviations):
        axes.set_xscale("log")
    _curves(figure.add_subplot(grid[2, :]), rows)
    figure.savefig(str(path), dpi=110)


def _bars(
    axes: Any, rows: Sequence[Dict[str, Any]], title: str, names: List[str], unit: float = 1.0
) -> None:
    """One bar for each of `names` in each row; what is not known has none."""
    axes.set_title(title, fontsize="medium")
    height = 0.8 / len(names)
    for shift, (name, colour) in enumerate(zip(names, (COLOUR, LIGHT))):
        places = [place - 0.4 + height * (shift + 0.5) for place in range(len(rows))]
        axes.barh(places, [(row.get(name) or 0) * unit for row in rows], height, color=colour)
    axes.set_yticks(range(len(rows)))
    axes.set_yticklabels([row["name"] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.spines[["top", "right"]].set_visible(False)


def _curves(axes: Any, rows: Sequence[Dict[str, Any]]) -> None:
    """Losses as parts of where they began: implementations weigh them in units of their own."""
    axes.set_title("loss, relative to the first", fontsize="medium")
    for row in rows:
        seconds, losses = zip(*row["curve"])
        axes.plot(seconds, [loss / row["first_loss"] for loss in losses], label=row["name"])
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("seconds, without the start")
    axes.spines[["top", "right"]].set_visible(False)
    if rows:
        axes.legend(fontsize="small")
