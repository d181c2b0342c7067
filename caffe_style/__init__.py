"""Artistic style transfer on Caffe networks: the system of Nikulin & Novak (2016).

    import caffe_style as cs

    network = cs.open_network("vgg19")
    result = cs.transfer("photograph.jpg", "painting.jpg", network, iterations=200)
    result.image     # (H, W, 3) uint8 RGB
    result.history   # one record for each evaluation

Importing this package loads no library. Each public name is imported when it is first used.
"""

from __future__ import annotations

import importlib

# Not typing's own: it takes longer to load than all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "open_network": "networks.network",
    "transfer": "experiments.transfer",
    "texture": "experiments.transfer",
    "reconstruct": "experiments.transfer",
    "resume": "runs.resume",
    "Checkpoint": "runs.checkpoint",
    "show_regions": "experiments.regions",
    "element": "experiments.generated",
    "sparse": "experiments.generated",
    "feature": "experiments.feature",
    "statistics": "experiments.statistics",
    "figure": "experiments.figures.figure",
    "compare": "experiments.compare",
    "get_preset": "experiments.presets",
    "read_image": "pictures.images",
    "write_image": "pictures.images",
    "Preview": "watch.preview",
    "Animation": "watch.animation",
    "list_models": "networks.zoo",
    "install_as_caffe": "engine.shim",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError("module 'caffe_style' has no attribute '%s'" % name)
    return getattr(importlib.import_module("." + _PUBLIC[name], __name__), name)
