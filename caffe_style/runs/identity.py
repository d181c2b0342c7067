"""The identity of a run: saved in its checkpoints, and compared when the run is resumed."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from ..backends.threads import get_threads
from ..errors import CheckpointError, OptionError
from ..networks.network import Network
from ..scene.inputs import Inputs
from ..scene.starts import PictureLike, read_picture
from ..scene.styles import as_styles
from ..settings.transfer import TransferSettings
from .request import Request
from .same_run import RANDOM, digest


def describe_run(
    network: Network,
    inputs: Inputs,
    parameters: Dict[str, Any],
    tiles: List[Optional[int]],
    segmentations: Sequence[PictureLike] = (),
) -> Dict[str, Any]:
    """Describe everything that a run depends on, for `checkpoint.Saved.run`."""
    return {
        "parameters": parameters,
        "identity": _identity(network, inputs, segmentations),
        "network": network.opened,
        "threads": get_threads(),
        "tiles": tiles,
        "folder": os.getcwd(),
    }


def _identity(
    network: Network, inputs: Inputs, segmentations: Sequence[PictureLike]
) -> Dict[str, Any]:
    """Return the values that must be equal in the resumed run, by their names in error messages."""
    found: Dict[str, Any] = {"network": _network_identity(network)}
    if inputs.content is not None:
        found["content picture"] = digest(inputs.content)
    for number, style in enumerate(inputs.styles, 1):
        which = "style" if len(inputs.styles) == 1 else "style %d" % number
        found["picture for the %s" % which] = digest(style.picture)
        found["weight of the %s" % which] = float(style.weight)
        for what, mask in (("mask", style.mask), ("own mask", style.style_mask)):
            if mask is not None:
                found["%s of the %s" % (what, which)] = digest(read_picture(mask))
    for which, guides in zip(("content", "style"), segmentations):
        found["segmentation of the %s picture" % which] = digest(read_picture(guides))
    return found


def _network_identity(network: Network) -> str:
    """Return a hash of a network's weights, or the seed and the shapes of random filters.

    The scale of random filters is computed, so their last bits depend on the processor.
    """
    blobs = [np.asarray(blob.data) for layer in network.net.params.values() for blob in layer]
    opened = network.opened
    if not network.model.random or not opened or opened["weights_file"] is not None:
        return digest(*blobs)
    shapes = np.concatenate([blob.shape for blob in blobs])
    return "%s, seed %d, %s" % (RANDOM, opened["seed"], digest(shapes))


def saved_request(run: Dict[str, Any]) -> Request:
    """Return the request that repeats a saved run.

    Raises
    ------
    CheckpointError
        If the pictures were arrays, not files, or the settings are not those of a transfer.
    """
    parameters = run["parameters"]
    try:
        settings = TransferSettings.noted_in(parameters)
        if settings.get("segments"):
            settings["segments"] = [_file(run, name) for name in settings["segments"]]
        styles = as_styles(parameters.get("style"))
    except OptionError as error:
        raise CheckpointError("the checkpoint is not one of a run: %s" % error) from None
    return Request(
        "transfer",
        _file(run, parameters.get("content")),
        tuple(style.with_files(lambda name: _file(run, name)) for style in styles),
        run["network"],
        run.get("threads"),
        settings,
        run.get("output"),
    )


def _file(run: Dict[str, Any], name: Optional[str]) -> Optional[str]:
    if name is None:
        return None
    path = os.path.join(run["folder"], name)
    if name == "array" and not os.path.exists(path):
        raise CheckpointError(
            "this run's pictures were arrays, not files: call transfer with them and with "
            "checkpoint=Checkpoint(..., resume=FILE)"
        )
    return path
