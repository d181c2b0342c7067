"""`caffe-style figure N`: a figure of the paper, made with the user's pictures or with the project's."""

from __future__ import annotations

import argparse
import sys
from typing import Any, List, Union

from . import options, running
from .options import number


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "figure", help="remake a figure of the paper as one labelled contact sheet"
    )
    parser.add_argument("number", type=figure_number, metavar="N", help="figure 1 to 14, or all")
    parser.add_argument(
        "--content",
        metavar="FILE",
        help="picture that gives the content (default: the example that suits the figure)",
    )
    parser.add_argument(
        "--style",
        metavar="FILE",
        action="append",
        help="picture that gives the style (default: the example that suits the figure); may be repeated:"
        " figure 1 shows all of them, the others the first",
    )
    parser.add_argument(
        "-o",
        "--output",
        default="figures",
        metavar="FOLDER",
        help="folder to write to (default: figures)",
    )
    add = options.optional(parser)
    add("--size", type=number(int, 16, 65536), metavar="PIXELS", help="long edge (default: 320)")
    add(
        "--iterations",
        type=number(int, 1),
        metavar="N",
        help="steps of L-BFGS for each picture (default: 100)",
    )
    options.add_network_options(parser)
    options.add_quiet_option(parser)
    parser.set_defaults(run=run)


def figure_number(text: str) -> Union[int, str]:
    """Read the number of a figure, or `all`."""
    if text == "all":
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError("'%s' is neither a number nor all" % text) from None


def run(args: argparse.Namespace) -> int:
    """Make one figure or all of them."""
    from ..experiments.figures.figure import figure
    from ..experiments.figures.table import FIGURES, get_figure, one_of_each_kind
    from . import INTERRUPTED
    from .request import open_from

    options.show_messages(quiet=True)
    every = list(FIGURES) if args.content is None and args.style is None else one_of_each_kind()
    numbers: List[int] = every if args.number == "all" else [args.number]
    for each in numbers:
        get_figure(each)
    network = open_from(args)
    try:
        for each in numbers:
            _make(args, each, network, figure)
    except KeyboardInterrupt:
        print("caffe-style: interrupted; run it again to continue", file=sys.stderr)
        return INTERRUPTED
    return 0


def _make(args: argparse.Namespace, each: int, network: Any, figure: Any) -> None:
    from ..experiments.figures.figure import figure_panels
    from ..experiments.figures.picture import needs_network
    from ..watch.progress import Progress

    settings = running.given(args, ("size", "iterations", "seed"))
    panels = figure_panels(each, network, len(args.style or ()))
    pictures = [panel for panel in panels if needs_network(panel)]
    iterations = settings.get("iterations", running.default_of(figure, "iterations"))
    with Progress(iterations * len(pictures), args.quiet) as bar:
        sheet = figure(
            each,
            args.content,
            args.style,
            network,
            args.output,
            callback=lambda steps, record: bar.show(steps, record.loss),
            **settings,
        )
    if not args.quiet:
        print(sheet)
