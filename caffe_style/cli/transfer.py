"""`caffe-style transfer | texture | reconstruct`: one picture by optimisation."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Optional

from . import running
from .options import layer_weights, number

#: Options that are parameters of `experiments.transfer.transfer`, whose defaults live there alone.
PARAMETERS = (
    "size",
    "iterations",
    "init",
    "content_layers",
    "style_layers",
    "style_loss",
    "guides",
    "guide_count",
    "content_weight",
    "style_weight",
    "tv_weight",
    "normalisation",
    "style_scale",
    "corrections",
    "bounds",
    "seed",
)


def add_parser(commands: Any) -> None:
    """Add the three commands."""
    parser = commands.add_parser("transfer", help="a content picture in the style of another")
    parser.add_argument("content", help="picture that gives the content")
    parser.add_argument("style", help="picture that gives the style")
    _add_options(parser, "content")
    parser = commands.add_parser("texture", help="the style alone, from noise")
    parser.add_argument("style", help="picture that gives the style")
    parser.set_defaults(content=None)
    _add_options(parser, "noise")
    parser = commands.add_parser("reconstruct", help="the content alone, from noise")
    parser.add_argument("content", help="picture that gives the content")
    parser.set_defaults(style=None)
    _add_options(parser, "noise")


def _add_options(parser: argparse.ArgumentParser, start: str) -> None:
    add = running.add_picture_options(parser, start)
    add("--style-scale", type=number(float, 0.05, 20), metavar="X", help="size of the strokes (1)")
    add = running.optional(parser.add_argument_group("objective"))
    add(
        "--preset",
        metavar="NAME",
        help="the conventions of another implementation: tai, johnson, liu or gatys; options beside it "
        "go first",
    )
    layers = "LAYER[:WEIGHT],..."
    add("--content-layers", type=layer_weights, metavar=layers, help="default: the model's")
    add("--style-layers", type=layer_weights, metavar=layers, help="default: the model's")
    add(
        "--style-loss",
        metavar="NAME",
        help="how style is represented: gram, gram-sum, spatial, spatial-pairs, pixelwise, windowed or "
        "covariation (gram)",
    )
    add(
        "--guides",
        metavar="content|own",
        help="covariation: the content layers' responses to the content picture guide the style, "
        "or those to the picture itself (content)",
    )
    add(
        "--guide-count",
        type=number(int, 1),
        metavar="K",
        help="covariation: kinds of content told apart (8)",
    )
    add("--content-weight", type=number(float, 0), metavar="X", help="default: the model's")
    add("--style-weight", type=number(float, 0), metavar="X", help="default: the model's")
    add(
        "--tv-weight",
        type=number(float, 0),
        metavar="X",
        help="smoothness of the picture; default: the model's",
    )
    add(
        "--normalisation",
        metavar="NAME",
        help="weigh each loss relative to its value without any response, by the paper's formula as "
        "it stands, or as a mean square: relative, paper or mean (relative)",
    )
    running.add_optimiser_options(parser, bounds="no")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the picture."""
    from ..experiments.transfer import transfer
    from ..presets import Preset, get_preset

    given = running.given(args, PARAMETERS)
    preset = get_preset(args.preset) if hasattr(args, "preset") else Preset("", {}, {})

    def make(network: Any, step: Any) -> Any:
        settings = {**preset.settings(network.model), **given}
        if "init" not in given and (args.content is None or args.style is None):
            # Without a content picture there is none to start from.
            settings["init"] = preset.transfer.get("init", "").replace("content", "") or "noise"
        return transfer(args.content, args.style, network, callback=step, **settings)

    default = running.default_of(transfer, "iterations")
    iterations = {"iterations": default, **preset.transfer, **given}["iterations"]
    output = default_output(args.content, args.style)
    return running.optimise(args, output, iterations, make, preset.network)


def default_output(content: Optional[str], style: Optional[str]) -> str:
    """`tubingen-starry_night.png`, in the present folder."""
    stems = [Path(picture).stem for picture in (content, style) if picture is not None]
    return "-".join(stems + (["style"] if len(stems) == 1 else [])) + ".png"
