"""What every command that optimises a picture shares: its options, its progress bar, what it writes."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Sequence

from ..system import interrupts
from . import options
from .watching import add_watching_options


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the network's options, the output's and those of watching."""
    options.add_network_options(parser)
    group = parser.add_argument_group("output")
    group.add_argument("-o", "--output", metavar="FILE", help="the picture to write")
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
    from ..watch.progress import Progress
    from ..watch.watcher import Several
    from . import INTERRUPTED
    from .outputs import Picture, check_outputs
    from .request import open_asked
    from .watching import watchers

    options.show_messages(args.quiet)
    output = Path(request.output)
    check_outputs(args, output, iterations, request.inputs())
    with contextlib.ExitStack() as stack, Picture(output) as picture:
        others = Several(watchers(args, output, stack))
        network = open_asked(request.network, request.threads)
        with Progress(iterations, args.quiet) as bar:
            try:
                result = make(network, Several([picture, bar, others]))
            except Exception as error:
                interrupts.guard()
                _keep_what_there_is(error, picture, others)
                raise
        in_place = picture.write(result.image, noted(result))
        if result.status != "finished":
            print("caffe-style: %s" % result.message, file=sys.stderr)
        if not args.quiet:
            print(picture.path)
        interrupts.release()
        others.end(result.status, "The picture is %s" % picture.path, result.history)
    if result.status == "interrupted":
        return INTERRUPTED
    return 0 if in_place else 1


def _keep_what_there_is(error: Exception, picture: Any, others: Any) -> None:
    """Write the last good picture of a run that broke off after an iteration; raise what it ends with."""
    from ..errors import CaffeStyleError
    from ..optimise.evaluations import result_of
    from ..system.files import reason

    result = result_of(error)
    if result is None or not any(each.accepted and each.iteration for each in result.history):
        return
    picture.write(result.image, noted(result))
    what = "not enough memory" if isinstance(error, MemoryError) else reason(error)
    ending = "%s; the last good picture is %s" % (what, picture.path)
    others.end(result.status, ending, result.history)
    interrupts.release()
    if isinstance(error, (CaffeStyleError, MemoryError)):
        raise CaffeStyleError(ending) from None
    print("caffe-style: error: %s" % ending, file=sys.stderr)


def noted(result: Any) -> Dict[str, Any]:
    """What a picture's metadata says: the parameters, and what kept it from being finished."""
    if result.status in ("stopped", "interrupted", "diverged", "failed"):
        return {**result.parameters, "ended": result.message}
    return result.parameters


def default_of(function: Any, parameter: str) -> Any:
    """The default of a function's parameter."""
    import inspect

    return inspect.signature(function).parameters[parameter].default
