"""Making a request, and opening a network, from parsed arguments."""

from __future__ import annotations

import argparse
import sys
from typing import Any, Dict, Optional

#: The paper's network, and the one that is used if its weights are missing. The package contains the second.
PREFERRED, FALLBACK = "vgg19", "strokenet"


def asked(args: argparse.Namespace) -> Any:
    """Return the request of a command line, for commands that make one picture."""
    from ..runs.request import Request
    from ..settings.commands import COMMANDS

    names = COMMANDS[args.command].names()
    return Request(
        args.command,
        network=network_options(args),
        threads=args.threads,
        settings={name: getattr(args, name) for name in names if hasattr(args, name)},
        output=args.output,
    )


def network_options(args: argparse.Namespace) -> Dict[str, Any]:
    """Return the values of `options.add_network_options`, as arguments of `open_network`."""
    said = {
        "model": args.model,
        "backend": getattr(args, "backend", None),
        "device": args.device,
        "weights_file": args.weights,
        "pooling": args.pooling,
        "mean": getattr(args, "mean", None),
        "seed": getattr(args, "seed", None),
    }
    return {name: value for name, value in said.items() if value is not None}


def chosen_model(network: Dict[str, Any]) -> str:
    """Return the name of the model to open.

    Without a name it is the preferred model. If the weights of that are missing, it is the fallback, and a line
    on standard error says so.
    """
    from ..networks import weights, zoo

    if "model" in network:
        return network["model"]
    preferred = zoo.get_model(PREFERRED)
    if network.get("weights_file") or weights.weights_path(preferred) is not None:
        return PREFERRED
    print(
        "caffe-style: %s; continuing with %s" % (weights.how_to_get(preferred), FALLBACK),
        file=sys.stderr,
    )
    return FALLBACK


def open_asked(network: Dict[str, Any], threads: Optional[int]) -> Any:
    """Open a network by its options, and set the number of threads."""
    from ..backends.threads import set_threads
    from ..networks.network import open_network

    if threads:
        set_threads(threads)
    return open_network(**{**network, "model": chosen_model(network)})


def open_from(args: argparse.Namespace) -> Any:
    """Open the network of the options `options.add_network_options`."""
    return open_asked(network_options(args), args.threads)
