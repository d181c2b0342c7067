"""The options of checkpoints, and a command line as a checkpoint remembers it."""

from __future__ import annotations

import argparse
from typing import Any, Dict, Optional

from .options import number


def add_checkpoint_options(parser: argparse.ArgumentParser) -> None:
    """--checkpoint, --checkpoint-every and --resume."""
    group = parser.add_argument_group("checkpoints")
    group.add_argument(
        "--checkpoint",
        metavar="FILE.npz",
        help="save the run there as it goes (with the optimizer device)",
    )
    group.add_argument(
        "--checkpoint-every",
        type=number(float, 0),
        metavar="SECONDS",
        help="how often; 0: each iteration (60)",
    )
    group.add_argument(
        "--resume",
        metavar="FILE.npz",
        help="go on with that run, which needs no other option, and go on saving it",
    )


def open_checkpoint(args: argparse.Namespace) -> Optional[Any]:
    """The checkpoint that the options ask for, None if they ask for none.

    What the command line leaves open of output, network and threads becomes what it was when the run began.

    Raises
    ------
    CheckpointError, OptionError
    """
    from ..errors import OptionError
    from ..runs.checkpoint import EVERY, Checkpoint

    if args.checkpoint is None and args.resume is None:
        if args.checkpoint_every is not None:
            raise OptionError("--checkpoint-every needs --checkpoint FILE.npz")
        return None
    every = EVERY if args.checkpoint_every is None else args.checkpoint_every
    checkpoint = Checkpoint(args.checkpoint or args.resume, every, args.resume)
    if checkpoint.resumed is not None:
        _restore(args, checkpoint.resumed.run)
    return checkpoint


def _restore(args: argparse.Namespace, run: Dict[str, Any]) -> None:
    network = run["network"]
    args.output = args.output or run.get("output")
    args.threads = args.threads or run["threads"]
    args.model = args.model or network["model"]
    args.weights = args.weights or network["weights_file"]
    args.backend = args.backend or network["backend"]
    args.device = network["device"] if args.device is None else args.device
    args.seed = getattr(args, "seed", network["seed"])
