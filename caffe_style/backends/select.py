"""Backends: the embedded engine on its devices, and genuine Caffe, each of which can open a network.

Every backend returns an object with pycaffe's `Net` interface and a device. The rest of the package uses this
interface only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Optional

from ..engine import Net as EngineNet
from ..engine.devices import DEVICES, list_hardware, make_device
from ..errors import BackendError
from .genuine import MODES, open_genuine
from .net import TrainableNet

#: Names of the backends: the devices of the embedded engine, then the modes of genuine Caffe.
BACKENDS = tuple(row.name for row in (*DEVICES, *MODES))


def open_net(
    param: Any, weights: Optional[Path], backend: str = "cpu", device: int = 0
) -> TrainableNet:
    """Open a network, to compute gradients of the image.

    Parameters
    ----------
    param : NetParameter
        Definition of the network, in the engine's schema.
    weights : path, optional
        Caffemodel with the weights.
    backend : str
        One of `BACKENDS`.
    device : int
        Number of the backend's device.

    Returns
    -------
    net
        Object with pycaffe's Net interface.

    Raises
    ------
    BackendError
        If the backend is unknown.
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
    """Return the names of the backends whose library and hardware are on this machine."""
    found = []
    for row in (*DEVICES, *MODES):
        try:
            list_hardware(row)
        except BackendError:
            continue
        found.append(row.name)
    return found
