"""The chart of a comparison: time, memory, deviations and loss curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Sequence

COLOURS = ("#33658a", "#86bbd8")
#: Start of the axis of deviations, below the precision of float32, 6e-8.
LEAST_DEVIATION = 1e-8
#: Ratio of the slowest to the fastest time above which the axis of time is logarithmic.
SPREAD = 6


def draw_chart(path: Path, report: Dict[str, Any]) -> None:
    """Draw the chart as PNG, without the rows that failed. This needs matplotlib.

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
    _bars(figure.add_subplot(grid[0, 0]), rows, "seconds to start", {"": "startup_seconds"})
    evaluation = figure.add_subplot(grid[0, 1])
    title = "seconds an evaluation: median, 10 to 90 %"
    _bars(evaluation, rows, title, {"": "evaluation_seconds"})
    for place, row in enumerate(rows):
        low, high = row["evaluation_low"], row["evaluation_high"]
        evaluation.plot([low, high], [place, place], "k|-", linewidth=1)
    memory = {"host": "host_bytes", "device": "device_bytes"}
    _bars(figure.add_subplot(grid[1, 0]), rows, "peak memory in MB", memory, 1e-6)
    deviations = {"loss": "loss_deviation", "gradient": "gradient_deviation"}
    axes = figure.add_subplot(grid[1, 1])
    _bars(axes, rows, "largest deviation from float64", deviations)
    if any(row.get(name) for row in rows for name in deviations.values()):
        axes.set_xscale("log")
        axes.set_xlim(left=LEAST_DEVIATION)
    _curves(figure.add_subplot(grid[2, :]), rows)
    figure.savefig(str(path), dpi=110)


def _bars(
    axes: Any,
    rows: Sequence[Dict[str, Any]],
    title: str,
    fields: Dict[str, str],
    unit: float = 1.0,
) -> None:
    """Draw a bar for each of `fields` (label -> name) in each row. Fields that no row has are left out."""
    axes.set_title(title, fontsize="medium")
    fields = {label: name for label, name in fields.items() if any(row.get(name) for row in rows)}
    height = 0.8 / max(len(fields), 1)
    for shift, (label, name) in enumerate(fields.items()):
        places = [place - 0.4 + height * (shift + 0.5) for place in range(len(rows))]
        values = [(row.get(name) or 0) * unit for row in rows]
        axes.barh(places, values, height, color=COLOURS[shift], label=label)
    if len(fields) > 1:
        axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    axes.set_yticks(range(len(rows)))
    names = [row["name"] for row in rows]
    if list(fields) == [""]:
        names = ["%s  %.3g" % (row["name"], row[fields[""]]) for row in rows]
    axes.set_yticklabels(names)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    _without_box(axes)


def _curves(axes: Any, rows: Sequence[Dict[str, Any]]) -> None:
    """Draw the losses relative to the first loss, since implementations have different units."""
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set_title("loss, relative to the first", fontsize="medium")
    for row in rows:
        seconds, losses = zip(*row["curve"])
        axes.plot(seconds, [loss / row["first_loss"] for loss in losses], label=row["name"])
    scaled = [axes.yaxis]
    axes.set_yscale("log")
    times = [row["seconds"] for row in rows]
    if rows and max(times) > SPREAD * min(times):
        axes.set_xscale("log")
        scaled.append(axes.xaxis)
    for axis in scaled:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter("{x:g}")
    axes.set_xlabel("seconds since the first evaluation began")
    _without_box(axes)
    if rows:
        axes.legend(fontsize="small", frameon=False)


def _without_box(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
