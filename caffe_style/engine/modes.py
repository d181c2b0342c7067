"""Caffe's global switches: mode and device."""

from __future__ import annotations

import os
import sys

from ..errors import BackendError
from .devices import GPUS, use_device

#: Where its value is "cpu", set_mode_gpu() does without a GPU.
VARIABLE = "CAFFE_STYLE_GPU"

_index = 0
_told = False


def set_mode_cpu() -> None:
    """Run every net on the CPU."""
    use_device("cpu")


def set_mode_gpu() -> None:
    """Run every net on a GPU: CUDA where it is, else OpenCL.

    Where there is none and the environment has CAFFE_STYLE_GPU=cpu (which `install_as_caffe(gpu="cpu")` sets),
    nets run on the CPU, and one line says so.

    Raises
    ------
    BackendError
        When the engine has no GPU device here.
    """
    reasons = []
    for name in GPUS:
        try:
            use_device(name, _index)
            return
        except BackendError as error:
            reasons.append(str(error))
    why = "; ".join(reasons)
    if os.environ.get(VARIABLE) != "cpu":
        raise BackendError(
            "no GPU here, leave set_mode_gpu() out or set %s=cpu in the environment: %s"
            % (VARIABLE, why)
        )
    _tell("caffe_style: no GPU here, set_mode_gpu() stays on the cpu: %s" % why)
    use_device("cpu")


def _tell(message: str) -> None:
    global _told
    if not _told:
        _told = True
        print(message, file=sys.stderr)


def set_device(index: int) -> None:
    """Choose the GPU that a later `set_mode_gpu` takes."""
    global _index
    _index = int(index)
