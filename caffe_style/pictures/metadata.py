"""What files note of a run, or of a model: plain values, checked before anything believes them.

Pictures, checkpoints and models' readmes come from anywhere. Each check raises a ValueError of one line; who
reads the file names it. Whether a setting's value makes sense is for whoever takes the setting.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any, Dict, Mapping

#: Characters of a text, and levels of lists and mappings in it: ours have some thousands, and three.
LONGEST, DEEPEST = 1 << 20, 16

_TEXT, _NUMBER = (str,), (int, float)
#: What every run notes of network and machine: its types, None where a value may be missing.
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
    """Read a JSON object of at most so many characters.

    Raises
    ------
    ValueError
        If the text is too long, is no JSON object, or is nested too deeply.
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
    """Read YAML without aliases, which make a short text huge.

    Raises
    ------
    ValueError
        If the text is too long, is no YAML, has an alias, or is nested too deeply.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """SafeLoader that refuses aliases, and depths that Python could not follow."""

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
    """Raise ValueError where lists and mappings lie in each other more than `deepest` times."""
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
    """Check what is noted of network, machine and pictures, as far as it is.

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
    """A file's name, or a mapping of a name, a weight and a mask."""
    if isinstance(style, dict):
        known = set(style) <= {"picture", "weight", "mask"}
        if (
            known
            and is_a(style.get("picture"), _TEXT)
            and is_a(style.get("weight", 1.0), _NUMBER)
            and is_a(style.get("mask"), (str, type(None)))
        ):
            return
    elif style is None or isinstance(style, str):
        return
    raise ValueError("a style cannot be %s" % shortened(style))


def printable(text: str) -> str:
    """A text with its control characters escaped: a terminal would obey them."""
    return "".join(
        ascii(letter)[1:-1] if unicodedata.category(letter)[0] in "CZ" and letter != " " else letter
        for letter in text
    )


def is_a(value: Any, types: tuple) -> bool:
    """Whether a value is of one of these types; True and False are no numbers."""
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))


def shortened(value: Any) -> str:
    """A value as errors show it: on one line, not too long."""
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."
