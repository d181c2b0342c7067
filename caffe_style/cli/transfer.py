"""`caffe-style transfer | texture | reconstruct`: one picture by optimisation."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Dict, Optional

from . import options
from .options import layer_weights, number

#: Options that are parameters of `experiments.transfer.transfer`, whose defaults live there alone.
PARAMETERS = (
    "size",
    "iterations",
    "init",
    "content_layers",
    "style_layers",
    "style_loss",
    "content_weight",
    "style_weight",
    "tv_weight",
    "relative",
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
    _add_options(parser)
    parser = commands.add_parser("texture", help="the style alone, from noise")
    parser.add_argument("style", help="picture that gives the style")
    parser.set_defaults(content=None)
    _add_options(parser)
    parser = commands.add_parser("reconstruct", help="the content alone, from noise")
    parser.add_argument("content", help="picture that gives the content")
    parser.set_defaults(style=None)
    _add_options(parser)


def _add_options(parser: argparse.ArgumentParser) -> None:
    # An option that is not given stays out of the namespace: the function's default holds.
    def add(name: str, **settings: Any) -> None:
        group.add_argument(name, default=argparse.SUPPRESS, **settings)

    parser.add_argument("-o", "--output", metavar="FILE", help="the picture to write")
    group = parser.add_argument_group("picture")
    add("--size", type=number(int, 16, 65536), metavar="PIXELS", help="long edge (512)")
    add("--iterations", type=number(int, 1), metavar="N", help="steps of L-BFGS (200)")
    add("--init", metavar="content|style|noise|FILE", help="where to start (content; else noise)")
    add("--style-scale", type=number(float, 0.05, 20), metavar="X", help="size of the strokes (1)")
    group = parser.add_argument_group("objective")
    layers = "LAYER[:WEIGHT],..."
    add("--content-layers", type=layer_weights, metavar=layers, help="default: the model's")
    add("--style-layers", type=layer_weights, metavar=layers, help="default: the model's")
    add("--style-loss", metavar="NAME", help="how style is represented (gram)")
    add("--content-weight", type=number(float, 0), metavar="X", help="default: the model's")
    add("--style-weight", type=number(float, 0), metavar="X", help="default: the model's")
    add(
        "--tv-weight",
        type=number(float, 0),
        metavar="X",
        help="smoothness of the picture; default: the model's",
    )
    group.add_argument(
        "--absolute",
        dest="relative",
        action="store_false",
        default=argparse.SUPPRESS,
        help="weigh the paper's formulas as they stand, not relative to their start value",
    )
    group = parser.add_argument_group("optimiser")
    add("--corrections", type=number(int, 1, 100), metavar="M", help="length of its history (10)")
    group.add_argument(
        "--bounds",
        action="store_true",
        default=argparse.SUPPRESS,
        help="keep pixels inside 0..255 throughout (slower)",
    )
    options.add_network_options(parser)
    group = parser.add_argument_group("output")
    group.add_argument(
        "--save-every", type=number(int, 1), metavar="N", help="also keep every N-th picture"
    )
    group.add_argument(
        "--curve", metavar="FILE", help="write the loss curve: .csv, or .png (needs matplotlib)"
    )
    options.add_quiet_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check everything that can be checked, then optimise and write."""
    from .. import images
    from ..experiments.transfer import transfer
    from . import INTERRUPTED
    from .curves import check_curve, write_curve
    from .network import open_from
    from .progress import Progress

    options.show_messages(args.quiet)
    output = Path(args.output or default_output(args.content, args.style))
    images.check_writable(output)
    if args.curve:
        check_curve(args.curve)
    settings: Dict[str, Any] = {
        name: getattr(args, name) for name in PARAMETERS if hasattr(args, name)
    }
    if args.content is None or args.style is None:
        settings.setdefault("init", "noise")
    network = open_from(args)
    with Progress(
        settings.get("iterations", default_of(transfer, "iterations")), args.quiet
    ) as bar:

        def step(record: Any, image: Any) -> None:
            bar.show(record.iteration, record.loss)
            if args.save_every and record.iteration % args.save_every == 0:
                images.write_image(frame_name(output, record.iteration), image)

        result = transfer(args.content, args.style, network, callback=step, **settings)
    images.write_image(output, result.image, result.parameters)
    if args.curve:
        write_curve(args.curve, result.history)
    if result.status != "finished":
        print("caffe-style: %s" % result.message, file=sys.stderr)
    if not args.quiet:
        print(output)
    return INTERRUPTED if result.status == "interrupted" else 0


def default_output(content: Optional[str], style: Optional[str]) -> str:
    """`tubingen-starry_night.png`, in the present folder."""
    stems = [Path(picture).stem for picture in (content, style) if picture is not None]
    return "-".join(stems + (["style"] if len(stems) == 1 else [])) + ".png"


def frame_name(output: Path, iteration: int) -> Path:
    """`out-0050.png` beside `out.png`."""
    return output.with_name("%s-%04d%s" % (output.stem, iteration, output.suffix))


def default_of(function: Any, parameter: str) -> Any:
    """The default of a function's parameter."""
    import inspect

    return inspect.signature(function).parameters[parameter].default
