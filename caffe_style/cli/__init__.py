"""The command line: it parses arguments and prints. The package's functions do the work.

May import experiments, runs, watch, scene, optimise, networks, backends, engine, pictures, settings, system
and errors.
"""

from __future__ import annotations

import argparse
import sys
from typing import List, Optional

from .. import __version__
from ..errors import CaffeStyleError
from ..pictures.metadata import printable
from ..system import interrupts
from .options import Parser
from .streams import steady_streams

INTERRUPTED = 130
#: Commands whose only result is what they print.
_PRINTING = ("show", "models", "doctor", "statistics")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line. Every command sets `run`, a function of the parsed arguments."""
    from . import compare, doctor, figure, models, picture_commands, show, statistics
    from .batch import command as batch
    from .studio import command as studio

    parser = Parser(
        prog="caffe-style",
        description="Artistic style transfer on Caffe networks (Nikulin & Novak 2016).",
    )
    parser.add_argument("--version", action="version", version="caffe_style " + __version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    picture_commands.add_parsers(commands)
    for module in (statistics, figure, compare, batch, studio, show, models, doctor):
        module.add_parser(commands)
    return parser


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the command line.

    Returns
    -------
    int
        Exit status: 0 for success, 1 for partial success (a job failed, or a picture has another name), 2 for
        an error that the user can correct, 130 for an interruption.
    """
    with steady_streams(), interrupts.handled():
        try:
            return _run(arguments)
        except CaffeStyleError as error:
            # The message may quote names and values from a file.
            print("caffe-style: error: %s" % printable(str(error)), file=sys.stderr)
            return 2
        except MemoryError:
            print("caffe-style: error: not enough memory: choose a smaller --size", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("caffe-style: interrupted", file=sys.stderr)
            return INTERRUPTED


def _run(arguments: Optional[List[str]]) -> int:
    parser = make_parser()
    args = parser.parse_args(arguments)
    if args.command is None:
        parser.print_help()
        return 0
    status = args.run(args)
    sys.stdout.flush()
    trouble = getattr(sys.stdout, "trouble", None)
    # A reader that stops early (`caffe-style models list | head`) is no error.
    if args.command in _PRINTING and trouble and not isinstance(trouble, BrokenPipeError):
        print("caffe-style: error: standard output: %s" % trouble, file=sys.stderr)
        return status or 1
    return status
