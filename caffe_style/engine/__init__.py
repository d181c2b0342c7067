"""The embedded Caffe: pycaffe's interface on our own engine.

`import caffe_style.engine as caffe` is what an old script needs; `caffe_style.install_as_caffe()` makes its
`import caffe` mean this package.
"""

from __future__ import annotations

from . import io, proto
from .devices import current_device, use_device
from .fillers import set_random_seed
from .layers import REGISTRY, Layer
from .pycaffe import TEST, TRAIN, Blob, Net

__version__ = "1.0.0"


def layer_type_list() -> list:
    """Names of all layer types, sorted."""
    return sorted(REGISTRY)


__all__ = [
    "Blob",
    "Layer",
    "Net",
    "TEST",
    "TRAIN",
    "current_device",
    "io",
    "layer_type_list",
    "proto",
    "set_random_seed",
    "use_device",
]
