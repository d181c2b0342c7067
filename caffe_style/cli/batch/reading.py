"""Reading a file of jobs from an unknown source: YAML or CSV, as plain values of bounded size."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from pathlib import Path
from typing import Any, Dict, List, Tuple

from ...errors import BatchError

#: The options of a job. A value is a text, number or truth value, or a list of these or a mapping to these.
Entry = Dict[str, Any]

#: Most bytes of a file, enough for about 10,000 jobs.
LARGEST_FILE = 1 << 20
#: Most characters of a value, and the limit of whole numbers.
LONGEST_VALUE, LARGEST_NUMBER = 4096, 10**18
#: Most nodes of a YAML file in which every alias is replaced by its value, and most levels of nesting.
MOST_NODES, DEEPEST_NODE = 500_000, 8
#: Texts of a CSV file for options without a value.
_TRUTH = {"true": True, "false": False}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
#: Categories of characters that end a line, control a terminal, or cannot be in a file's name.
_CONTROL = ("Cc", "Cs", "Zl", "Zp")


def read_entries(path: Path) -> List[Tuple[str, Entry]]:
    """Read the jobs of a file, each with its name in errors ("jobs.yaml, job 3").

    Raises
    ------
    BatchError
        If the file or a job is bad. The message names it.
    """
    try:
        if not path.is_file():
            raise BatchError("cannot read %s: %s" % (path, _why_not(path)))
        if path.stat().st_size > LARGEST_FILE:
            raise BatchError("%s is larger than %d bytes: split it" % (path, LARGEST_FILE))
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BatchError(_unreadable(path, error)) from None
    entries = _csv(path, text) if path.suffix.lower() == ".csv" else _yaml(path, text)
    for where, entry in entries:
        _check_entry(where, entry)
    return entries


def shorten(text: str) -> str:
    """Return at most 200 characters of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:197] + "..."


def _why_not(path: Path) -> str:
    return "not a file" if path.exists() else "No such file or directory"


def _unreadable(path: Path, error: Exception) -> str:
    return "cannot read %s: %s" % (path, getattr(error, "strerror", None) or shorten(str(error)))


def _yaml(path: Path, text: str) -> List[Tuple[str, Entry]]:
    import yaml

    from .loader import Loader

    try:
        content = yaml.load(text, Loader)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise BatchError(_unreadable(path, error)) from None
    if not isinstance(content, dict) or not isinstance(content.get("jobs"), list):
        raise BatchError("%s has no list `jobs:`" % path)
    unknown = sorted(set(content) - {"jobs", "defaults"}, key=str)
    if unknown:
        raise BatchError("%s: '%s' is neither jobs nor defaults" % (path, _printable(unknown[0])))
    defaults = content.get("defaults") or {}
    found = []
    for number, entry in enumerate(content["jobs"], 1):
        where = "%s, job %d" % (path, number)
        if not isinstance(entry, dict) or not isinstance(defaults, dict):
            raise BatchError("%s: write options as `name: value`" % where)
        found.append((where, {**defaults, **entry}))
    return found


def _csv(path: Path, text: str) -> List[Tuple[str, Entry]]:
    found = []
    rows = csv.DictReader(io.StringIO(text))
    try:
        for row in rows:
            where = "%s, line %d" % (path, rows.line_num)
            if None in row or None in row.values():
                raise BatchError("%s has another number of fields than the first row" % where)
            fields = {name.strip(): value.strip() for name, value in row.items()}
            entry = {name: _TRUTH.get(value, value) for name, value in fields.items() if value}
            found.append((where, entry))
    except csv.Error as error:
        raise BatchError("cannot read %s, line %d: %s" % (path, rows.line_num, error)) from None
    return found


def _check_entry(where: str, entry: Entry) -> None:
    """Raise BatchError unless names are options' names and values are flat and plain."""
    for name, value in entry.items():
        if not _NAME.fullmatch(str(name)):
            raise BatchError("%s: '%s' is not the name of an option" % (where, _printable(name)))
        plain = [value]
        if isinstance(value, (list, dict)):
            plain = [*value, *(value.values() if isinstance(value, dict) else ())]
        for each in plain:
            if isinstance(each, (list, dict)):
                raise BatchError("%s: %s has a list or mapping within another" % (where, name))
            if each is None:
                raise BatchError("%s: %s has no value" % (where, name))
            if isinstance(each, int) and abs(each) >= LARGEST_NUMBER:
                raise BatchError("%s: %s has a number of more than 18 digits" % (where, name))
            if len(str(each)) > LONGEST_VALUE:
                raise BatchError(
                    "%s: %s has a value longer than %d characters" % (where, name, LONGEST_VALUE)
                )
            if any(unicodedata.category(character) in _CONTROL for character in str(each)):
                raise BatchError(
                    "%s: %s has a character that cannot be printed: %s"
                    % (where, name, _printable(each))
                )


def _printable(value: Any) -> str:
    return shorten(ascii(str(value))[1:-1])
