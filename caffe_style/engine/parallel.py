"""pycaffe's names for training on several GPUs, which this engine does not do: it says so."""

from __future__ import annotations

from typing import Any, NoReturn

from ..errors import BackendError

_WHY = "training on several GPUs (NCCL) is not in this engine: train on one device, without NCCL"


def has_nccl() -> bool:
    """Whether several GPUs can train together: never."""
    return False


class NCCL:
    """Fails, and says why.

    Raises
    ------
    BackendError
        Always.
    """

    def __init__(self, solver: Any, uid: bytes) -> None:
        raise BackendError(_WHY)

    @staticmethod
    def new_uid() -> NoReturn:
        """Fails likewise: this is what a script that trains on several GPUs calls first."""
        raise BackendError(_WHY)


def solver_count() -> int:
    """Number of solvers that train together: one."""
    return 1


def set_solver_count(count: int) -> None:
    """Say that so many solvers train together.

    Raises
    ------
    BackendError
        For more than one.
    """
    if count != 1:
        raise BackendError(_WHY)


def solver_rank() -> int:
    """Which of the solvers this is: the first."""
    return 0


def set_solver_rank(rank: int) -> None:
    """Say which of the solvers this is.

    Raises
    ------
    BackendError
        For another than the first.
    """
    if rank != 0:
        raise BackendError(_WHY)


def set_multiprocess(on: bool) -> None:
    """Say that other solvers run in processes of their own; with one solver it makes no difference."""
