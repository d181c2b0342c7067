"""Reports of a comparison: a table, JSON, CSV and a contact sheet. The chart is drawn in `chart`."""

from __future__ import annotations

import csv
import json
import logging
from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np

from ...backends.estimate import as_text
from ...pictures import images
from ...pictures.sheets import Cell, contact_sheet
from ...system.files import write_whole
from ..presets import get_preset
from .chart import draw_chart

Report = Dict[str, Any]

#: Columns of the CSV.
FIELDS = (
    "name",
    "backend",
    "implementation",
    "startup_seconds",
    "evaluation_seconds",
    "evaluation_low",
    "evaluation_high",
    "evaluations",
    "iterations",
    "seconds",
    "host_bytes",
    "device_bytes",
    "loss_deviation",
    "gradient_deviation",
    "first_loss",
    "final_loss",
    "picture",
    "error",
)


def table(report: Report) -> List[str]:
    """Return the comparison as aligned lines of text. A row that failed is a line with its reason."""
    heads = ("", "start-up", "evaluation", "10-90 %", "host", "device")
    heads += ("loss off", "gradient off", "first loss", "last loss")
    cells = [heads] + [_cells(row) for row in report["rows"]]
    whole = [line for line in cells if len(line) == len(heads)]
    widths = [max(len(line[column]) for line in whole) for column in range(len(heads))]
    widths[0] = max(len(line[0]) for line in cells)
    lines = []
    for line in cells:
        name, rest = line[0].ljust(widths[0]), line[1:]
        if len(line) == len(heads):
            rest = tuple(text.rjust(width) for text, width in zip(rest, widths[1:]))
        lines.append("  ".join((name,) + rest).rstrip())
    return lines


def write_report(report: Report, originals: Dict[str, np.ndarray], folder: Path) -> None:
    """Write compare.json, compare.csv and sheet.png and, if matplotlib is installed, chart.png.

    Parameters
    ----------
    report : dict
        See `comparison.compare`.
    originals : dict of str to ndarray
        The content and style pictures.
    folder : Path
        Folder of the comparison, which has the rows' pictures.
    """
    write_whole(folder / "compare.json", lambda path: path.write_text(json.dumps(report, indent=1)))
    write_whole(folder / "compare.csv", lambda path: _write_csv(path, report))
    images.write_image(folder / "sheet.png", _sheet(report, originals, folder))
    if all("error" in row for row in report["rows"]):
        return
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        logging.getLogger("caffe_style").info(
            "no chart: it needs matplotlib (pip install matplotlib)"
        )
        return
    write_whole(folder / "chart.png", lambda path: draw_chart(path, report))


def _cells(row: Dict[str, Any]) -> tuple:
    if "error" in row:
        return (row["name"], "failed: " + row["error"])
    return (
        row["name"],
        "%.1f s" % row["startup_seconds"],
        "%.3f s" % row["evaluation_seconds"],
        "%.3f-%.3f" % (row["evaluation_low"], row["evaluation_high"]),
        _bytes(row["host_bytes"]),
        _bytes(row["device_bytes"]),
        _deviation(row.get("loss_deviation")),
        _deviation(row.get("gradient_deviation")),
        "%.4g" % row["first_loss"],
        "%.4g" % row["final_loss"],
    )


def _bytes(size: Optional[int]) -> str:
    return "-" if size is None else as_text(size)


def _deviation(value: Optional[float]) -> str:
    return "-" if value is None else "%.0e" % value


def _write_csv(path: Path, report: Report) -> None:
    with open(str(path), "w", newline="") as file:
        rows = csv.DictWriter(file, FIELDS, extrasaction="ignore")
        rows.writeheader()
        rows.writerows(report["rows"])


def _sheet(report: Report, originals: Dict[str, np.ndarray], folder: Path) -> np.ndarray:
    settings = report["settings"]
    size = settings["size"]
    cells = [Cell(kind, images.resize(image, size)) for kind, image in originals.items()]
    for row in report["rows"]:
        if "error" in row:
            cells.append(Cell("%s: %s" % (row["name"], row["error"]), None))
            continue
        if row["implementation"]:
            # The losses of implementations have different units, so they are not shown.
            about = get_preset(row["implementation"]).title
        else:
            about = "%.3f s an evaluation, loss %.4g" % (
                row["evaluation_seconds"],
                row["final_loss"],
            )
        label = "%s: %s" % (row["name"], about)
        cells.append(Cell(label, images.read_image(folder / row["picture"])))
    title = "%s, %d iterations at %d pixels" % (settings["model"], settings["iterations"], size)
    return contact_sheet(title, cells, 3 if len(cells) <= 6 else 4, min(max(size, 192), 512))
