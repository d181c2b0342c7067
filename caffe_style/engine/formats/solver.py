"""Solver prototxt: how a net is trained, as text."""

from __future__ import annotations

import os
from typing import Any

from ...errors import PrototxtError
from ..proto.caffe_pb2 import SolverParameter
from .prototxt import parse_message, read_text

#: The names that the old enum's values have now.
_TYPES = {
    SolverParameter.SGD: "SGD",
    SolverParameter.NESTEROV: "Nesterov",
    SolverParameter.ADAGRAD: "AdaGrad",
    SolverParameter.RMSPROP: "RMSProp",
    SolverParameter.ADADELTA: "AdaDelta",
    SolverParameter.ADAM: "Adam",
}


def read_solver(path: str) -> Any:
    """Read a solver definition, brought to the current format.

    Snapshots without a prefix get the file's own name without its suffix; a folder as prefix gets it appended.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    SolverParameter

    Raises
    ------
    MissingPrototxtError
        Where the file cannot be opened; it is a RuntimeError too.
    PrototxtError
        Where it does not parse, with line and column, or has both `type` and the old `solver_type`.
    """
    param = parse_message(SolverParameter(), read_text(path), path)
    if param.HasField("solver_type"):
        if param.HasField("type"):
            raise PrototxtError("give type alone: solver_type is its old form", path)
        param.type = _TYPES[param.solver_type]
        param.ClearField("solver_type")
    stem = os.path.splitext(path)[0]
    if not param.HasField("snapshot_prefix"):
        param.snapshot_prefix = stem
    elif os.path.isdir(param.snapshot_prefix):
        param.snapshot_prefix = os.path.join(param.snapshot_prefix, os.path.basename(stem))
    return param
