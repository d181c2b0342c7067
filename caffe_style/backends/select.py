"""Backends: which Caffe opens a network.

Every backend gives an object with pycaffe's `Net` interface and a device, so that everything above is written
once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Optional

from ..engine import Net as EngineNet
from ..engine.devices import DEVICES, list_hardware, make_device
from ..errors import BackendError
from .genuine import MODES, open_genuine
from .net import TrainableNet

#: The embedded engine's devices, then genuine Caffe's modes.
BACKENDS = tuple(row.name for row in (*DEVICES, *MODES))


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
    if backend in [row.name for row in MODES]:
        return open_genuine(param, weights, backend, device)
    net = EngineNet.from_param(param)
    net.device = make_device(backend, device)
    net.lean = True
    if weights is not None:
        net.copy_from(str(weights))
    return net


def present() -> List[str]:
    """Those of `BACKENDS` whose library is on this machine, and whose hardware where they need some."""
    found = []
    for row in (*DEVICES, *MODES):
        try:
            list_hardware(row)
        except BackendError:
            continue
        found.append(row.name)
    return found
