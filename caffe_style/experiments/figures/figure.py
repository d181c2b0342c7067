"""Remaking a figure of the paper: its pictures one by one, then a contact sheet of them."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np

from ...errors import CaffeStyleError, ImageError, OptionError
from ...networks import resources
from ...networks.network import Network, open_network
from ...pictures import images
from ...pictures.encoding import FORMATS
from ...pictures.sheets import Cell, contact_sheet
from ...scene.starts import PictureLike, name_of, read_picture
from ...system.files import check_apart
from .panel import Panel
from .picture import made, needs_network, used
from .table import get_figure

Step = Callable[[int, Any], None]


def figure(
    number: int,
    content: Optional[PictureLike],
    style: Union[PictureLike, Sequence[PictureLike], None],
    network: Network,
    folder: Union[str, Path] = "figures",
    *,
    size: int = 320,
    iterations: int = 100,
    seed: int = 0,
    callback: Optional[Step] = None,
) -> Path:
    """Remake a figure of the paper, with pictures of your own or with the project's.

    Its pictures are written to `folder/figure-NN/`, and the sheet to `folder/figure-NN.png`. Existing pictures
    with equal parameters are kept, so that an interrupted figure can be continued by calling this again.

    Parameters
    ----------
    number : int
        1 to 14.
    content : path or ndarray (H, W, 3) uint8 RGB, or None
        Photograph. None is the example that suits the figure.
    style : path, ndarray (H, W, 3) uint8 RGB, a sequence of these, or None
        Painting, or another photograph in figures 9 to 12. Figure 1 shows all of several, the others the first.
    network : Network
        Network of all pictures except those that show other networks. A network without weights is left out,
        and named below. Any other picture that cannot be made becomes an empty field with the reason.
    folder : path
        Folder to write to, which is made if its parent exists.
    size : int
        Long edge of the pictures in pixels.
    iterations : int
        Number of iterations for each picture.
    seed : int
        Seed of the noise.
    callback : callable, optional
        `callback(steps, record)` after each iteration of each picture, steps counted over the whole figure.

    Returns
    -------
    Path
        The contact sheet.

    Raises
    ------
    CaffeStyleError
        If the whole figure cannot be made.
    KeyboardInterrupt
        At Ctrl-C. Finished pictures are kept.

    Examples
    --------
    >>> import caffe_style as cs
    >>> network = cs.open_network("strokenet")
    >>> cs.figure(5, None, None, network, size=32, iterations=1).name
    'figure-05.png'
    """
    folder = Path(folder)
    if folder.suffix.lower() in FORMATS and not folder.is_dir():
        raise ImageError("%s: figures are written to a folder: give its name" % folder)
    given = {"content": _listed(content), "style": _listed(style)}
    wanted = get_figure(number, len(given["style"]))
    panels = figure_panels(number, network, len(given["style"]))
    for which, example in (("content", wanted.content), ("style", wanted.style)):
        given[which] = given[which] or [resources.folder("examples") / example]
    originals = {which: [read_picture(each) for each in some] for which, some in given.items()}
    names = {which: [name_of(each) for each in some] for which, some in given.items()}
    sheet = _folder(folder) / ("figure-%02d.png" % number)
    paths = [each for some in given.values() for each in some if isinstance(each, (str, Path))]
    check_apart([sheet], paths)
    _folder(sheet.with_suffix(""))
    shared = {"size": size, "iterations": iterations}
    cells: List[Cell] = []
    missing: List[str] = []
    for place, (panel, opened) in enumerate(_with_networks(panels, network)):
        if not needs_network(panel):
            picture = used(originals, panel)[panel.experiment][0]
            cells.append(Cell(panel.label, images.resize(picture, size)))
            continue
        if isinstance(opened, CaffeStyleError):
            _warn(panel, opened)
            missing.append(panel.label)
            continue
        settings = {**shared, "seed": seed, **panel.parameters}
        if callback is not None:
            done = len([panel for panel in panels[:place] if needs_network(panel)]) * iterations
            settings["callback"] = lambda record, image, done=done: callback(
                done + record.iteration, record
            )
        name = "%02d-%s.png" % (place, re.sub(r"[^a-z0-9]+", "-", panel.label.lower()).strip("-"))
        path = sheet.with_suffix("") / name
        try:
            cells.append(Cell(panel.label, made(path, panel, opened, originals, names, settings)))
        except CaffeStyleError as error:
            _warn(panel, error)
            cells.append(Cell("%s: %s" % (panel.label, error), None))
    shown = {panel.model or network.name for panel in panels if needs_network(panel)}
    by = "%s, " % network.name if len(shown) == 1 else ""
    title = "Figure %d. %s (%s%d iterations)" % (number, wanted.title, by, iterations)
    note = "Without weights here: %s." % ", ".join(missing) if missing else ""
    noted = {which: some[0] if len(some) == 1 else some for which, some in names.items()}
    images.write_image(
        sheet,
        contact_sheet(title, cells, wanted.columns, size, note),
        {"figure": number, "model": network.name, **noted, **shared, "seed": seed},
    )
    return sheet


def figure_panels(number: int, network: Network, styles: int = 1) -> List[Panel]:
    """Return the panels of a figure with a network's layers, for a number of style pictures.

    Raises
    ------
    OptionError
        If there is no such figure, or the model has no content layers or fewer than three style layers.
    """
    wanted = get_figure(number, styles)
    if len(network.model.style_layers) < 3 or not network.model.content_layers:
        raise OptionError(
            "figures need a model with content layers and three style layers or more: name them in a"
            " readme.md in the folder of %s" % network.model.prototxt
        )
    return wanted.panels(network.model)


def _with_networks(panels: List[Panel], network: Network) -> Iterator[Tuple[Panel, Any]]:
    """Yield each panel with its network, or with the error of opening it. Networks are opened one at a time."""
    for panel in panels:
        opened: Any = network
        if panel.model not in ("", network.name):
            try:
                opened = open_network(panel.model, network.backend)
            except CaffeStyleError as error:
                opened = error
        yield panel, opened


def _warn(panel: Panel, error: CaffeStyleError) -> None:
    logging.getLogger("caffe_style").warning("%s: not made: %s", panel.label, error)


def _listed(given: Any) -> List[Any]:
    """Return one picture, several, or none as a list."""
    if given is None:
        return []
    return [given] if isinstance(given, (str, os.PathLike, np.ndarray)) else list(given)


def _folder(path: Path) -> Path:
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise ImageError("%s: cannot be made a folder (%s)" % (path, error.strerror)) from None
    return path
