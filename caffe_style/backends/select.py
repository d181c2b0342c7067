"""Backends: which Caffe opens a network.

Every backend gives an object with pycaffe's `Net` interface, so that everything above is written once.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any, ContextManager, List, Optional

from ..errors import BackendError
from ..settings.machine import MOST_THREADS
from .net import Net, TrainableNet

#: The embedded engine's devices, then genuine Caffe's modes.
BACKENDS = ("cpu", "numpy", "opencl", "cuda", "cuda-tf32", "torch", "caffe", "caffe-gpu")


def open_net(
    param: Any, weights: Optional[Path], backend: str = "cpu", device: int = 0
) -> TrainableNet:
    """Open a network for image gradients.

    Parameters
    ----------
    param : NetParameter
        The network, of the engine's schema.
    weights : path, optional
        A caffemodel.
    backend : str
        One of `BACKENDS`.
    device : int
        Which device of the backend.

    Returns
    -------
    net
        With pycaffe's Net interface.

    Raises
    ------
    BackendError
        For an unknown backend.
    """
    if backend not in BACKENDS:
        raise BackendError(
            "unknown backend '%s': choose one of %s" % (backend, ", ".join(BACKENDS))
        )
    if backend in ("caffe", "caffe-gpu"):
        from .genuine import open_genuine

        return open_genuine(param, weights, backend == "caffe-gpu", device)
    from ..engine import Net
    from ..engine.devices import make_device

    net = Net.from_param(param)
    net.device = make_device(backend, device)
    net.lean = True
    if weights is not None:
        net.copy_from(str(weights))
    return net


def set_threads(threads: int) -> None:
    """Compute on this many CPU threads (the default is what this process may use)."""
    from ..engine import native

    if not 1 <= threads <= MOST_THREADS:
        raise BackendError("threads must be 1 to %d, not %d" % (MOST_THREADS, threads))
    if native.available:
        native.set_threads(threads)


def get_threads() -> int:
    """How many CPU threads compute."""
    from ..engine import native

    return int(native.get_threads()) if native.available else 1


def optimiser_threads(backend: str) -> ContextManager:
    """Keep BLAS to one thread for as long as the context lasts, where only the optimiser uses it.

    L-BFGS works on vectors, which one thread streams as fast as memory allows; BLAS's threads spin between its
    calls and take the processors from the network's kernels (measured: half the time of a run). Backends that
    compute their layers with BLAS keep its threads.
    """
    from ..engine import native

    if backend != "cpu" or not native.available:
        return nullcontext()
    # SciPy has a BLAS of its own, and a limit holds for what is loaded already.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")


#: The module that a backend needs, where it needs one.
_MODULES = {
    "opencl": "pyopencl",
    "cuda": "torch",
    "cuda-tf32": "torch",
    "torch": "torch",
}


def present() -> List[str]:
    """Those of `BACKENDS` whose libraries are on this machine, and for cuda and caffe-gpu a GPU."""
    from importlib.util import find_spec

    from .genuine import modes

    found = [name for name in BACKENDS if name not in _MODULES or find_spec(_MODULES[name])]
    usable = modes()
    found = [name for name in found if not name.startswith("caffe") or name in usable]
    if "cuda" in found:
        from ..engine.devices.cuda import list_gpus

        try:
            list_gpus()
        except BackendError:
            found = [name for name in found if not name.startswith("cuda")]
    return found


def device_peak_bytes(net: Net) -> Optional[int]:
    """The most of its own memory that the net's device has held; None where it works in the host's.

    A device with memory of its own says so in an attribute `peak_bytes`.
    """
    return getattr(getattr(net, "device", None), "peak_bytes", None)
