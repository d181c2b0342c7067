"""--like and --resume: values from a picture or a checkpoint for options that are not given."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, Optional

from .options import number


def add_repeating_options(parser: argparse.ArgumentParser) -> None:
    """Add the options --like, --checkpoint, --checkpoint-every and --resume."""
    parser.add_argument(
        "--like",
        metavar="PICTURE",
        help="repeat this picture with the parameters in its metadata; other options take precedence",
    )
    group = parser.add_argument_group("checkpoints")
    group.add_argument(
        "--checkpoint",
        metavar="FILE.npz",
        help="file to which the run is saved regularly (with the optimizer device)",
    )
    group.add_argument(
        "--checkpoint-every",
        type=number(float, 0),
        metavar="SECONDS",
        help="time between two checkpoints; 0 saves each iteration (default: 60)",
    )
    group.add_argument(
        "--resume",
        metavar="FILE.npz",
        help="continue the run of this checkpoint, and save it there again; no other option is needed",
    )


def open_checkpoint(args: argparse.Namespace) -> Optional[Any]:
    """Return the checkpoint that the options ask for, or None if they ask for none.

    Raises
    ------
    CheckpointError, OptionError
    """
    from ..errors import OptionError
    from ..runs.checkpoint import EVERY, Checkpoint

    if args.resume is not None and args.like is not None:
        raise OptionError("--resume and --like cannot be combined: leave one out")
    if args.checkpoint is None and args.resume is None:
        if args.checkpoint_every is not None:
            raise OptionError("--checkpoint-every needs --checkpoint FILE.npz")
        return None
    every = EVERY if args.checkpoint_every is None else args.checkpoint_every
    path = args.resume if args.checkpoint is None else args.checkpoint
    return Checkpoint(path, every, args.resume)


def saved(args: argparse.Namespace, asked: Any, checkpoint: Optional[Any]) -> Optional[Any]:
    """Return the request of the checkpoint or picture that the options name, or None if they name none.

    Raises
    ------
    CheckpointError, ImageError, OptionError
    """
    from ..errors import OptionError
    from ..runs.identity import saved_request
    from ..runs.recipe import read_recipe

    if args.resume is not None:
        return saved_request(checkpoint.resumed.run)
    if args.like is None:
        return None
    recipe = read_recipe(args.like)
    if recipe.request.command != args.command:
        raise OptionError(
            "%s was made by `caffe-style %s`, not %s: `caffe-style show %s` prints its command"
            % (args.like, recipe.request.command, args.command, args.like)
        )
    request = recipe.located(asked)
    if recipe.ended is not None and not args.quiet:
        print("caffe-style: %s was %s" % (args.like, recipe.ended), file=sys.stderr)
    return request


def check_output(args: argparse.Namespace, output: str) -> None:
    """Check that the picture of --like is not overwritten, unless -o names it.

    Raises
    ------
    OptionError
        If it would be.
    """
    from ..errors import OptionError

    if args.like is None or args.output is not None or not os.path.exists(output):
        return
    if os.path.samefile(output, args.like):
        raise OptionError("this would replace %s: name another picture with -o" % args.like)
