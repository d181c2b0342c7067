"""What makes a run the run it is: written into its checkpoints, and compared when it is resumed."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from ..backends.select import get_threads
from ..errors import CheckpointError
from ..networks.network import Network
from ..scene.scene import Pictures
from ..scene.starts import read_picture
from ..scene.styles import Style, as_styles
from .checkpoint import digest
from .settings import Settings


def describe_run(
    network: Network, pictures: Pictures, parameters: Dict[str, Any], tiles: List[Optional[int]]
) -> Dict[str, Any]:
    """Everything that a run depends on; `checkpoint.Saved.run`."""
    return {
        "parameters": parameters,
        "identity": _identity(network, pictures),
        "network": network.opened,
        "threads": get_threads(),
        "tiles": tiles,
        "folder": os.getcwd(),
    }


def _identity(network: Network, pictures: Pictures) -> Dict[str, Any]:
    """What must not change, by what an error calls it."""
    blobs = [np.asarray(blob.data) for layer in network.net.params.values() for blob in layer]
    found: Dict[str, Any] = {"network": digest(*blobs)}
    if pictures.content is not None:
        found["content picture"] = digest(pictures.content)
    for number, style in enumerate(pictures.styles, 1):
        which = "style" if len(pictures.styles) == 1 else "style %d" % number
        found["picture for the %s" % which] = digest(style.picture)
        found["weight of the %s" % which] = float(style.weight)
        if style.mask is not None:
            found["mask of the %s" % which] = digest(read_picture(style.mask))
    return found


def arguments_of(
    run: Dict[str, Any],
) -> Tuple[Optional[str], Optional[List[Style]], Dict[str, Any]]:
    """Content, styles and options of `transfer` that make a saved run again.

    Raises
    ------
    CheckpointError
        When its pictures came as arrays, from no file.
    """
    parameters = run["parameters"]
    styles = [
        style._replace(picture=_file(run, style.picture), mask=_file(run, style.mask))
        for style in as_styles(parameters["style"])
    ]
    settings = {name: parameters[name] for name in Settings._fields}
    return _file(run, parameters["content"]), styles or None, settings


def _file(run: Dict[str, Any], name: Optional[str]) -> Optional[str]:
    if name is None:
        return None
    path = os.path.join(run["folder"], name)
    if name == "array" and not os.path.exists(path):
        raise CheckpointError(
            "this run's pictures came as arrays: call transfer with them and with "
            "checkpoint=Checkpoint(..., resume=FILE)"
        )
    return path
