"""The embedded Caffe: pycaffe's interface on our own engine.

`import caffe_style.engine as caffe` is what an old script needs; `caffe_style.install_as_caffe()` makes its
`import caffe` mean this package.
"""

from __future__ import annotations

from . import io, proto
from .classifier import Classifier, Detector
from .devices import current_device, use_device
from .fillers import set_random_seed
from .layers import REGISTRY
from .layers import PythonLayer as Layer
from .modes import set_device, set_mode_cpu, set_mode_gpu
from .net_spec import NetSpec, layers, params, to_proto
from .pycaffe import TEST, TRAIN, Blob, Net
from .solvers import (
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    RMSPropSolver,
    SGDSolver,
    Solver,
    get_solver,
)

#: The version of Caffe whose behaviour this reproduces.
__version__ = "1.0.0"


def layer_type_list() -> list:
    """Names of all layer types, sorted."""
    return sorted(REGISTRY)


__all__ = [
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "Blob",
    "Classifier",
    "Detector",
    "Layer",
    "Net",
    "NesterovSolver",
    "NetSpec",
    "RMSPropSolver",
    "SGDSolver",
    "Solver",
    "TEST",
    "TRAIN",
    "current_device",
    "get_solver",
    "io",
    "layer_type_list",
    "layers",
    "params",
    "proto",
    "set_device",
    "set_mode_cpu",
    "set_mode_gpu",
    "set_random_seed",
    "to_proto",
    "use_device",
]
