"""What to say of a field that the schema does not have: which layer has it, and where it may come from."""

from __future__ import annotations

import difflib
import re
from typing import Optional, Tuple

from ..proto.own_fields import field_names

_UNKNOWN = re.compile(r'Message type "(\w+)" has no field named "(\w+)"')
#: A string, a comment, or a token that this module looks at.
_TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|#[^\n]*|[{}<>]|\w+|\n')
#: Characters of a layer's name that are shown.
_LONGEST = 60


def explain_unknown(message: str, text: str, line: int) -> str:
    """What to add to the parser's message where it is about an unknown field, else nothing.

    Parameters
    ----------
    message : str
        The parser's.
    text : str
        The prototxt.
    line : int
        Where the parser stopped, counted from 1.

    Returns
    -------
    str
    """
    match = _UNKNOWN.search(message)
    if not match:
        return ""
    name, field = match.groups()
    # High enough that another layer's field, which ends in _param too, is not what was meant.
    near = difflib.get_close_matches(field, field_names(name), 1, 0.88)
    where = layer_at(text, line)
    if near:
        return "%s; did you mean %s?" % (where, near[0])
    if not where:
        return ""
    return "%s: it comes from a fork of Caffe that is not known here" % where


def layer_at(text: str, line: int) -> str:
    """The layer around a line, as " (layer 'name', type Type)"; nothing where it lies in none."""
    depth, number, start = 0, 1, None
    before = ""
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == "\n":
            number += 1
        elif token in "{<":
            if depth == 0 and before in ("layer", "layers"):
                start = match.end(), number
            depth += 1
        elif token in "}>":
            depth -= 1
            if depth == 0 and start and start[1] <= line <= number:
                return _describe(text[start[0] : match.start()])
        elif token[0] not in "#\"'":
            before = token
    return _describe(text[start[0] :]) if start and depth and start[1] <= line else ""


def _describe(body: str) -> str:
    name, kind = _own(body)
    if name is None and kind is None:
        return ""
    named = "'%s'" % name[:_LONGEST] if name is not None else "without a name"
    return " (layer %s, type %s)" % (named, (kind or "none")[:_LONGEST])


def _own(body: str) -> Tuple[Optional[str], Optional[str]]:
    """Name and type that a layer's text says at its own level."""
    found = {}
    depth, before = 0, ""
    for match in _TOKEN.finditer(body):
        token = match[0]
        if token in "{<":
            depth += 1
        elif token in "}>":
            depth -= 1
        elif depth == 0 and before in ("name", "type") and token != "\n":
            found.setdefault(before, token.strip("\"'"))
        if token != "\n":
            before = token
    return found.get("name"), found.get("type")
