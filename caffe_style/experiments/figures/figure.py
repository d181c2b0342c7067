"""Remaking a figure of the paper: its pictures one by one, then a contact sheet of them."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Union

import numpy as np

from ... import __version__
from ...errors import CaffeStyleError, ImageError, OptionError
from ...networks.network import Network, open_network
from ...pictures import images
from ...pictures.sheets import Cell, contact_sheet
from ...runs.synthesis import Result
from ...scene.starts import PictureLike, name_of, read_picture
from ...system.files import check_apart
from ..feature import feature
from ..generated import element, sparse
from ..transfer import texture, transfer
from .panels import Panel, get_figure

Step = Callable[[int, Any], None]


def figure(
    number: int,
    content: Optional[PictureLike],
    style: Optional[PictureLike],
    network: Network,
    folder: Union[str, Path] = "figures",
    *,
    size: int = 256,
    iterations: int = 100,
    seed: int = 0,
    callback: Optional[Step] = None,
) -> Path:
    """Remake a figure of the paper with pictures of your own.

    Its pictures are written to `folder/figure-NN/`, and the sheet to `folder/figure-NN.png`. Existing pictures
    with equal parameters are kept, so that an interrupted figure can be continued by calling this again.

    Parameters
    ----------
    number : int
        1 to 14.
    content, style : path or ndarray (H, W, 3) uint8 RGB
        Pictures. One that the figure does not use may be None.
    network : Network
        Network of all pictures except those that show other networks. A picture that cannot be made, for
        instance because another network's weights are missing, becomes an empty field with the reason.
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
    wanted = get_figure(number)
    panels = figure_panels(number, network)
    originals = {"content": read_picture(content), "style": read_picture(style)}
    for which, image in originals.items():
        if image is None and any(which in needs(panel) for panel in panels):
            raise OptionError("figure %d needs a %s picture (--%s)" % (number, which, which))
    sheet = _folder(Path(folder)) / ("figure-%02d.png" % number)
    check_apart([sheet], [each for each in (content, style) if isinstance(each, (str, Path))])
    _folder(sheet.with_suffix(""))
    names = {"content": name_of(content), "style": name_of(style)}
    shared = {"size": size, "iterations": iterations}
    cells: List[Cell] = []
    for place, (panel, opened) in enumerate(_with_networks(panels, network)):
        done = len([panel for panel in panels[:place] if needs_network(panel)]) * iterations
        settings = {**shared, "seed": seed, **panel.parameters}
        if callback is not None:
            settings["callback"] = lambda record, image, done=done: callback(
                done + record.iteration, record
            )
        if not needs_network(panel):
            cells.append(Cell(panel.label, images.resize(originals[panel.experiment], size)))
            continue
        name = "%02d-%s.png" % (place, re.sub(r"[^a-z0-9]+", "-", panel.label.lower()).strip("-"))
        try:
            if isinstance(opened, CaffeStyleError):
                raise opened
            picture = _picture(
                sheet.with_suffix("") / name, panel, opened, originals, names, settings
            )
            cells.append(Cell(panel.label, picture))
        except CaffeStyleError as error:
            logging.getLogger("caffe_style").warning("%s: not made: %s", panel.label, error)
            cells.append(Cell("%s: %s" % (panel.label, error), None))
    title = "Figure %d. %s (%s, %d iterations)" % (number, wanted.title, network.name, iterations)
    images.write_image(
        sheet,
        contact_sheet(title, cells, wanted.columns, size),
        {"figure": number, "model": network.name, **names, **shared, "seed": seed},
    )
    return sheet


def figure_panels(number: int, network: Network) -> List[Panel]:
    """Return the panels of a figure with a network's layers.

    Raises
    ------
    OptionError
        If there is no such figure, or the model has no content layers or fewer than three style layers.
    """
    wanted = get_figure(number)
    if len(network.model.style_layers) < 3 or not network.model.content_layers:
        raise OptionError(
            "figures need a model with content layers and three style layers or more: name them in a"
            " readme.md in the folder of %s" % network.model.prototxt
        )
    return wanted.panels(network.model)


def needs_network(panel: Panel) -> bool:
    """Return whether a panel is optimised, not only shown."""
    return panel.experiment not in ("content", "style")


def needs(panel: Panel) -> Tuple[str, ...]:
    """Return which input pictures a panel needs."""
    return {
        "transfer": ("content", "style"),
        "texture": ("style",),
        "sparse": ("style",),
        "content": ("content",),
        "style": ("style",),
    }.get(panel.experiment, ())


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


def _picture(
    path: Path,
    panel: Panel,
    network: Network,
    originals: Dict[str, Optional[np.ndarray]],
    names: Dict[str, Optional[str]],
    settings: Dict[str, Any],
) -> np.ndarray:
    """Make a picture, or keep the existing one if it was made with equal parameters."""
    asked = {name: value for name, value in settings.items() if name != "callback"}
    pictures = {which: _digest(originals[which]) for which in needs(panel)}
    key = {"version": __version__, "experiment": panel.experiment, **pictures, **asked}
    key = json.loads(json.dumps({**key, "network": _identity(network)}))
    if path.is_file():
        try:
            if images.read_metadata(path).get("made_by") == key:
                return images.read_image(path)
        except ImageError:
            pass  # a broken file is made again
    result = _make(panel, network, originals, settings)
    if result.status == "interrupted":
        raise KeyboardInterrupt
    noted = {**result.parameters, **{which: names[which] for which in needs(panel)}}
    images.write_image(path, result.image, {**noted, "made_by": key})
    return result.image


def _make(
    panel: Panel,
    network: Network,
    originals: Dict[str, Optional[np.ndarray]],
    settings: Dict[str, Any],
) -> Result:
    if panel.experiment == "transfer":
        return transfer(originals["content"], originals["style"], network, **settings)
    if panel.experiment == "texture":
        return texture(originals["style"], network, **settings)
    if panel.experiment == "sparse":
        return sparse(network, like=originals["style"], **settings)
    return {"element": element, "feature": feature}[panel.experiment](network, **settings)


def _identity(network: Network) -> Dict[str, str]:
    """Return what distinguishes networks of the same name: their responses, to three digits."""
    last = list(network.model.style_layers)[-1]
    response = network.features(images.coloured_noise(64, 64, 1.0, 0), [last])[last]
    return {"model": network.name, "backend": network.backend, "response": "%.2e" % response.mean()}


def _digest(image: Optional[np.ndarray]) -> str:
    return hashlib.sha1(
        np.ascontiguousarray(image).tobytes() + str(image.shape).encode()
    ).hexdigest()


def _folder(path: Path) -> Path:
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise ImageError("%s: cannot be made a folder (%s)" % (path, error.strerror)) from None
    return path
