"""`caffe-style compare`: a comparison of backends, or of the conventions of other implementations."""

from __future__ import annotations

import argparse
import sys
from typing import Any, List

from . import options, running
from .options import number

#: Options that are parameters of `experiments.compare.compare`, which defines their defaults.
PARAMETERS = ("backends", "implementations", "size", "iterations", "seed", "timeout")


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "compare", help="compare backends: their time, memory, accuracy and pictures"
    )
    parser.add_argument(
        "content", nargs="?", help="picture that gives the content (default: examples/cat.jpg)"
    )
    parser.add_argument(
        "style", nargs="?", help="picture that gives the style (default: examples/fractal.jpg)"
    )
    parser.add_argument(
        "-o",
        "--output",
        default="comparison",
        metavar="FOLDER",
        help="folder to write to (default: comparison)",
    )
    add = options.optional(parser)
    add(
        "--backends",
        type=names,
        metavar="NAME,...",
        help="backends to compare (default: all on this machine)",
    )
    add(
        "--implementations",
        type=names,
        metavar="NAME,...",
        help="compare the conventions of these implementations: tai, johnson, liu, gatys; on the first "
        "backend or on --backends",
    )
    add("--size", type=number(int, 16, 65536), metavar="PIXELS", help="long edge (default: 256)")
    add("--iterations", type=number(int, 1), metavar="N", help="steps of L-BFGS (default: 50)")
    add(
        "--timeout",
        type=number(float, 1),
        metavar="SECONDS",
        help="time after which a row is stopped (default: 1800)",
    )
    options.add_network_options(parser, backend=False)
    options.add_quiet_option(parser)
    parser.set_defaults(run=run)


def names(text: str) -> List[str]:
    """Return a text such as `cpu,numpy` as a list of names, without empty parts."""
    return [name.strip() for name in text.split(",") if name.strip()]


def run(args: argparse.Namespace) -> int:
    """Compare, and print the table."""
    from ..errors import OptionError
    from ..experiments.compare.comparison import compare, entries
    from ..experiments.compare.report import table
    from ..watch.progress import Progress
    from . import INTERRUPTED
    from .request import chosen_model, network_options

    options.show_messages(args.quiet)
    if (args.content is None) != (args.style is None):
        raise OptionError("give both a content and a style picture, or neither")
    settings = running.given(args, PARAMETERS)
    rows = entries(settings.get("backends"), settings.get("implementations"))
    iterations = settings.get("iterations", running.default_of(compare, "iterations"))
    try:
        with Progress(iterations * len(rows), args.quiet) as bar:
            report = compare(
                args.content,
                args.style,
                chosen_model(network_options(args)),
                args.output,
                device=args.device or 0,
                weights_file=args.weights,
                pooling=args.pooling,
                threads=args.threads,
                callback=bar.show,
                **settings,
            )
    except KeyboardInterrupt:
        print("caffe-style: interrupted; finished rows are in %s" % args.output, file=sys.stderr)
        return INTERRUPTED
    print("\n".join(table(report)))
    if not args.quiet:
        print(args.output)
    failed = all("error" in row for row in report["rows"])
    return 2 if failed else 0
