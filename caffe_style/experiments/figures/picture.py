"""One picture of a figure: made, or kept if it is there already."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np

from ... import __version__
from ...errors import ImageError
from ...networks.network import Network
from ...pictures import images
from ...runs.synthesis import Result
from ..feature import feature
from ..generated import element, sparse
from ..transfer import texture, transfer
from .panel import Panel


def needs(panel: Panel) -> Tuple[str, ...]:
    """Return which input pictures a panel needs."""
    return {
        "transfer": ("content", "style"),
        "texture": ("style",),
        "sparse": ("style",),
        "content": ("content",),
        "style": ("style",),
    }.get(panel.experiment, ())


def needs_network(panel: Panel) -> bool:
    """Return whether a panel is optimised, not only shown."""
    return panel.experiment not in ("content", "style")


def used(given: Dict[str, List[Any]], panel: Panel) -> Dict[str, List[Any]]:
    """Return those of the content and style pictures, or of their names, that a panel uses."""
    styles = given["style"]
    chosen = {
        "content": given["content"],
        "style": styles if panel.style is None else styles[panel.style : panel.style + 1],
    }
    return {which: chosen[which] for which in needs(panel)}


def made(
    path: Path,
    panel: Panel,
    network: Network,
    originals: Dict[str, List[np.ndarray]],
    names: Dict[str, List[Any]],
    settings: Dict[str, Any],
) -> np.ndarray:
    """Make a picture, or keep the existing one if it was made with equal parameters.

    Parameters
    ----------
    path : Path
        File of the picture.
    panel : Panel
    network : Network
    originals, names : dict of str to list
        Content and style pictures, (H, W, 3) uint8 RGB, and their names for the metadata.
    settings : dict
        Settings of the panel's experiment.

    Returns
    -------
    ndarray, (H, W, 3) uint8

    Raises
    ------
    CaffeStyleError
        If it cannot be made.
    KeyboardInterrupt
        At Ctrl-C.
    """
    pictures = used(originals, panel)
    asked = {name: value for name, value in settings.items() if name != "callback"}
    key = {"version": __version__, "experiment": panel.experiment, **asked}
    key.update((which, _one([_digest(each) for each in some])) for which, some in pictures.items())
    key = json.loads(json.dumps({**key, "network": _identity(network)}))
    if path.is_file():
        try:
            if images.read_metadata(path).get("made_by") == key:
                return images.read_image(path)
        except ImageError:
            pass  # a broken file is made again
    result = _make(panel, network, pictures, settings)
    if result.status == "interrupted":
        raise KeyboardInterrupt
    noted = {which: _one(some) for which, some in used(names, panel).items()}
    images.write_image(path, result.image, {**result.parameters, **noted, "made_by": key})
    return result.image


def _make(
    panel: Panel,
    network: Network,
    pictures: Dict[str, List[np.ndarray]],
    settings: Dict[str, Any],
) -> Result:
    if panel.experiment == "transfer":
        return transfer(pictures["content"][0], pictures["style"], network, **settings)
    if panel.experiment == "texture":
        return texture(pictures["style"], network, **settings)
    if panel.experiment == "sparse":
        return sparse(network, like=pictures["style"][0], **settings)
    return {"element": element, "feature": feature}[panel.experiment](network, **settings)


def _identity(network: Network) -> Dict[str, str]:
    """Return what distinguishes networks of the same name: their responses, to three digits."""
    last = list(network.model.style_layers)[-1]
    response = network.features(images.coloured_noise(64, 64, 1.0, 0), [last])[last]
    return {"model": network.name, "backend": network.backend, "response": "%.2e" % response.mean()}


def _one(some: List[Any]) -> Any:
    return some[0] if len(some) == 1 else some


def _digest(image: np.ndarray) -> str:
    return hashlib.sha1(
        np.ascontiguousarray(image).tobytes() + str(image.shape).encode()
    ).hexdigest()
