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
from typing import Any, Dict, Iterator, List, Mapping, Optional

from ..engine import Net as EngineNet
from ..engine.devices import Device
from ..engine.devices.table import Found, Row
from ..engine.shim import genuine_caffe_is_here
from ..errors import BackendError, LayerError, PrototxtError, ResourceError
from .net import TrainableNet

HOW_TO_GET = (
    "genuine Caffe is not here: Debian 11 packages it (python3-caffe), docker/README.md has images with it; "
    "the backend cpu runs the same networks without"
)
#: Put in place on the image; see `for_image_gradients`.
IMAGE_LAYER = "caffe_style_image"
_MOST_VALUES = 2**31 - 1

#: Rows as the engine's devices have.
MODES = (
    Row("caffe", __name__, probe="list_modules"),
    Row("caffe-gpu", __name__, probe="list_gpus"),
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
        # As it is here: `-c` puts the working folder first.
        "import sys\n"
        "sys.path[:] = %r\n"
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
        net = _net_class(caffe)(path, caffe.TEST)
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


def for_image_gradients(param: Any, parameters: Mapping[str, int]) -> Any:
    """The network changed so that Caffe computes the image's gradient and no parameter's.

    Under force_backward Caffe computes the gradient of every parameter too, a third of the time. Without, it
    goes back to parameters that learn, and from losses: so all get `lr_mult: 0` but a Scale by 1, in place on
    the image, and whatever ends the network gets a loss (Reduction), which no evaluation runs.

    Parameters
    ----------
    param : NetParameter
    parameters : mapping of str to int
        Layer -> how many parameter blobs it has.

    Returns
    -------
    NetParameter
    """
    changed = type(param)()
    changed.CopyFrom(param)
    changed.ClearField("force_backward")
    del changed.layer[:]
    ends: Dict[str, None] = {}
    for layer in param.layer:
        copy = changed.layer.add()
        copy.CopyFrom(layer)
        for _ in range(len(copy.param), parameters.get(layer.name, 0)):
            copy.param.add()
        for rate in copy.param:
            rate.lr_mult = 0
        for blob in layer.bottom:
            ends.pop(blob, None)
        ends.update(dict.fromkeys(layer.top))
        if layer.type == "Input":
            changed.layer.add(
                name=IMAGE_LAYER, type="Scale", bottom=layer.top[:1], top=layer.top[:1]
            )
    for blob in ends:
        name = "%s_loss_%s" % (IMAGE_LAYER, blob)
        changed.layer.add(name=name, type="Reduction", bottom=[blob], top=[name], loss_weight=[1.0])
    return changed


def _check_layers(caffe: Any, param: Any) -> None:
    known = set(caffe.layer_type_list())
    for layer in param.layer:
        if layer.type not in known:
            raise LayerError("layer '%s': this Caffe has no type %s" % (layer.name, layer.type))


def columns_count(net: TrainableNet, layer: str) -> int:
    """Values in what Caffe lays a convolution's input out in (im2col), 0 for other layers."""
    filters = tuple(net.params[layer][0].shape) if layer in net.params else ()
    if len(filters) != 4 or filters[2:] == (1, 1):
        return 0
    channels = net.blobs[net.bottom_names[layer][0]].shape[1]
    height, width = net.blobs[net.top_names[layer][0]].shape[2:]
    return int(channels * filters[2] * filters[3] * height * width)


def check_counts(net: TrainableNet) -> None:
    """Raise ResourceError where a blob would have more values than Caffe counts."""
    for layer in net._layer_names:
        counts = [net.blobs[blob].count for blob in net.top_names[layer]]
        if max([columns_count(net, layer), *counts]) > _MOST_VALUES:
            raise ResourceError(
                "layer '%s': genuine Caffe's blobs hold 2^31 values at most, fewer than this picture "
                "needs: choose a smaller size, or --tile" % layer
            )


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


def _net_class(caffe: Any) -> type:
    """Caffe's Net, asking the engine's rules before it takes a new size, and hiding the layers added."""

    class CheckedNet(caffe.Net):
        """`rules` is the same network on the embedded engine, with nothing allocated."""

        def reshape(self) -> None:
            """Reshape, or raise LayerError or ResourceError and leave the other blobs as they were."""
            for name in self.inputs:
                self.rules.blobs[name].reshape(*self.blobs[name].shape)
            self.rules.reshape()
            check_counts(self.rules)
            caffe.Net.reshape(self)

        @property
        def params(self) -> Any:
            """Layer name -> parameters, without the factor on the image."""
            return type(self._everything)(
                (layer, blobs) for layer, blobs in self._everything.items() if layer != IMAGE_LAYER
            )

        _everything = caffe.Net.params

    return CheckedNet
