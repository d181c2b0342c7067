"""Reading a file of jobs in YAML or CSV. Each job is a command line of `caffe-style`."""

from __future__ import annotations

import argparse
import os
import re
import string
from itertools import islice, product
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Union

from ...errors import BatchError
from ...settings.commands import COMMANDS
from .arguments import as_option, parse
from .reading import Entry, read_entries, shorten

#: Pictures that a command takes without an option's name.
_PICTURES = {
    "transfer": ("content", "style"),
    "texture": ("style",),
    "reconstruct": ("content",),
}
#: Options that name a file to write.
_WRITTEN = ("--curve", "--animate", "--checkpoint", "--show-regions")
#: Most jobs of a file. Lists of contents and styles multiply their number.
_MOST = 20_000
#: Most bytes of a checkpoint's name. File systems allow a few more, which the temporary name needs.
_LONGEST_NAME = 240
#: Formats that `{number:...}` may have: leading zeros, for up to 9 digits.
_ZEROS = re.compile("0[1-9]d?")


class Job(NamedTuple):
    """One picture to make.

    Attributes
    ----------
    where : str
        Name of the job in error messages: "jobs.yaml, job 3".
    arguments : tuple of str
        Arguments of `caffe-style`, without output.
    output : Path
        File of the picture.
    folder : Path
        Folder to which names are relative: that of the file of jobs.
    checkpoint : Path, optional
        File to which the run is saved regularly, if its optimizer allows it.
    keeps_checkpoint : bool
        Whether the checkpoint is kept after the picture is made, since the job names it.
    """

    where: str
    arguments: Tuple[str, ...]
    output: Path
    folder: Path
    checkpoint: Optional[Path] = None
    keeps_checkpoint: bool = False

    def inputs(self) -> List[Path]:
        """Return the arguments, and their parts (``FILE:MASK``), that may name files which the job reads."""
        before = ("", *self.arguments)
        names = {
            part
            for option, argument in zip(before, self.arguments)
            if option not in _WRITTEN
            for part in (argument, *argument.split(":"))
        }
        return [self.folder / name for name in sorted(names)]


def read_jobs(path: Union[str, Path]) -> List[Job]:
    """Read and check all jobs of a file.

    A YAML file has `jobs`, a list of mappings from option names to values, and optionally `defaults` for all
    jobs. A CSV file has the option names in its first row. `command` is one of COMMANDS, by default transfer.
    `output` is the picture's name, in which {content}, {style} and {number} are replaced by those of the job.
    If content or style is a list, every pair is a job. `styles` is one value of `--style`, or a list of them.

    Raises
    ------
    BatchError
        If the command line does not accept a job, or if its output is also that of another job or a picture
        that a job reads. The message names the job.
    """
    path = Path(path)
    entries = ((where, one) for where, entry in read_entries(path) for one in _pairs(where, entry))
    pairs = list(islice(entries, _MOST + 1))
    if len(pairs) > _MOST:
        raise BatchError("%s has more than %d jobs: split it" % (path, _MOST))
    folder = path.resolve().parent
    jobs = [read_job(where, one, number, folder) for number, (where, one) in enumerate(pairs, 1)]
    if not jobs:
        raise BatchError("%s has no jobs" % path)
    _check_outputs(jobs)
    return jobs


def _check_outputs(jobs: List[Job]) -> None:
    """Check that no picture or checkpoint is written twice, or over a file that a job reads."""
    owners: Dict[str, str] = {}
    read = {os.path.normpath(path) for job in jobs for path in job.inputs()}
    for job in jobs:
        if job.checkpoint is not None:
            saved = os.path.normpath(job.folder / job.checkpoint)
            if saved in owners:
                raise BatchError(
                    "%s and %s would both write %s: give each a checkpoint"
                    % (owners[saved], job.where, job.checkpoint)
                )
            owners[saved] = job.where
        output = os.path.normpath(job.folder / job.output)
        if output in owners:
            raise BatchError(
                "%s and %s would both write %s: give each an output"
                % (owners[output], job.where, job.output)
            )
        if output in read:
            raise BatchError("%s would overwrite %s, which a job reads" % (job.where, job.output))
        owners[output] = job.where


def _pairs(where: str, entry: Entry) -> Iterator[Entry]:
    """Yield one entry for each pair of content and style."""
    lists = []
    for name in ("content", "style"):
        value = entry.get(name)
        if value == []:
            raise BatchError("%s: %s is an empty list" % (where, name))
        lists.append(value if isinstance(value, list) else [value])
    for content, style in product(*lists):
        pictures = {"content": content, "style": style}
        yield {**entry, **{name: value for name, value in pictures.items() if value is not None}}


def read_job(where: str, entry: Mapping[str, Any], number: int, folder: Path) -> Job:
    """Return the job of one entry, checked.

    Parameters
    ----------
    where : str
        Name of the job in errors.
    entry : mapping
        Names of options, with their values.
    number : int
        Number of the job, for the name of its output.
    folder : Path
        Folder to which names are relative.

    Raises
    ------
    BatchError
        If the command line does not accept the job.
    """
    rest = {str(name).replace("_", "-"): value for name, value in entry.items()}
    command = rest.pop("command", "transfer")
    if command not in COMMANDS:
        raise BatchError(
            "%s: command '%s' is none of %s" % (where, shorten(str(command)), ", ".join(COMMANDS))
        )
    pictures = [
        str(rest.pop(name)) for name in _PICTURES.get(command, ()) if rest.get(name) is not None
    ]
    output = str(
        rest.pop("output", "{content}-{style}.png" if len(pictures) > 1 else "{number}.png")
    )
    stems = {name: Path(str(entry.get(name, ""))).stem for name in ("content", "style")}
    if not _plain_names(output):
        raise BatchError(
            "%s: output '%s' may have only {content}, {style} and {number} in braces"
            % (where, shorten(output))
        )
    output = output.format(number=number, **stems)
    arguments = [command, *pictures]
    styles = rest.pop("styles", [])
    for style in styles if isinstance(styles, list) else [styles]:
        arguments += ["--style", str(style)]
    needed = _PICTURES.get(command, ())
    if len(pictures) + ("--style" in arguments) < len(needed):
        raise BatchError("%s: %s needs %s" % (where, command, " and ".join(needed)))
    for name, value in rest.items():
        arguments += as_option(where, name, value)
    parsed = parse(where, arguments)
    checkpoint = getattr(parsed, "checkpoint", None)
    return Job(
        where,
        tuple(arguments),
        Path(output),
        folder,
        _checkpoint(parsed, output),
        keeps_checkpoint=checkpoint is not None,
    )


def _plain_names(output: str) -> bool:
    """Return whether all fields in braces of an output's name are known."""
    try:
        fields = [found[1:] for found in string.Formatter().parse(output) if found[1] is not None]
    except ValueError:
        return False
    return all(
        conversion is None
        and name in ("content", "style", "number")
        and (not spec or (name == "number" and _ZEROS.fullmatch(spec)))
        for name, spec, conversion in fields
    )


def _checkpoint(parsed: argparse.Namespace, output: str) -> Optional[Path]:
    """Return a job's checkpoint: the named one, or with optimizer `device` one next to its picture."""
    if getattr(parsed, "resume", None) is not None or getattr(parsed, "like", None) is not None:
        return None
    if getattr(parsed, "checkpoint", None) is not None:
        return Path(parsed.checkpoint)
    if not hasattr(parsed, "checkpoint") or getattr(parsed, "optimizer", "scipy") != "device":
        return None
    beside = Path(output + ".unfinished.npz")
    return beside if len(beside.name.encode()) <= _LONGEST_NAME else None
