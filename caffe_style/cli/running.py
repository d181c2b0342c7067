"""What every command that optimises a picture shares: its options, its progress bar, what it writes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Sequence

from . import options
from .options import number
from .watching import add_watching_options


def add_picture_options(parser: argparse.ArgumentParser, start: str) -> Callable[..., None]:
    """Add output, size, iterations, start; return a function that adds more to the group.

    An option that is not given stays out of the namespace: the function's default holds.
    """
    parser.add_argument("-o", "--output", metavar="FILE", help="the picture to write")
    group = parser.add_argument_group("picture")
    add = optional(group)
    add("--size", type=number(int, 16, 65536), metavar="PIXELS", help="long edge (512)")
    add("--iterations", type=number(int, 1), metavar="N", help="steps of L-BFGS (200)")
    add(
        "--init",
        metavar="START",
        help="where to start: noise[:STD], coloured:EXPONENT, mean:STD (noise around the network's "
        "mean), content, style, mix:PART (content with this "
        "part of noise) or a file (%s)" % start,
    )
    return add


def optional(group: Any) -> Callable[..., None]:
    """Return the group's `add_argument` with no default: what is not given stays out of the namespace."""

    def add(name: str, **settings: Any) -> None:
        group.add_argument(name, default=argparse.SUPPRESS, **settings)

    return add


def add_optimiser_options(parser: argparse.ArgumentParser, bounds: str) -> None:
    """Add optimiser, network and output; `bounds` tells the function's default."""
    add = optional(parser.add_argument_group("optimiser"))
    add(
        "--optimizer",
        metavar="NAME",
        help="L-BFGS of scipy on the host, or of our own on the backend's device (scipy)",
    )
    add("--corrections", type=number(int, 1, 100), metavar="M", help="length of its history (10)")
    add(
        "--bounds",
        action=argparse.BooleanOptionalAction,
        help="keep pixels inside 0..255 throughout, slower (%s)" % bounds,
    )
    options.add_network_options(parser)
    group = parser.add_argument_group("output")
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
    args: argparse.Namespace,
    default_output: str,
    iterations: int,
    make: Callable[..., Any],
    network_options: Optional[Mapping[str, Any]] = None,
) -> int:
    """Check everything that can be checked, then optimise and write.

    Parameters
    ----------
    args : Namespace
    default_output : str
        The picture's name if none is given.
    iterations : int
        For the progress bar.
    make : callable
        `make(network, callback) -> Result`.
    network_options : mapping, optional
        Of `open_network`, where the command line says nothing.

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
    from .network import open_from
    from .watching import Watchers

    options.show_messages(args.quiet)
    output = Path(args.output or default_output)
    images.check_writable(output)
    if args.curve:
        check_curve(args.curve)
    with Watchers(args) as watchers:
        network = open_from(args, **(network_options or {}))
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
