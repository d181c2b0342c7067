"""The number of CPU threads that compute."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, ContextManager

from ..errors import BackendError
from ..settings.machine import MOST_THREADS

if TYPE_CHECKING:
    from ..engine.devices import Device


def set_threads(threads: int) -> None:
    """Set the number of CPU threads of our kernels and of numpy's BLAS.

    The default is the number of CPUs that this process may use.

    Raises
    ------
    BackendError
        If the number is out of range.
    """
    # The limit applies only to libraries that are loaded already.
    import numpy  # noqa: F401
    from threadpoolctl import threadpool_limits

    from ..engine import native

    if not 1 <= threads <= MOST_THREADS:
        raise BackendError("threads must be 1 to %d, not %d" % (MOST_THREADS, threads))
    if native.available:
        native.set_threads(threads)
    threadpool_limits(threads, user_api="blas")


def get_threads() -> int:
    """Return the number of CPU threads of our kernels or, without kernels, of BLAS."""
    import numpy  # noqa: F401
    from threadpoolctl import threadpool_info

    from ..engine import native

    if native.available:
        return int(native.get_threads())
    return max(
        (each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"), default=1
    )


def optimiser_threads(device: Device) -> ContextManager:
    """Return a context in which BLAS uses one thread, if only the optimiser uses BLAS.

    L-BFGS works on vectors, which one thread processes as fast as the memory allows. More threads of BLAS would
    stay busy between its calls and slow down the network's kernels (measured: half the time of a run). Devices
    that compute their layers with BLAS keep its threads.
    """
    if device.uses_blas:
        return nullcontext()
    # SciPy has its own BLAS, and the limit applies only to libraries that are loaded already.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")
