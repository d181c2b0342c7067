"""`caffe-style doctor`: a report of what is installed on this machine."""

from __future__ import annotations

import argparse
import json
import platform
from typing import Any, Dict, Union

from .options import show_messages

#: A small network with which a backend is tested.
NET = """
name: "doctor" force_backward: true
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 16 dim: 16 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 pad: 1 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor", help="show what is on this machine: backends, kernels, threads, memory, weights"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--backends",
        type=lambda text: [name.strip() for name in text.split(",")],
        default=[],
        metavar="NAME,...",
        help="also test these backends; exit status 2 if one of them fails",
    )
    parser.set_defaults(run=run)


def examine() -> Dict[str, Any]:
    """Return what is installed, as a dictionary that JSON can hold."""
    import numpy
    import scipy

    from .. import __version__
    from ..backends import estimate
    from ..backends import select as backends
    from ..engine import native

    available = estimate.available_bytes()
    kernels = native.instruction_set if native.available else "none (%s)" % native.why_not
    return {
        "caffe_style": __version__,
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "machine": "%s %s" % (platform.system(), platform.machine()),
        "backends": backends.present(),
        "native kernels": kernels,
        **_hardware(),
        "genuine caffe": _genuine_caffe(),
        "threads": native.get_threads() if native.available else 1,
        "free memory": "unknown" if available is None else estimate.as_text(available),
        "weights": find_weights(),
    }


def find_weights() -> Dict[str, str]:
    """Return the file of each model's weights, "random" or "missing", by the model's name."""
    from ..networks import weights, zoo

    return {
        model.name: "random" if model.random else str(weights.weights_path(model) or "missing")
        for model in zoo.list_models()
    }


def _hardware() -> Dict[str, Union[str, Dict[str, str]]]:
    """Return number and name of each GPU or other hardware, or the reason why there is none, by device.

    Hardware that several devices share is listed once.
    """
    from ..engine.devices import DEVICES, list_hardware
    from ..errors import BackendError

    found: Dict[str, Union[str, Dict[str, str]]] = {}
    listed = set()
    for row in DEVICES:
        if not row.probe or (row.module, row.probe) in listed:
            continue
        listed.add((row.module, row.probe))
        try:
            names = (
                each.name + (": " + each.fault if each.fault else "") for each in list_hardware(row)
            )
            found[row.name] = {str(number): name for number, name in enumerate(names)}
        except BackendError as error:
            found[row.name] = str(error)
    return found


def _genuine_caffe() -> str:
    """Return version and file of genuine Caffe, or the reason why there is none."""
    from ..backends.genuine import MODES
    from ..engine.devices import list_hardware
    from ..errors import BackendError

    try:
        return list_hardware(MODES[0])[0].name
    except BackendError as error:
        return str(error)


def try_backend(name: str) -> None:
    """Test a backend: run a small network forward and backward.

    Raises
    ------
    BackendError
        If the backend is missing, gives wrong values, or is the cpu without native kernels.
    """
    import numpy

    from ..backends import select as backends
    from ..engine import native
    from ..engine.formats.prototxt import parse_net
    from ..errors import BackendError

    net = backends.open_net(parse_net(NET), None, name)
    if name == "cpu" and not native.available:
        raise BackendError("cpu: no native kernels: %s" % native.why_not)
    net.params["conv"][0].data[...] = 0.5
    net.blobs["data"].data[...] = 1
    net.forward()
    net.blobs["conv"].diff[...] = 1
    net.backward()
    # Inside, a window has nine places. There are three channels in and four out, and all weights are 0.5.
    middle = [
        numpy.array(part)[0, :, 8, 8] for part in (net.blobs["conv"].data, net.blobs["data"].diff)
    ]
    if not (numpy.allclose(middle[0], 13.5) and numpy.allclose(middle[1], 18)):
        raise BackendError("%s gives wrong values: %s" % (name, middle))


def run(args: argparse.Namespace) -> int:
    """Test the given backends, and print the report."""
    # Messages while kernels are built go to standard error. Standard output has only the report.
    show_messages(quiet=False)
    for name in args.backends:
        try_backend(name)
    found = examine()
    if args.backends:
        found["computing"] = args.backends
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    for name, value in found.items():
        if isinstance(value, dict):
            print(name)
            for key, entry in value.items():
                print("  %-16s %s" % (key, entry))
        else:
            print("%-18s %s" % (name, ", ".join(value) if isinstance(value, list) else value))
    if found["native kernels"].startswith("none"):
        print(
            "The native kernels are missing: everything runs on numpy, several times slower."
            " Install a C++ compiler and caffe_style again."
        )
    return 0
