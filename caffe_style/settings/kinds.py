"""Kinds of values that a setting can have: how each is checked, read from a text and written as one.

A kind's `check` takes a value from wherever it comes (Python, a picture's metadata, a checkpoint, a preset) and
returns it in its own type. `read` takes the text of a command line, `write` gives such a text back. `check` and
`read` refuse a bad value with an OptionError of one line that names the setting.
"""

from __future__ import annotations

import math
import os
from typing import Any, Dict, Mapping, NoReturn, Optional, Sequence, Union

from ..errors import OptionError

#: A picture's file, or an array (H, W, 3) of uint8.
PictureLike = Any
#: Blob name -> weight.
Layers = Mapping[str, float]

#: More layers than any network has; a limit for what a file of others can ask for.
_MOST_LAYERS = 10000


class Kind:
    """A text that is not empty; the base of the other kinds.

    Attributes
    ----------
    metavar : str
        What the help shows in the place of a value.
    """

    metavar = "NAME"

    def check(self, value: Any, name: str) -> Any:
        """Return the value of the setting of this name in the kind's own type.

        Raises
        ------
        OptionError
        """
        if not isinstance(value, str) or not value:
            _refuse(name, "a text", value)
        return value

    def read(self, text: str, name: str) -> Any:
        """Return the value of a command line's text; raise OptionError as `check` does."""
        return self.check(text, name)

    def write(self, value: Any) -> str:
        """Return the text that `read` takes."""
        return str(value)

    def note(self, value: Any) -> Any:
        """Return what a picture's metadata says, JSON-able."""
        return value


class Number(Kind):
    """A number of a type (int or float) in [least, most].

    Parameters
    ----------
    type : {int, float}
    least, most : float
        Infinity is never in the range.
    """

    def __init__(self, type: type, least: float = -math.inf, most: float = math.inf) -> None:
        self.type, self.least, self.most = type, least, most
        self.metavar = "N" if type is int else "X"

    def check(self, value: Any, name: str) -> Any:
        """Return an int or a float."""
        whole = self.type is int
        # numpy's scalars are numbers too; True is not.
        number = None if isinstance(value, (bool, str)) else _as_number(value)
        if number is None or not math.isfinite(number) or (whole and number != int(number)):
            _refuse(name, self._described(), value)
        if not self.least <= number <= self.most:
            _refuse(name, self._described(), value)
        return int(number) if whole else float(number)

    def read(self, text: str, name: str) -> Any:
        """Return the number that a text says."""
        try:
            number = self.type(text)
        except ValueError:
            _refuse(name, self._described(), text)
        return self.check(number, name)

    def write(self, value: Any) -> str:
        """Return the shortest text that gives the same number."""
        return repr(value)

    def _described(self) -> str:
        what = "a whole number" if self.type is int else "a number"
        if math.isfinite(self.most) and math.isfinite(self.least):
            return "%s from %s to %s" % (what, _short(self.least), _short(self.most))
        if math.isfinite(self.least):
            return "%s of at least %s" % (what, _short(self.least))
        return "a finite number" if self.type is float else what


class Flag(Kind):
    """True or False: on the command line an option and its opposite."""

    def check(self, value: Any, name: str) -> bool:
        """Return a bool."""
        if not isinstance(value, bool):
            _refuse(name, "true or false", value)
        return value


class Choice(Kind):
    """One of a few names."""

    def __init__(self, names: Sequence[str], metavar: str = "NAME") -> None:
        self.names, self.metavar = tuple(names), metavar

    def check(self, value: Any, name: str) -> str:
        """Return the name."""
        if value not in self.names:
            what = name.replace("_", " "), shown(value), ", ".join(self.names)
            raise OptionError("unknown %s %s: choose one of %s" % what)
        return value


class LayerWeights(Kind):
    """Blobs of a network and their weights, on the command line `conv1_1:0.5,conv2_1` (a weight of 1)."""

    metavar = "LAYER[:WEIGHT],..."

    def check(self, value: Any, name: str) -> Dict[str, float]:
        """Return a dict of str to float."""
        if not isinstance(value, Mapping) or len(value) > _MOST_LAYERS:
            _refuse(name, "names of layers with their weights", value)
        weights = {}
        for layer, weight in value.items():
            if not isinstance(layer, str) or not layer:
                _refuse("a layer's name in " + name, "a text", layer)
            weights[layer] = Number(float).check(weight, "%s: the weight of %s" % (name, layer))
        return weights

    def read(self, text: str, name: str) -> Dict[str, float]:
        """Return the layers that a text names."""
        weights = {}
        for part in text.split(","):
            layer, colon, weight = part.strip().partition(":")
            if not layer:
                raise OptionError("empty layer name in %s" % shown(text))
            try:
                weights[layer] = float(weight) if colon else 1.0
            except ValueError:
                raise OptionError(
                    "'%s' is not a number (in '%s'; write LAYER:WEIGHT)" % (weight, part)
                ) from None
        return self.check(weights, name)

    def write(self, value: Any) -> str:
        """Return the text; the order of layers is kept, since losses add up in it."""
        return ",".join("%s:%r" % item for item in value.items())

    def note(self, value: Any) -> Dict[str, float]:
        """Return a plain dict."""
        return dict(value)


class Scales(Number):
    """ "auto", or how many sizes there are from coarse to fine."""

    def __init__(self) -> None:
        super().__init__(int, 1, 64)
        self.metavar = "N|auto"

    def check(self, value: Any, name: str) -> Union[int, str]:
        """Return "auto" or an int."""
        return "auto" if value == "auto" else super().check(value, name)

    def read(self, text: str, name: str) -> Union[int, str]:
        """Return what a text says."""
        return "auto" if text == "auto" else super().read(text, name)

    def write(self, value: Any) -> str:
        """Return the text."""
        return str(value)

    def _described(self) -> str:
        return "auto or a whole number from 1"


class File(Kind):
    """A picture: a file's name, or in Python an array (H, W, 3) of uint8."""

    metavar = "FILE"

    def check(self, value: Any, name: str) -> PictureLike:
        """Return the name or the array; what is in it is checked where it is read."""
        if hasattr(value, "shape") or isinstance(value, os.PathLike):
            return value
        if not isinstance(value, str) or not value or "\0" in value:
            _refuse(name, "a picture's file or array", value)
        return value

    def note(self, value: Any) -> Optional[str]:
        """Return the file's name, or "array"."""
        return name_of(value)


class Start(File):
    """Where a picture starts: a word such as noise or mix:0.3, or a picture (`caffe_style.scene.starts`)."""

    metavar = "START"


def name_of(picture: Optional[PictureLike]) -> Optional[str]:
    """Return what metadata says of a picture: its file's name, "array" for an array, None for None."""
    if picture is None:
        return None
    return "array" if hasattr(picture, "shape") else str(picture)


def shown(value: Any) -> str:
    """Return a value as an error message shows it: short, on one line."""
    text = "'%s'" % value if isinstance(value, str) else type(value).__name__
    if isinstance(value, (int, float)) or value is None:
        text = str(value)
    text = text.encode("ascii", "backslashreplace").decode().replace("\n", "\\n")
    return text if len(text) <= 60 else text[:56] + "..."


def _refuse(name: str, wanted: str, value: Any) -> NoReturn:
    raise OptionError("%s must be %s, not %s" % (name, wanted, shown(value)))


def _as_number(value: Any) -> Optional[float]:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _short(limit: float) -> str:
    return "%d" % limit if limit == int(limit) else "%g" % limit
