"""What a command line asks for, as a request, and the network that it opens."""

from __future__ import annotations

import argparse
import sys
from typing import Any, Dict, Optional

#: The paper's network; without its weights, the one that ships with the package.
PREFERRED, FALLBACK = "vgg19", "strokenet"


def asked(args: argparse.Namespace) -> Any:
    """The request of a command line, for the commands that make one picture."""
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
    """What the options of `options.add_network_options` say, for `open_network`."""
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
    """The name of the model that is asked for.

    A model that is asked for by name is opened or refused. Without a name it is the preferred one, or, where
    its weights are missing, the fallback, which one line says.
    """
    from ..networks import weights, zoo

    if "model" in network:
        return network["model"]
    preferred = zoo.get_model(PREFERRED)
    if network.get("weights_file") or weights.weights_path(preferred) is not None:
        return PREFERRED
    print(
        "caffe-style: %s; going on with %s" % (weights.how_to_get(preferred), FALLBACK),
        file=sys.stderr,
    )
    return FALLBACK


def open_asked(network: Dict[str, Any], threads: Optional[int]) -> Any:
    """Open a network by its options, on so many threads."""
    from ..backends.threads import set_threads
    from ..networks.network import open_network

    if threads:
        set_threads(threads)
    return open_network(**{**network, "model": chosen_model(network)})


def open_from(args: argparse.Namespace) -> Any:
    """Open the network of the options `options.add_network_options`."""
    return open_asked(network_options(args), args.threads)
