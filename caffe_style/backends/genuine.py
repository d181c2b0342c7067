"""Genuine Caffe as a backend: its pycaffe, met with our checks, since its own kill the process.

Where a check of Caffe's fails it writes a stack trace and aborts; no `try` catches that. So every network is
first built by the embedded engine, which has the same rules and raises errors, and asked again at each size.
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
    "Debian 11 packages it (python3-caffe), docker/README.md has images with it; "
    "the backend cpu runs the same networks without",
)
HOW_TO_GET = "no %s here: %s" % (CAFFE.title, CAFFE.install)

#: Rows as the engine's devices have.
MODES = (
    Row("caffe", __name__, CAFFE, "list_modules", apart=True),
    Row("caffe-gpu", __name__, CAFFE, "list_gpus", apart=True),
)


def import_caffe() -> Any:
    """Import genuine pycaffe, silent unless the user wants its log.

    Raises
    ------
    BackendError
        Where it is absent, is another module of that name, or was built for another Python.
    """
    if not genuine_caffe_is_here():
        raise BackendError(HOW_TO_GET)
    # Net writes its whole construction to standard error otherwise.
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
    """Version and file of the one Caffe that is here.

    Raises
    ------
    BackendError
        Where there is none.
    """
    caffe = import_caffe()
    return [Found("%s, %s" % (caffe.__version__, caffe.__file__))]


def list_gpus() -> List[Found]:
    """The first GPU that Caffe can use; of others it does not tell.

    Raises
    ------
    BackendError
        Where there is none.
    """
    import_caffe()
    check_gpu(0)
    return [Found("GPU 0")]


def check_gpu(device: int) -> None:
    """Try Caffe's GPU mode in a process of its own: without a GPU it aborts.

    Raises
    ------
    BackendError
    """
    if not isinstance(device, int):
        raise BackendError("Caffe numbers its GPUs: --device takes a number, not '%s'" % device)
    program = (
        # `-c` puts the working folder first, where nothing of ours lies.
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
        raise BackendError("this Caffe was built without GPU: take the backend caffe")
    reason = next((line for line in told.splitlines() if "Check failed" in line), "it aborts")
    raise BackendError("Caffe cannot use GPU %d: %s" % (device, reason.split("] ")[-1]))


def open_genuine(
    param: Any, weights: Optional[Path], mode: str = "caffe", device: int = 0
) -> TrainableNet:
    """Open a network on genuine Caffe for image gradients.

    Parameters
    ----------
    param : NetParameter
        Of the engine's schema.
    weights : path, optional
        A caffemodel.
    mode : {"caffe", "caffe-gpu"}
        Mode cpu or mode gpu (CUDA, or the OpenCL branch where the module has `select_device`).
    device : int
        Which GPU.

    Returns
    -------
    caffe.Net

    Raises
    ------
    BackendError, PrototxtError, LayerError, WeightsError
        Before Caffe would abort.
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
    """The adapter to genuine Caffe, which runs its layers itself: how its blobs are seen and what they take.

    Parameters
    ----------
    name : {"caffe", "caffe-gpu"}
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def data_of(self, blob: Any) -> Any:
        """A blob's data, which Caffe itself copies to the host."""
        return blob.data

    def diff_of(self, blob: Any) -> Any:
        """A blob's diff, likewise."""
        return blob.diff

    def set_data(self, blob: Any, values: Any) -> None:
        """Copy values of its shape into a blob's data."""
        blob.data[...] = values

    def kept_bytes(self, net: Any, last_layer: str) -> int:
        """Every diff, and each convolution's columns."""
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
    """The network in a temporary file that this Caffe is known to read."""
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
