"""`caffe-style transfer | texture | reconstruct`: one picture by optimisation."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any, Callable, Optional, Union

from . import INTERRUPTED, repeating, resuming, running
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
    "colors",
    "scales",
    "tile",
    "corrections",
    "bounds",
    "optimizer",
    "seed",
)


def add_parser(commands: Any) -> None:
    """Add the three commands."""
    parser = commands.add_parser("transfer", help="a content picture in the style of another")
    parser.add_argument("content", nargs="?", help="picture that gives the content")
    style = "FILE[:MASK][:WEIGHT]"
    parser.add_argument(
        "style", nargs="?", help="picture that gives the style; mask and weight as for --style"
    )
    add = _add_options(parser, "content")
    add(
        "--style",
        dest="styles",
        action="append",
        metavar=style,
        help="one more style, in proportion to its weight (1); a mask is a picture laid over the content, "
        "white where the style belongs",
    )
    add(
        "--colors",
        metavar="NAME",
        help="whose colours: style, content (luminance alone is optimised), or match (the style "
        "picture is recoloured first) (style)",
    )
    parser = commands.add_parser("texture", help="the style alone, from noise")
    parser.add_argument("style", nargs="?", help="picture that gives the style")
    parser.set_defaults(content=None)
    _add_options(parser, "noise")
    parser = commands.add_parser("reconstruct", help="the content alone, from noise")
    parser.add_argument("content", nargs="?", help="picture that gives the content")
    parser.set_defaults(style=None)
    _add_options(parser, "noise")


def _add_options(parser: argparse.ArgumentParser, start: str) -> Callable[..., None]:
    """Add what the commands share; return a function that adds more about the picture."""
    add_picture = running.add_picture_options(parser, start)
    add_picture(
        "--style-scale", type=number(float, 0.05, 20), metavar="X", help="size of the strokes (1)"
    )
    add_picture(
        "--scales",
        type=_scales,
        metavar="N|auto",
        help="sizes from coarse to fine, up to --size; auto begins at about 256 pixels (1)",
    )
    add_picture(
        "--tile",
        type=number(int, 1),
        metavar="PIXELS",
        help="evaluate in tiles of this size, to save memory (where the picture would not fit)",
    )
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
    repeating.add_like_option(parser)
    resuming.add_checkpoint_options(parser)
    parser.set_defaults(run=run)
    return add_picture


def _scales(text: str) -> Union[int, str]:
    return "auto" if text == "auto" else int(number(int, 1)(text))


def given_styles(args: argparse.Namespace) -> Any:
    """The command line's style or styles, None if there is none to be."""
    from ..errors import OptionError
    from ..scene.styles import read_style

    texts = [args.style] if args.style is not None else []
    texts += getattr(args, "styles", [])
    if args.resume is None and args.like is None:
        if args.content is None and args.command != "texture":
            raise OptionError("%s needs a content picture" % args.command)
        if not texts and args.command == "texture":
            raise OptionError("texture needs a style picture")
        if not texts and args.command == "transfer":
            raise OptionError(
                "transfer needs a style: name a picture after the content, or --style"
            )
    return [read_style(text) for text in texts] or None


def run(args: argparse.Namespace) -> int:
    """Make the picture."""
    from ..experiments.presets import Preset, get_preset
    from ..experiments.transfer import transfer
    from ..runs.identity import arguments_of

    given = running.given(args, PARAMETERS)
    content, styles = args.content, given_styles(args)
    preset = get_preset(args.preset) if hasattr(args, "preset") else Preset("", {}, {})
    checkpoint = resuming.open_checkpoint(args)
    saved, network_options = {}, preset.network
    if args.resume is not None:
        resumed = checkpoint.resumed.run
        saved_content, saved_styles, saved = arguments_of(resumed)
        content, styles = content or saved_content, styles or saved_styles
        asked = {name: resumed["network"][name] for name in ("pooling", "mean")}
        network_options = {**asked, **preset.network}
    elif args.like is not None:
        content, styles, saved, asked = repeating.repeat(args, content, styles)
        network_options = {**asked, **preset.network}

    def make(network: Any, step: Any) -> Any:
        settings = {**saved, **preset.settings(network.model), **given}
        if not saved and "init" not in given and (content is None or styles is None):
            # Without a content picture there is none to start from.
            settings["init"] = preset.transfer.get("init", "").replace("content", "") or "noise"
        return transfer(content, styles, network, callback=step, checkpoint=checkpoint, **settings)

    default = running.default_of(transfer, "iterations")
    iterations = {"iterations": default, **saved, **preset.transfer, **given}["iterations"]
    output = args.output or default_output(content, styles and styles[0].picture)
    repeating.check_output(args, output)
    if checkpoint is not None:
        checkpoint.notes["output"] = os.path.abspath(output)
    status = running.optimise(args, output, iterations, make, network_options)
    if status == INTERRUPTED and checkpoint is not None and checkpoint.path.exists():
        print("caffe-style: to go on: --resume %s" % checkpoint.path, file=sys.stderr)
    return status


def default_output(content: Optional[str], style: Optional[str]) -> str:
    """`tubingen-starry_night.png`, in the present folder."""
    stems = [Path(picture).stem for picture in (content, style) if picture is not None]
    return "-".join(stems + (["style"] if len(stems) == 1 else [])) + ".png"
