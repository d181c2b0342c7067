"""`caffe-style doctor`: what is on this machine."""

from __future__ import annotations

import argparse
import json
import platform
from typing import Any, Dict, Union


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor", help="what is on this machine: backends, kernels, threads, memory, weights"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def examine() -> Dict[str, Any]:
    """What there is, as a JSON-able dictionary."""
    import numpy
    import scipy

    from .. import __version__, backends, estimate, weights, zoo
    from ..engine import native

    available = estimate.available_bytes()
    kernels = native.instruction_set if native.available else "none (%s)" % native.why_not
    return {
        "caffe_style": __version__,
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "machine": "%s %s" % (platform.system(), platform.machine()),
        "backends": list(backends.BACKENDS),
        "native kernels": kernels,
        "opencl": _opencl_devices(),
        "cuda": _gpus(),
        "threads": native.get_threads() if native.available else 1,
        "free memory": "unknown" if available is None else estimate.as_text(available),
        "weights": {
            model.name: "random" if model.random else str(weights.weights_path(model) or "missing")
            for model in zoo.list_models()
        },
    }


def _opencl_devices() -> Union[str, Dict[str, str]]:
    """Number and name of each OpenCL device, or why there is none."""
    from ..engine.devices.opencl import list_devices
    from ..errors import BackendError

    try:
        found = list_devices()
    except BackendError as error:
        return str(error)
    names = (each.name + (": " + each.fault if each.fault else "") for each in found)
    return {str(number): name for number, name in enumerate(names)}


def _gpus() -> Union[str, Dict[str, str]]:
    """Number and name of each GPU that PyTorch sees, or why there is none."""
    from ..engine.devices.cuda import list_gpus
    from ..errors import BackendError

    try:
        return {str(number): name for number, name in enumerate(list_gpus())}
    except BackendError as error:
        return str(error)


def run(args: argparse.Namespace) -> int:
    """Print it."""
    found = examine()
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
