"""Opening the network that the options name."""

from __future__ import annotations

import argparse
import sys
from typing import Any

#: The paper's network; without its weights, the same shape with random filters.
PREFERRED, FALLBACK = "vgg19", "vgg19-random"


def open_from(args: argparse.Namespace) -> Any:
    """Open the network of `options.add_network_options`.

    A model that is asked for by name is opened or refused. Without a name it is the preferred one, or, where
    its weights are missing, the fallback: told in one line.
    """
    from .. import backends, weights, zoo
    from ..networks import open_network

    if args.threads:
        backends.set_threads(args.threads)
    name = args.model
    if name is None:
        preferred = zoo.get_model(PREFERRED)
        name = PREFERRED
        if args.weights is None and weights.weights_path(preferred) is None:
            name = FALLBACK
            print(
                "caffe-style: %s; going on with %s" % (weights.how_to_get(preferred), FALLBACK),
                file=sys.stderr,
            )
    return open_network(
        name,
        args.backend,
        device=args.device,
        weights_file=args.weights,
        pooling=args.pooling,
        seed=args.seed,
    )
