"""The watchers of a command's run: frames, loss curve, animation and page."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import Any, List

from .options import number


def add_watching_options(group: Any) -> None:
    """Add the options --save-every, --curve, --preview and --animate."""
    group.add_argument(
        "--save-every", type=number(int, 1), metavar="N", help="save the picture every N iterations"
    )
    group.add_argument(
        "--curve", metavar="FILE", help="write the loss curve: .csv, or .png (needs matplotlib)"
    )
    group.add_argument(
        "--preview",
        type=int,
        metavar="PORT",
        help="show the picture during the run on a web page of this machine, with pause and stop (0: any port)",
    )
    group.add_argument(
        "--animate",
        metavar="FILE",
        help="write an animation of the run: .gif, .webp, or .mp4 (needs ffmpeg)",
    )


def watchers(args: argparse.Namespace, output: Path, stack: contextlib.ExitStack) -> List[Any]:
    """Return the watchers that the options ask for; the stack closes them.

    Raises
    ------
    OptionError
        If a port or a file cannot be used. No work has been done then.
    """
    found: List[Any] = []
    if args.save_every:
        from ..watch.frames import Frames

        found.append(Frames(output, args.save_every))
    if args.curve is not None:
        from ..watch.curves import Curve

        found.append(Curve(args.curve))
    if args.animate is not None:
        from ..watch.animation import Animation

        found.append(stack.enter_context(Animation(args.animate, quiet=args.quiet)))
    if args.preview is not None:
        from ..watch.preview import Preview

        # This one is last, since it may pause or stop the run.
        found.append(stack.enter_context(Preview(args.preview)))
        if not args.quiet or args.preview == 0:
            print("caffe-style: preview on %s" % found[-1].url, file=sys.stderr)
    return found
