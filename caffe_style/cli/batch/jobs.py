"""Reading a file of jobs: YAML or CSV, each job a command line of `caffe-style`."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from itertools import product
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Tuple, Union

from ...errors import BatchError
from ...pictures.files import check_regular

#: What a job may make: everything that optimises one picture.
COMMANDS = ("transfer", "texture", "reconstruct", "element", "sparse", "feature")
#: Pictures that a command takes without an option's name.
_PICTURES = {
    "transfer": ("content", "style"),
    "texture": ("style",),
    "reconstruct": ("content",),
}
#: Options whose value is a file that is written.
_WRITTEN = ("--curve", "--animate", "--checkpoint")
#: What a CSV file has for options without a value.
_TRUTH = {"true": True, "false": False}


class Job(NamedTuple):
    """One picture to make.

    Attributes
    ----------
    where : str
        What errors call it: "jobs.yaml, job 3".
    arguments : tuple of str
        Of `caffe-style`, without output.
    output : Path
    folder : Path
        What relative names are relative to: the file of jobs' folder.
    """

    where: str
    arguments: Tuple[str, ...]
    output: Path
    folder: Path

    def inputs(self) -> List[Path]:
        """What it reads, if these are files: arguments, and parts of them (``FILE:MASK``)."""
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

    A YAML file holds `jobs`, a list of mappings from option names to values, and may hold `defaults` for
    all of them; a CSV file has the names in its first row. `command` is one of COMMANDS (transfer),
    `output` a picture's name, in which {content}, {style} and {number} stand for a job's own. Where content
    or style is a list, every pair is a job; `styles` has what `--style` takes, once or as a list.

    Raises
    ------
    BatchError
        Naming the job: for what the command line would refuse, and for an output that is another's, or
        a picture that a job reads.
    """
    path = Path(path)
    entries = _read_csv(path) if path.suffix.lower() == ".csv" else _read_yaml(path)
    jobs: List[Job] = []
    for where, entry in entries:
        for one in _pairs(where, entry):
            jobs.append(_job(where, one, len(jobs) + 1, path.resolve().parent))
    if not jobs:
        raise BatchError("%s has no jobs" % path)
    _check_outputs(jobs)
    return jobs


def _check_outputs(jobs: List[Job]) -> None:
    """Refuse what would write a picture twice, or over one that a job reads."""
    owners: Dict[str, str] = {}
    read = {os.path.normpath(path) for job in jobs for path in job.inputs()}
    for job in jobs:
        output = os.path.normpath(job.folder / job.output)
        if output in owners:
            raise BatchError(
                "%s and %s would both write %s: give each an output"
                % (owners[output], job.where, job.output)
            )
        if output in read:
            raise BatchError("%s would write over %s, which a job reads" % (job.where, job.output))
        owners[output] = job.where


def _read_yaml(path: Path) -> List[Tuple[str, Dict[str, Any]]]:
    import yaml

    try:
        check_regular(path)
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BatchError(_unreadable(path, error)) from None
    if not isinstance(content, dict) or not isinstance(content.get("jobs"), list):
        raise BatchError("%s has no list `jobs:` of what to make" % path)
    unknown = sorted(set(content) - {"jobs", "defaults"}, key=str)
    if unknown:
        raise BatchError("%s: '%s' is neither jobs nor defaults" % (path, unknown[0]))
    defaults = content.get("defaults") or {}
    found = []
    for number, entry in enumerate(content["jobs"], 1):
        where = "%s, job %d" % (path, number)
        if not isinstance(entry, dict) or not isinstance(defaults, dict):
            raise BatchError("%s: write options as `name: value`" % where)
        found.append((where, {**defaults, **entry}))
    return found


def _unreadable(path: Path, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())
    return "cannot read %s: %s" % (path, reason)


def _read_csv(path: Path) -> List[Tuple[str, Dict[str, Any]]]:
    try:
        check_regular(path)
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BatchError(_unreadable(path, error)) from None
    found = []
    rows = csv.DictReader(io.StringIO(text))
    for row in rows:
        where = "%s, line %d" % (path, rows.line_num)
        if None in row or None in row.values():
            raise BatchError("%s has another number of fields than the first row" % where)
        fields = {name.strip(): value.strip() for name, value in row.items()}
        entry = {name: _TRUTH.get(value, value) for name, value in fields.items() if value}
        found.append((where, entry))
    return found


def _pairs(where: str, entry: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
    """The entry for each content with each style."""
    lists = []
    for name in ("content", "style"):
        value = entry.get(name)
        if value == []:
            raise BatchError("%s: %s is an empty list" % (where, name))
        lists.append(value if isinstance(value, list) else [value])
    for content, style in product(*lists):
        pictures = {"content": content, "style": style}
        yield {**entry, **{name: value for name, value in pictures.items() if value is not None}}


def _job(where: str, entry: Mapping[str, Any], number: int, folder: Path) -> Job:
    rest = {str(name).replace("_", "-"): value for name, value in entry.items()}
    command = rest.pop("command", "transfer")
    if command not in COMMANDS:
        raise BatchError("%s: command '%s' is none of %s" % (where, command, ", ".join(COMMANDS)))
    pictures = [
        str(rest.pop(name)) for name in _PICTURES.get(command, ()) if rest.get(name) is not None
    ]
    output = str(
        rest.pop("output", "{content}-{style}.png" if len(pictures) > 1 else "{number}.png")
    )
    stems = {name: Path(str(entry.get(name, ""))).stem for name in ("content", "style")}
    try:
        output = output.format(number=number, **stems)
    except (KeyError, IndexError, ValueError, AttributeError, TypeError):
        raise BatchError(
            "%s: output '%s' may name {content}, {style} and {number}" % (where, output)
        ) from None
    arguments = [command, *pictures]
    styles = rest.pop("styles", [])
    for style in styles if isinstance(styles, list) else [styles]:
        arguments += ["--style", str(style)]
    needed = _PICTURES.get(command, ())
    if len(pictures) + ("--style" in arguments) < len(needed):
        raise BatchError("%s: %s needs %s" % (where, command, " and ".join(needed)))
    for name, value in rest.items():
        arguments += _option(where, name, value)
    _check(where, arguments)
    return Job(where, tuple(arguments), Path(output), folder)


def _option(where: str, name: str, value: Any) -> List[str]:
    """`--name value`, as the command line has it."""
    option = ("-" if len(name) == 1 else "--") + name
    if isinstance(value, bool):
        return [option if value else option.replace("--", "--no-", 1)]
    if isinstance(value, dict):
        return [option, ",".join("%s:%s" % item for item in value.items())]
    if isinstance(value, list):
        return [option, ",".join(map(str, value))]
    if value is None:
        raise BatchError("%s: %s has no value" % (where, name))
    return [option, str(value)]


def _check(where: str, arguments: List[str]) -> None:
    """Let the command line's own parser look at it."""
    from .. import make_parser

    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(told):
            parsed = make_parser().parse_args(arguments)
    except SystemExit as end:
        if not end.code:
            raise BatchError("%s: help is no option of a job" % where) from None
        reason = told.getvalue().strip().splitlines()[-1].split("error: ", 1)[-1]
        raise BatchError("%s: %s" % (where, reason)) from None
    # As `o`, or as a beginning of the name, which the command line takes for it.
    if parsed.output is not None:
        raise BatchError("%s: write output, in full, for the picture's name" % where)
