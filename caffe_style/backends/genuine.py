"""Genuine Caffe as a backend: its pycaffe, used only after our own checks.

If one of Caffe's checks fails, Caffe prints a stack trace and aborts the process, which no `try` can catch.
Therefore the embedded engine, which has the same rules but raises errors, first builds every network, and first
checks every new size.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Iterator, List, Optional

from ..engine import Net as EngineNet
from ..engine.devices import Device
from ..engine.devices.table import Found, Library, Row
from ..engine.shim import genuine_caffe_is_here
from ..errors import BackendError, LayerError, PrototxtError
from .genuine_net import columns_count, for_image_gradients, net_class
from .net import TrainableNet

CAFFE = Library(
    "caffe",
    "genuine Caffe",
    "Debian 11 has the package python3-caffe, docker/README.md has images with it; "
    "the backend cpu runs the same networks without it",
)
HOW_TO_GET = "no %s here: %s" % (CAFFE.title, CAFFE.install)

#: The backends of genuine Caffe, in rows like those of the engine's devices.
MODES = (
    Row("caffe", __name__, CAFFE, "list_modules", apart=True),
    Row("caffe-gpu", __name__, CAFFE, "list_gpus", apart=True),
)


def import_caffe() -> Any:
    """Import genuine pycaffe. It logs nothing unless the user has set GLOG_minloglevel.

    Raises
    ------
    BackendError
        If it is missing, if another module has its name, or if it was built for another Python.
    """
    if not genuine_caffe_is_here():
        raise BackendError(HOW_TO_GET)
    # Otherwise Net logs each layer that it builds to standard error.
    os.environ.setdefault("GLOG_minloglevel", "2")
    try:
        caffe = importlib.import_module("caffe")
    except (ImportError, SyntaxError, AttributeError) as error:
        raise BackendError(
            "this Caffe does not load in Python %d.%d (%s); was it built for another Python?"
            % (*sys.version_info[:2], error)
        ) from None
    if not hasattr(caffe, "Net"):
        raise BackendError(HOW_TO_GET)
    return caffe


def list_modules() -> List[Found]:
    """Return the version and the file of the installed Caffe, as a list of one.

    Raises
    ------
    BackendError
        If there is none.
    """
    caffe = import_caffe()
    return [Found("%s, %s" % (caffe.__version__, caffe.__file__))]


def list_gpus() -> List[Found]:
    """Return the first GPU that Caffe can use, as a list of one. Caffe does not list the others.

    Raises
    ------
    BackendError
        If there is none.
    """
    import_caffe()
    check_gpu(0)
    return [Found("GPU 0")]


def check_gpu(device: int) -> None:
    """Check Caffe's GPU mode in a separate process, since Caffe aborts if there is no GPU.

    Raises
    ------
    BackendError
        If Caffe cannot use the GPU.
    """
    if not isinstance(device, int):
        raise BackendError("Caffe's GPUs have numbers: --device takes a number, not '%s'" % device)
    program = (
        # `-c` puts the current folder ("") first on the path. No module may be imported from there.
        "import sys\n"
        "sys.path[:] = [*filter(None, sys.path), *filter(None, %r)]\n"
        "import caffe\n"
        "caffe.set_mode_gpu()\n"
        "getattr(caffe, 'select_device', lambda n, all: caffe.set_device(n))(%d, False)\n"
        % (sys.path, device)
    )
    probe = subprocess.run([sys.executable, "-c", program], capture_output=True)
    if probe.returncode == 0:
        return
    told = probe.stderr.decode(errors="replace")
    if "CPU-only" in told:
        raise BackendError("this Caffe was built without GPU: choose the backend caffe")
    reason = next((line for line in told.splitlines() if "Check failed" in line), "it aborts")
    raise BackendError("Caffe cannot use GPU %d: %s" % (device, reason.split("] ")[-1]))


def open_genuine(
    param: Any, weights: Optional[Path], mode: str = "caffe", device: int = 0
) -> TrainableNet:
    """Open a network on genuine Caffe, to compute gradients of the image.

    Parameters
    ----------
    param : NetParameter
        Definition of the network, in the engine's schema.
    weights : path, optional
        Caffemodel with the weights.
    mode : {"caffe", "caffe-gpu"}
        Caffe's CPU mode or its GPU mode (CUDA; OpenCL if the module has `select_device`).
    device : int
        Number of the GPU.

    Returns
    -------
    caffe.Net

    Raises
    ------
    BackendError, PrototxtError, LayerError, WeightsError
        If Caffe cannot run the network, on which it would otherwise abort.
    """
    caffe = import_caffe()
    checked = EngineNet.from_param(param)
    if weights is not None:
        checked.copy_from(str(weights))
    _check_layers(caffe, param)
    if mode == "caffe-gpu":
        check_gpu(device)
        caffe.set_mode_gpu()
        if hasattr(caffe, "select_device"):
            caffe.select_device(device, False)
        else:
            caffe.set_device(device)
    else:
        caffe.set_mode_cpu()
    counts = {layer: len(blobs) for layer, blobs in checked.params.items()}
    with _prototxt(caffe, for_image_gradients(param, counts)) as path:
        net = net_class(caffe)(path, caffe.TEST)
    for layer, blobs in checked.params.items():
        for theirs, ours in zip(net.params[layer], blobs):
            theirs.data[...] = ours.data
    net.rules = EngineNet.from_param(param)
    net.device = GenuineDevice(mode)
    return net


class GenuineDevice(Device):
    """The adapter to the blobs of genuine Caffe, which runs its layers itself.

    Parameters
    ----------
    name : {"caffe", "caffe-gpu"}
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def data_of(self, blob: Any) -> Any:
        """Return a blob's data, which Caffe itself copies to the host."""
        return blob.data

    def diff_of(self, blob: Any) -> Any:
        """Return a blob's diff, which Caffe itself copies to the host."""
        return blob.diff

    def set_data(self, blob: Any, values: Any) -> None:
        """Copy values of the same shape into a blob's data."""
        blob.data[...] = values

    def kept_bytes(self, net: Any, last_layer: str) -> int:
        """Return the bytes of every diff, and of each convolution's columns (im2col)."""
        layers = list(net.rules._layer_names)
        layers = layers[: layers.index(last_layer) + 1]
        counts = {
            blob: net.rules.blobs[blob].count
            for name in layers
            for blob in net.rules.top_names[name]
        }
        columns = (columns_count(net.rules, name) for name in layers)
        return 4 * (sum(counts.values()) + sum(columns))


def _check_layers(caffe: Any, param: Any) -> None:
    known = set(caffe.layer_type_list())
    for layer in param.layer:
        if layer.type not in known:
            raise LayerError("layer '%s': this Caffe has no type %s" % (layer.name, layer.type))


@contextlib.contextmanager
def _prototxt(caffe: Any, param: Any) -> Iterator[str]:
    """Check that this Caffe can read the network, and yield the path of a temporary file with it."""
    from google.protobuf import text_format

    text = text_format.MessageToString(param)
    try:
        text_format.Parse(text, caffe.proto.caffe_pb2.NetParameter())
    except text_format.ParseError as error:
        raise PrototxtError("this Caffe does not know a part of the network: %s" % error) from None
    handle, path = tempfile.mkstemp(".prototxt")
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
        yield path
    finally:
        os.unlink(path)
