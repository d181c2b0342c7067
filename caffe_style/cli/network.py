"""Opening the network that the options name."""

from __future__ import annotations

import argparse
import sys
from typing import Any, Dict

#: The paper's network; without its weights, the one that ships with the package.
PREFERRED, FALLBACK = "vgg19", "strokenet"


def chosen_model(args: argparse.Namespace) -> str:
    """The name of the model that `options.add_network_options` asks for.

    A model that is asked for by name is opened or refused. Without a name it is the preferred one, or, where
    its weights are missing, the fallback: told in one line.
    """
    from ..networks import weights, zoo

    if args.model is not None:
        return args.model
    preferred = zoo.get_model(PREFERRED)
    if args.weights is not None or weights.weights_path(preferred) is not None:
        return PREFERRED
    print(
        "caffe-style: %s; going on with %s" % (weights.how_to_get(preferred), FALLBACK),
        file=sys.stderr,
    )
    return FALLBACK


def open_from(args: argparse.Namespace, **preset: Any) -> Any:
    """Open the network of `options.add_network_options`; `preset` holds what they leave open."""
    from ..backends import select as backends
    from ..networks.network import open_network

    if args.threads:
        backends.set_threads(args.threads)
    return open_network(chosen_model(args), **{**preset, **network_options(args)})


def network_options(args: argparse.Namespace) -> Dict[str, Any]:
    """What the command line says of the network other than its model, for `open_network`."""
    asked = {
        "backend": args.backend,
        "device": args.device,
        "weights_file": args.weights,
        "pooling": args.pooling,
        "mean": args.mean,
        "seed": getattr(args, "seed", None),
    }
    return {name: value for name, value in asked.items() if value is not None}
