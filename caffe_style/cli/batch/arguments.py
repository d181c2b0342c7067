"""The arguments of a job: written as on the command line, and read by the parser of the command line."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
from typing import Any, List

from ...errors import BatchError
from .reading import shorten


def as_option(where: str, name: str, value: Any) -> List[str]:
    """Return an option in the form of the command line: `--name value`."""
    option = ("-" if len(name) == 1 else "--") + name
    if isinstance(value, bool):
        return [option if value else option.replace("--", "--no-", 1)]
    if isinstance(value, dict):
        return [option, ",".join("%s:%s" % item for item in value.items())]
    if isinstance(value, list):
        several = name == "segments"
        return [option, *map(str, value)] if several else [option, ",".join(map(str, value))]
    if value is None:
        raise BatchError("%s: %s has no value" % (where, name))
    return [option, str(value)]


@functools.lru_cache(maxsize=1)
def _parser() -> argparse.ArgumentParser:
    from ..picture_commands import make_parser

    return make_parser()


def parse(where: str, arguments: List[str]) -> argparse.Namespace:
    """Parse a job's arguments with the parser of the command line.

    Raises
    ------
    BatchError
        If it refuses them. The message names the job, `where`.
    """
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(told):
            parsed = _parser().parse_args(arguments)
    except SystemExit as end:
        if not end.code:
            raise BatchError("%s: help is not an option of a job" % where) from None
        reason = told.getvalue().strip().splitlines()[-1].split("error: ", 1)[-1]
        raise BatchError("%s: %s" % (where, shorten(reason))) from None
    # The command line also accepts `o`, or the first letters of the name.
    if parsed.output is not None:
        raise BatchError("%s: write the full name of the option output" % where)
    return parsed
