"""Caffe's global switches: mode, device, seed."""

from __future__ import annotations

from ..errors import BackendError
from .devices import use_device

_index = 0


def set_mode_cpu() -> None:
    """Run every net on the CPU."""
    use_device("cpu")


def set_mode_gpu() -> None:
    """Run every net on a GPU: CUDA where it is, else OpenCL.

    Raises
    ------
    BackendError
        When the engine has no GPU device here.
    """
    reasons = []
    for name in ("cuda", "opencl"):
        try:
            use_device(name, _index)
            return
        except BackendError as error:
            reasons.append(str(error))
    raise BackendError("no GPU here, leave set_mode_gpu() out: %s" % "; ".join(reasons))


def set_device(index: int) -> None:
    """Choose the GPU that a later `set_mode_gpu` takes."""
    global _index
    _index = int(index)
