"""The embedded Caffe: pycaffe's interface on our own engine.

`import caffe_style.engine as caffe` is what an old script needs; `caffe_style.install_as_caffe()` makes its
`import caffe` mean this package.

May import system and errors.
"""

from __future__ import annotations

from . import io, proto
from .classifier import Classifier
from .detector import Detector
from .devices import current_device, use_device
from .fillers import set_random_seed
from .layers import PythonLayer as Layer
from .layers import layer_type_list, register_layer
from .log import init_log, log
from .modes import set_device, set_mode_cpu, set_mode_gpu
from .net_spec import NetSpec, layers, params, to_proto
from .parallel import (
    NCCL,
    has_nccl,
    set_multiprocess,
    set_solver_count,
    set_solver_rank,
    solver_count,
    solver_rank,
)
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
from .timer import Timer
from .version import __version__

__all__ = [
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "Blob",
    "Classifier",
    "Detector",
    "Layer",
    "NCCL",
    "Net",
    "NesterovSolver",
    "NetSpec",
    "RMSPropSolver",
    "SGDSolver",
    "Solver",
    "TEST",
    "TRAIN",
    "Timer",
    "__version__",
    "current_device",
    "get_solver",
    "has_nccl",
    "init_log",
    "io",
    "layer_type_list",
    "layers",
    "log",
    "params",
    "proto",
    "register_layer",
    "set_device",
    "set_mode_cpu",
    "set_mode_gpu",
    "set_multiprocess",
    "set_random_seed",
    "set_solver_count",
    "set_solver_rank",
    "solver_count",
    "solver_rank",
    "to_proto",
    "use_device",
]
