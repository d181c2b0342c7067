"""`caffe-style element | sparse | feature`: textures that no picture gave."""

from __future__ import annotations

import argparse
from typing import Any, Dict

from . import running
from .options import layer_weights, number

COMMON = ("size", "iterations", "init", "tv_weight", "corrections", "bounds", "optimizer", "seed")
ELEMENT = ("i", "j", "magnitude", "resample") + COMMON
SPARSE = ("sigma", "density", "like", "resample") + COMMON
FEATURE = ("channel", "decay") + COMMON


def add_parser(commands: Any) -> None:
    """Add the three commands."""
    parser = commands.add_parser("element", help="a texture of one entry of a Gram matrix")
    parser.add_argument("--layer", required=True, help="whose Gram matrix")
    add = _add_options(parser, bounds="yes, but for --resample")
    add("-i", type=number(int, 0), metavar="I", help="row of the entry (random)")
    add("-j", type=number(int, 0), metavar="J", help="column of the entry (random)")
    add("--magnitude", type=float, metavar="X", help="its value (600 times a feature map's power)")
    _add_resample(add)
    parser.set_defaults(run=run_element)

    parser = commands.add_parser("sparse", help="a texture of random sparse Gram matrices")
    parser.add_argument(
        "--layers", required=True, type=layer_weights, metavar="LAYER[:WEIGHT],...", help="whose"
    )
    add = _add_options(parser, bounds="yes, but for --resample")
    add("--sigma", type=float, metavar="S", help="entries are |N(0, S)|")
    add("--density", type=float, metavar="D", help="part of entries that is not zero, in (0, 1]")
    add("--like", metavar="IMAGE", help="take both, for each layer, from this picture")
    _add_resample(add)
    parser.set_defaults(run=run_sparse)

    parser = commands.add_parser("feature", help="what one feature map responds to most")
    parser.add_argument("--layer", required=True, help="a layer's name")
    add = _add_options(parser, bounds="no")
    add("--channel", type=number(int, 0), metavar="K", help="which (random)")
    add("--decay", type=number(float, 0), metavar="X", help="less contrast (0.25)")
    parser.set_defaults(run=run_feature)


def _add_options(parser: argparse.ArgumentParser, bounds: str) -> Any:
    running.add_picture_options(parser, "noise")
    add = running.optional(parser.add_argument_group("objective"))
    add("--tv-weight", type=number(float, 0), metavar="X", help="smoothness of the picture")
    running.add_optimiser_options(parser, bounds)
    return add


def _add_resample(add: Any) -> None:
    add(
        "--resample",
        type=number(int, 1),
        nargs="?",
        const=1,
        metavar="N",
        help="draw anew every N iterations (1)",
    )


def run_element(args: argparse.Namespace) -> int:
    """Make the picture."""
    from ..experiments.generated import element

    return _run(args, "element-%s.png" % args.layer, element, {"layer": args.layer}, ELEMENT)


def run_sparse(args: argparse.Namespace) -> int:
    """Make the picture."""
    from ..experiments.generated import sparse

    name = "sparse-%s.png" % "-".join(args.layers)
    return _run(args, name, sparse, {"layers": args.layers}, SPARSE)


def run_feature(args: argparse.Namespace) -> int:
    """Make the picture."""
    from ..experiments.feature import feature

    return _run(args, "feature-%s.png" % args.layer, feature, {"layer": args.layer}, FEATURE)


def _run(
    args: argparse.Namespace, output: str, function: Any, asked: Dict[str, Any], names: Any
) -> int:
    from ..runs.from_noise import synthesise_from_noise

    settings = {**asked, **running.given(args, names)}

    def make(network: Any, step: Any) -> Any:
        return function(network, callback=step, **settings)

    default = running.default_of(synthesise_from_noise, "iterations")
    iterations = settings.get("iterations", default)
    # Layers of a concatenation have a slash in their names.
    return running.optimise(args, output.replace("/", "_"), iterations, make)
