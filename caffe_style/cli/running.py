"""The common part of all commands that optimise a picture: options, progress bar and output."""

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
    """Add the options of the network, of the output and of watching."""
    options.add_network_options(parser)
    group = parser.add_argument_group("output")
    group.add_argument("-o", "--output", metavar="FILE", help="the picture to write")
    add_watching_options(group)
    options.add_quiet_option(parser)


def given(args: argparse.Namespace, names: Sequence[str]) -> Dict[str, Any]:
    """Return the named arguments that are on the command line."""
    return {name: getattr(args, name) for name in names if hasattr(args, name)}


def optimise(
    args: argparse.Namespace, request: Any, iterations: int, make: Callable[..., Any]
) -> int:
    """Check the options and files, optimise a picture, and write it.

    Parameters
    ----------
    args : Namespace
    request : Request
        Request that names the network to open and the output to write.
    iterations : int
        Number of iterations, for the progress bar.
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
    """Write the last good picture of a run that failed, and raise an error that names its file."""
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
    """Return a picture's metadata: the parameters and, if the run ended early, the reason."""
    if result.status in ("stopped", "interrupted", "diverged", "failed"):
        return {**result.parameters, "ended": result.message}
    return result.parameters


def default_of(function: Any, parameter: str) -> Any:
    """Return the default of a function's parameter."""
    import inspect

    return inspect.signature(function).parameters[parameter].default
