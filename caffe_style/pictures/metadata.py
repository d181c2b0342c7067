"""Metadata of runs and models in files: plain values, which are checked before they are used.

Pictures, checkpoints and models' readmes may come from an unknown source. Each check raises a ValueError of one
line, to which the caller adds the file's name. Settings check their values themselves.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any, Dict, Mapping

#: Limits of a text: characters, and levels of nesting. Our own texts have some thousands, and three levels.
LONGEST, DEEPEST = 1 << 20, 16

_TEXT, _NUMBER = (str,), (int, float)
#: Types of the entries that every run records about its network and machine.
_TYPES: Dict[str, tuple] = {
    "version": _TEXT,
    "model": _TEXT,
    "backend": _TEXT,
    "device": (int, str),
    "weights_file": (str, type(None)),
    "pooling": _TEXT,
    "threads": (int, type(None)),
    "seed": (int,),
    "network_seed": (int,),
    "content": (str, type(None)),
    "experiment": _TEXT,
    "ended": (str, type(None)),
    "output": (str, type(None)),
}


def parse_json(text: str, longest: int = LONGEST) -> Dict[str, Any]:
    """Read a JSON object of at most `longest` characters.

    Raises
    ------
    ValueError
        If the text is too long, is not a JSON object, or is nested too deeply.

    Examples
    --------
    >>> parse_json('{"size": 512}')
    {'size': 512}
    """
    if len(text) > longest:
        raise ValueError("more than %d characters" % longest)
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    check_depth(value)
    return value


def parse_yaml(text: str) -> Any:
    """Read YAML without aliases, with which a short text can stand for a huge value.

    Raises
    ------
    ValueError
        If the text is too long, is not YAML, has an alias, or is nested too deeply.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """A SafeLoader that refuses aliases, and nesting too deep for Python."""

        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise ValueError("aliases (*%s) are not allowed" % self.peek_event().anchor)
            self.depth += 1
            if self.depth > DEEPEST:
                raise ValueError("nested too deeply")
            try:
                return super().compose_node(parent, index)
            finally:
                self.depth -= 1

    if len(text) > LONGEST:
        raise ValueError("more than %d characters" % LONGEST)
    try:
        # Loader is a SafeLoader.
        return yaml.load(text, Loader)  # noqa: S506
    except (yaml.YAMLError, ValueError, OverflowError, TypeError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split()) or "not YAML") from None


def check_depth(value: Any, deepest: int = DEEPEST) -> None:
    """Raise ValueError if lists and mappings are nested more than `deepest` levels deep."""
    level = [value]
    for _ in range(deepest):
        parts = [part for part in level if isinstance(part, (list, dict))]
        level = [
            inner for part in parts for inner in (part.values() if isinstance(part, dict) else part)
        ]
        if not level:
            return
    raise ValueError("nested too deeply")


def check_run(noted: Mapping[str, Any]) -> None:
    """Check the metadata of network, machine and pictures. Entries may be missing.

    Raises
    ------
    ValueError
    """
    for name, types in _TYPES.items():
        if name in noted and not is_a(noted[name], types):
            raise ValueError("%s cannot be %s" % (name.replace("_", " "), shortened(noted[name])))
    mean = noted.get("mean")
    if mean is not None and not (
        isinstance(mean, list) and len(mean) == 3 and all(is_a(part, _NUMBER) for part in mean)
    ):
        raise ValueError("mean must be three numbers, not %s" % shortened(mean))
    drawn = noted.get("drawn", [])
    if not isinstance(drawn, list) or not all(isinstance(name, str) for name in drawn):
        raise ValueError("drawn must be a list of names, not %s" % shortened(drawn))
    styles = noted.get("style")
    for style in styles if isinstance(styles, list) else [styles]:
        _check_style(style)


def _check_style(style: Any) -> None:
    """Raise ValueError unless a style is a file's name, or a mapping of a name, a weight and masks."""
    if isinstance(style, dict):
        known = set(style) <= {"picture", "weight", "mask", "style_mask"}
        if (
            known
            and is_a(style.get("picture"), _TEXT)
            and is_a(style.get("weight", 1.0), _NUMBER)
            and is_a(style.get("mask"), (str, type(None)))
            and is_a(style.get("style_mask"), (str, type(None)))
        ):
            return
    elif style is None or isinstance(style, str):
        return
    raise ValueError("a style cannot be %s" % shortened(style))


def printable(text: str) -> str:
    """Escape the control characters of a text, which would control a terminal.

    Examples
    --------
    >>> print(printable("a bell" + chr(7)))
    a bell\\x07
    """
    return "".join(
        ascii(letter)[1:-1] if unicodedata.category(letter)[0] in "CZ" and letter != " " else letter
        for letter in text
    )


def is_a(value: Any, types: tuple) -> bool:
    """Return whether a value has one of these types. True and False do not count as numbers."""
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))


def shortened(value: Any) -> str:
    """Return a value as error messages show it: short, on one line."""
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."
