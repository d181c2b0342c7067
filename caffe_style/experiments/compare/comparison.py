"""A comparison: it makes the rows one after another, and writes the report."""

from __future__ import annotations

import logging
import os
import platform
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Sequence, Union

import numpy as np

from ...engine.native.cpus import available_cpus
from ...errors import CaffeStyleError, OptionError
from ...networks import resources, zoo
from ...pictures import images
from ...scene.starts import PictureLike, name_of, read_picture
from .pairs import Entry, entries
from .process import run_worker
from .report import write_report

Row = Dict[str, Any]


def compare(
    content: Optional[PictureLike] = None,
    style: Optional[PictureLike] = None,
    model: Union[str, Path] = "vgg19",
    folder: Union[str, Path] = "comparison",
    *,
    backends: Optional[Sequence[str]] = None,
    implementations: Optional[Sequence[str]] = None,
    device: int = 0,
    weights_file: Optional[Union[str, Path]] = None,
    pooling: Optional[str] = None,
    size: int = 256,
    iterations: int = 50,
    seed: int = 0,
    threads: Optional[int] = None,
    timeout: float = 1800.0,
    callback: Optional[Callable[[int, float], Any]] = None,
) -> Dict[str, Any]:
    """Make the same picture on several backends, or by the conventions of several implementations.

    Each runs in its own process, one after another, so that they do not affect each other. If one fails, its
    row has the reason.

    Parameters
    ----------
    content, style : path or ndarray (H, W, 3) uint8 RGB, optional
        Pictures; by default the project's examples.
    model : str or path
        Model, see `open_network`. All rows share the same random filters.
    folder : path
        Folder for compare.json, compare.csv, chart.png, sheet.png and pictures/. It is made if its parent
        exists.
    backends : sequence of str, optional
        Names in `caffe_style.backends.select.BACKENDS`. By default all available ones, or with implementations
        the first of these.
    implementations : sequence of str, optional
        Names in `caffe_style.experiments.presets.PRESETS`: a row for each, on each backend. All rows have the
        same size and number of iterations.
    device, weights_file, pooling, seed
        As in `open_network`.
    size : int
        Long edge in pixels.
    iterations : int
        Number of accepted steps of L-BFGS.
    threads : int, optional
        Number of CPU threads.
    timeout : float
        Seconds after which a row is stopped.
    callback : callable, optional
        `callback(steps, loss)` after each iteration, steps counted over all rows.

    Returns
    -------
    dict
        As in compare.json: "machine", "settings", and "rows", each with either "error" or startup_seconds
        (until the first evaluation begins), evaluation_seconds (median), evaluation_low and evaluation_high
        (10th and 90th percentile), host_bytes and device_bytes (peaks), loss_deviation and
        gradient_deviation (largest relative deviation from float64, see `worker`), first_loss, final_loss,
        and curve: [seconds, loss] after each iteration.

    Raises
    ------
    CaffeStyleError
        If no backend could make the picture: a name is unknown, weights are missing, or the picture is too
        small.

    Examples
    --------
    >>> from caffe_style import compare
    >>> report = compare(model="strokenet", backends=["cpu", "numpy"])  # doctest: +SKIP
    """
    wanted = entries(backends, implementations)
    described = zoo.get_model(model)
    if size < 16:
        raise OptionError("size must be at least 16 pixels, not %r" % size)
    if iterations < 1:
        raise OptionError("iterations must be at least 1, not %r" % iterations)
    pictures = {
        "content": _example("cat.jpg") if content is None else content,
        "style": _example("fractal.jpg") if style is None else style,
    }
    originals = {kind: read_picture(each) for kind, each in pictures.items()}
    names = {kind: name_of(each) for kind, each in pictures.items()}
    folder = _folder(Path(folder))
    settings = {
        **names,
        "model": described.name,
        "size": size,
        "iterations": iterations,
        "seed": seed,
        "threads": threads,
        "pooling": pooling,
    }
    machine = {
        "system": platform.platform(),
        "processors": available_cpus(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    report: Dict[str, Any] = {"machine": machine, "settings": settings, "rows": []}
    with tempfile.TemporaryDirectory() as scratch:
        job = {
            **settings,
            "model": str(model),
            "weights": None if weights_file is None else str(weights_file),
            "device": device,
            "names": names,
        }
        for kind, image in originals.items():
            job[kind] = os.path.join(scratch, kind + ".png")
            images.write_image(job[kind], image)
        references: Dict[Optional[str], Dict[str, Any]] = {}
        for place, entry in enumerate(wanted):
            own = {**job, "backend": entry.backend, "implementation": entry.implementation}
            if entry.implementation not in references:
                references[entry.implementation] = _reference(own, scratch, timeout)
            own.update(references[entry.implementation])
            report["rows"].append(
                _row(entry, own, folder, timeout, _counting(callback, place * iterations))
            )
            # The report is written after each row, so that an interrupted comparison keeps its rows.
            write_report(report, originals, folder)
    return report


def _example(name: str) -> Path:
    return resources.folder("examples") / name


def _folder(path: Path) -> Path:
    for each in (path, path / "pictures"):
        try:
            each.mkdir(exist_ok=True)
        except OSError as error:
            raise OptionError("%s: cannot be made a folder (%s)" % (each, error.strerror)) from None
        if not os.access(str(each), os.W_OK | os.X_OK):
            raise OptionError("%s: no permission to write in this folder" % each)
    return path


def _reference(job: Dict[str, Any], scratch: str, timeout: float) -> Dict[str, Any]:
    """Return the common part of one implementation's jobs: the weights, and the file of the float64 values.

    Raises
    ------
    CaffeStyleError
        If the network cannot be opened or does not allow the size. Every row would have the same error.
    """
    stem = os.path.join(scratch, job["implementation"] or "default")
    shared = {"reference": stem + ".npz", "random_weights": stem + ".caffemodel"}
    found = run_worker({**job, **shared, "task": "reference"}, timeout, lambda message: None)
    if "error" in found:
        raise CaffeStyleError(found["error"])
    if "without" in found:
        logging.getLogger("caffe_style").warning("no deviations: %s", found["without"])
    if found["random"] and job["weights"] is None:
        shared["weights"] = shared["random_weights"]
    return shared


def _row(
    entry: Entry,
    job: Dict[str, Any],
    folder: Path,
    timeout: float,
    listen: Callable[[Dict[str, Any]], None],
) -> Row:
    picture = "pictures/%s.png" % entry.name.replace(" ", "-")
    job = {**job, "task": "measure", "picture": str(folder / picture)}
    found = run_worker(job, timeout, listen)
    row = {**entry._asdict(), **found}
    if "error" in found:
        logging.getLogger("caffe_style").warning("%s: %s", entry.name, found["error"])
    else:
        row["picture"] = picture
    return row


def _counting(
    callback: Optional[Callable[[int, float], Any]], done: int
) -> Callable[[Dict[str, Any]], None]:
    def listen(message: Dict[str, Any]) -> None:
        if callback is not None:
            callback(done + message["iteration"], message["loss"])

    return listen
