"""`caffe-style transfer | texture | reconstruct`: one picture by optimisation."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any, Optional, Tuple

from . import INTERRUPTED, repeating, running
from .options import add_settings
from .request import asked, chosen_model


def add_parser(commands: Any) -> None:
    """Add the three commands."""
    parser = commands.add_parser("transfer", help="render a picture in the style of another")
    parser.add_argument("content", nargs="?", help="picture that gives the content")
    parser.add_argument(
        "style", nargs="?", help="picture that gives the style, with mask and weight as for --style"
    )
    parser.add_argument(
        "--style",
        dest="styles",
        action="append",
        default=[],
        metavar="FILE[:MASK[:STYLEMASK]][:WEIGHT]",
        help="another style, with a weight relative to the others (default: 1); a mask is a picture laid over "
        "the content, white where the style applies; a second mask is laid over the style picture, white where "
        "the style is taken from",
    )
    parser.add_argument(
        "--show-regions",
        metavar="FILE",
        help="before the run, write a sheet of both pictures with their common kinds of content",
    )
    _add_options(parser)
    parser = commands.add_parser("texture", help="make a texture: the style alone, from noise")
    parser.add_argument("style", nargs="?", help="picture that gives the style")
    parser.set_defaults(content=None, styles=[])
    _add_options(parser)
    parser = commands.add_parser("reconstruct", help="reconstruct the content alone, from noise")
    parser.add_argument("content", nargs="?", help="picture that gives the content")
    parser.set_defaults(style=None, styles=[])
    _add_options(parser)


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_settings(parser)
    parser.add_argument(
        "--preset",
        metavar="NAME",
        help="settings for a purpose: season or light, for two photographs, or novak, of the authors' second "
        "paper; or the conventions of another implementation: tai, johnson, liu or gatys. Other options take "
        "precedence",
    )
    repeating.add_repeating_options(parser)
    running.add_run_options(parser)
    parser.set_defaults(run=run)


def given_styles(args: argparse.Namespace) -> Tuple[Any, ...]:
    """Return the styles on the command line.

    Raises
    ------
    OptionError
        If a picture is missing that neither --like nor --resume provides.
    """
    from ..errors import OptionError
    from ..scene.styles import read_style

    texts = [args.style] if args.style is not None else []
    texts += args.styles
    if args.resume is None and args.like is None:
        if args.content is None and args.command != "texture":
            raise OptionError("%s needs a content picture" % args.command)
        if not texts and args.command == "texture":
            raise OptionError("texture needs a style picture")
        if not texts and args.command == "transfer":
            raise OptionError(
                "transfer needs a style: name a picture after the content, or --style"
            )
    return tuple(read_style(text) for text in texts)


def run(args: argparse.Namespace) -> int:
    """Make the picture."""
    from ..experiments.presets import get_preset
    from ..pictures import images
    from ..runs.run import run as run_transfer
    from ..settings.commands import COMMANDS

    request = asked(args)._replace(content=args.content, styles=given_styles(args))
    preset = None if args.preset is None else get_preset(args.preset)
    checkpoint = repeating.open_checkpoint(args)
    saved = repeating.saved(args, request, checkpoint)
    model = chosen_model((request if saved is None else request.over(saved)).network)
    if preset is not None:
        request = request.over(preset.request(model, request))
    if saved is not None:
        request = request.over(saved)
    request = request._replace(network={**request.network, "model": model})
    settings = COMMANDS[args.command].of(request.settings)
    styles = list(request.styles) or None
    output = request.output
    if output is None:
        output = default_output(request.content, styles and styles[0].picture)
    repeating.check_output(args, output)
    sheet = getattr(args, "show_regions", None)
    if sheet is not None:
        images.check_writable(sheet)
    if checkpoint is not None:
        checkpoint.notes["output"] = os.path.abspath(output)

    def make(network: Any, step: Any) -> Any:
        if sheet is not None:
            _write_sheet(sheet, request.content, styles, network, settings)
        return run_transfer(request.content, styles, network, settings, checkpoint, step)

    status = running.optimise(args, request._replace(output=output), settings.iterations, make)
    if status == INTERRUPTED and checkpoint is not None and checkpoint.path.exists():
        print("caffe-style: to continue: --resume %s" % checkpoint.path, file=sys.stderr)
    return status


def _write_sheet(path: str, content: Any, styles: Any, network: Any, settings: Any) -> None:
    """Write the sheet of --show-regions."""
    from ..experiments.regions import region_sheet
    from ..pictures import images

    images.write_image(path, region_sheet(content, styles, network, settings))


def default_output(content: Optional[str], style: Optional[str]) -> str:
    """Return the default name of the picture, such as `tubingen-starry_night.png`."""
    stems = [Path(picture).stem for picture in (content, style) if picture is not None]
    return "-".join(stems + (["style"] if len(stems) == 1 else [])) + ".png"
