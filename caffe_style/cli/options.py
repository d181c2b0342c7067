"""The options that several commands share, and the functions that read their values."""

from __future__ import annotations

import argparse
from typing import Any, Callable, Dict, List, NoReturn, Optional, Union

from ..errors import OptionError
from ..settings.commands import COMMANDS
from ..settings.kinds import Flag, Kind
from ..settings.machine import MOST_THREADS


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with 2."""
        self.exit(2, "caffe-style: error: %s\n" % message)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add an option for each setting of the parser's command.

    An option that is not given stays out of the namespace: another source or the default decides.
    """
    command = parser.prog.rpartition(" ")[2]
    groups: Dict[str, Any] = {}
    for one in COMMANDS[command].list():
        if one.group is None:
            continue
        if one.group not in groups:
            groups[one.group] = parser.add_argument_group(one.group)
        more: Dict[str, Any] = {
            "default": argparse.SUPPRESS,
            "help": one.described.replace("%", "%%"),
        }
        if isinstance(one.kind, Flag):
            more["action"] = argparse.BooleanOptionalAction
        else:
            more.update(type=reader(one.kind, one.name), metavar=one.kind.metavar)
            if one.kind.values > 1:
                more.update(nargs=one.kind.values)
            if one.bare is not None:
                more.update(nargs="?", const=one.bare)
        groups[one.group].add_argument(one.option, required=one.required, **more)


def reader(kind: Kind, name: str) -> Callable[[str], Any]:
    """Return an argparse type that reads a kind of value."""

    def read(text: str) -> Any:
        try:
            return kind.read(text, name)
        except OptionError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def optional(group: Any) -> Callable[..., None]:
    """Return the group's `add_argument` without defaults: the namespace has only options that are given."""

    def add(name: str, **settings: Any) -> None:
        group.add_argument(name, default=argparse.SUPPRESS, **settings)

    return add


def number(kind: type, least: float, most: Optional[float] = None) -> Callable[[str], float]:
    """Return an argparse type that reads a number in [least, most]."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError("'%s' is not a number" % text) from None
        if not value >= least or (most is not None and value > most):
            upper = "" if most is None else " and at most %g" % most
            raise argparse.ArgumentTypeError("must be at least %g%s" % (least, upper))
        return value

    return read


def add_network_options(parser: argparse.ArgumentParser, backend: bool = True) -> None:
    """Add the network's options; without `backend`, leave out --backend and --mean."""
    group = parser.add_argument_group("network")
    group.add_argument(
        "--model",
        help="a model of `caffe-style models list`, or a prototxt (default: vgg19; strokenet if the weights "
        "of vgg19 are missing)",
    )
    group.add_argument("--weights", metavar="FILE", help="a caffemodel instead of the model's own")
    group.add_argument(
        "--pooling",
        choices=("max", "average"),
        help="operation of the pooling layers (default: the model's)",
    )
    if backend:
        group.add_argument(
            "--mean",
            type=mean,
            metavar="B,G,R",
            help="mean to subtract from pictures, 0 to 255 (default: the model's)",
        )
        group.add_argument("--backend", help="backend that runs the network (default: cpu)")
    group.add_argument(
        "--device",
        type=device,
        metavar="N",
        help="device of the backend: its number, or for opencl a part of its name",
    )
    group.add_argument(
        "--threads",
        type=number(int, 1, MOST_THREADS),
        metavar="N",
        help="number of CPU threads (default: the CPUs that this process may use)",
    )
    group.add_argument(
        "--seed",
        type=number(int, 0),
        default=argparse.SUPPRESS,
        help="seed of the noise and of random filters (default: 0)",
    )


def mean(text: str) -> List[float]:
    """Read a text such as `104,117,123` as three numbers, in Caffe's order of colours."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 3 or not all(0 <= value <= 255 for value in values):
        raise argparse.ArgumentTypeError("'%s': write B,G,R, numbers from 0 to 255" % text)
    return values


def device(text: str) -> Union[int, str]:
    """Return a device's number, or a part of its name."""
    return int(text) if text.isdigit() else text


def add_quiet_option(parser: argparse.ArgumentParser) -> None:
    """Add the option --quiet."""
    parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")


def show_messages(quiet: bool) -> None:
    """Print the package's messages on standard error, one line each; if quiet, warnings only."""
    import logging

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("caffe-style: %(message)s"))
    logger = logging.getLogger("caffe_style")
    logger.handlers = [handler]
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
