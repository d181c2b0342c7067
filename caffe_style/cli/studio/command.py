"""`caffe-style studio`: a page to make pictures on."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from .. import options


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("studio", help="make pictures on a web page of this machine")
    parser.add_argument(
        "folder",
        nargs="?",
        default=".",
        metavar="FOLDER",
        help="folder of the pictures, which are read and written there (default: the current one)",
    )
    parser.add_argument(
        "--port", type=int, default=0, metavar="PORT", help="port of the page (default: any)"
    )
    options.add_quiet_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C. Running jobs then save what they have."""
    from .server import Studio

    options.show_messages(args.quiet)
    with Studio(args.folder, args.port) as studio:
        print("caffe-style: studio on %s (Ctrl-C ends it)" % studio.url, file=sys.stderr)
        try:
            while True:
                time.sleep(1)
        except KeyboardInterrupt:
            # Asked for, and not a failure.
            return 0
