"""What every command that optimises a picture shares: its options, its progress bar, what it writes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Sequence

from . import options
from .options import number
from .watching import add_watching_options


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the network's options, the output's and those of watching."""
    options.add_network_options(parser)
    group = parser.add_argument_group("output")
    group.add_argument("-o", "--output", metavar="FILE", help="the picture to write")
    group.add_argument(
        "--save-every", type=number(int, 1), metavar="N", help="also keep every N-th picture"
    )
    group.add_argument(
        "--curve", metavar="FILE", help="write the loss curve: .csv, or .png (needs matplotlib)"
    )
    add_watching_options(group)
    options.add_quiet_option(parser)


def given(args: argparse.Namespace, names: Sequence[str]) -> Dict[str, Any]:
    """Those of the function's parameters that are on the command line."""
    return {name: getattr(args, name) for name in names if hasattr(args, name)}


def optimise(
    args: argparse.Namespace, request: Any, iterations: int, make: Callable[..., Any]
) -> int:
    """Check everything that can be checked, then optimise and write.

    Parameters
    ----------
    args : Namespace
    request : Request
        Whose network is opened, and whose output is written.
    iterations : int
        For the progress bar.
    make : callable
        `make(network, callback) -> Result`.

    Returns
    -------
    int
        Exit status.
    """
    from ..errors import CaffeStyleError
    from ..optimise.minimise import DivergedError
    from ..pictures import images
    from ..watch.curves import check_curve, write_curve
    from ..watch.progress import Progress
    from . import INTERRUPTED
    from .request import open_asked
    from .watching import Watchers

    options.show_messages(args.quiet)
    output = Path(request.output)
    images.check_writable(output)
    if args.curve:
        check_curve(args.curve)
    with Watchers(args) as watchers:
        network = open_asked(request.network, request.threads)
        with Progress(iterations, args.quiet) as bar:

            def step(record: Any, image: Any) -> None:
                bar.show(record.iteration, record.loss)
                if saves(record):
                    images.write_image(frame_name(output, record.iteration), image)

            def saves(record: Any) -> bool:
                return bool(args.save_every) and record.iteration % args.save_every == 0

            watchers.step, watchers.step_wants_image = step, saves
            try:
                result = make(network, watchers)
            except DivergedError as error:
                if not any(record.accepted and record.iteration for record in error.result.history):
                    raise
                images.write_image(output, error.result.image, noted(error.result))
                told = "%s; the last good picture is %s" % (error, output)
                watchers.end("diverged", told)
                raise CaffeStyleError(told) from None
        images.write_image(output, result.image, noted(result))
        if args.curve:
            write_curve(args.curve, result.history)
        if result.status != "finished":
            print("caffe-style: %s" % result.message, file=sys.stderr)
        if not args.quiet:
            print(output)
        watchers.end(result.status, "The picture is %s" % output)
    return INTERRUPTED if result.status == "interrupted" else 0


def noted(result: Any) -> Dict[str, Any]:
    """What a picture's metadata says: the parameters, and what kept it from being finished."""
    if result.status in ("stopped", "interrupted", "diverged"):
        return {**result.parameters, "ended": result.message}
    return result.parameters


def frame_name(output: Path, iteration: int) -> Path:
    """`out-0050.png` beside `out.png`."""
    return output.with_name("%s-%04d%s" % (output.stem, iteration, output.suffix))


def default_of(function: Any, parameter: str) -> Any:
    """The default of a function's parameter."""
    import inspect

    return inspect.signature(function).parameters[parameter].default
