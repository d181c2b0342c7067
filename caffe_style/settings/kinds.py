"""The kinds of values that a setting can have, and how to check, read and write each kind.

`check` takes a value from any source (Python, a picture's metadata, a checkpoint, a preset) and returns it in
the kind's own type. `read` takes the text of a command line, and `write` returns such a text. For a bad value,
`check` and `read` raise an OptionError whose message names the setting.
"""

from __future__ import annotations

import math
from typing import Any, Dict, Mapping, NoReturn, Optional, Sequence, Tuple, Union

from ..errors import OptionError
from .named import shown

#: A picture's file, or an array (H, W, 3) of uint8.
PictureLike = Any
#: Weights by layer.
Layers = Mapping[str, float]

#: Most layers in a value from a file. No network has as many.
_MOST_LAYERS = 10000


class Kind:
    """A text that is not empty. Base class of the other kinds.

    Attributes
    ----------
    metavar : str, or tuple of str
        Placeholder of the value in the help, or one for each of several.
    values : int
        Number of values that the option takes.
    """

    metavar: Union[str, Tuple[str, ...]] = "NAME"
    values = 1

    def check(self, value: Any, name: str) -> Any:
        """Check a value, and return it in the kind's own type.

        Raises
        ------
        OptionError
            If the value is bad. The message has the setting's `name`.
        """
        if not isinstance(value, str) or not value:
            refuse(name, "a text", value)
        return value

    def read(self, text: str, name: str) -> Any:
        """Return the value of a text from the command line; raise OptionError as `check` does."""
        return self.check(text, name)

    def write(self, value: Any) -> str:
        """Return the text from which `read` gives the same value."""
        return str(value)

    def note(self, value: Any) -> Any:
        """Return the value as metadata records it, a value that JSON can hold."""
        return value


class Number(Kind):
    """A finite number in [least, most].

    Parameters
    ----------
    type : {int, float}
        Type of the number.
    least, most : float
        Limits of the range. Infinity itself is never allowed.

    Examples
    --------
    >>> Number(int, 1, 100).read("20", "corrections")
    20
    >>> Number(int, 1, 100).check(0, "corrections")
    Traceback (most recent call last):
    ...
    caffe_style.errors.OptionError: corrections must be a whole number, at least 1 and at most 100, not 0
    """

    def __init__(self, type: type, least: float = -math.inf, most: float = math.inf) -> None:
        self.type, self.least, self.most = type, least, most
        self.metavar = "N" if type is int else "X"

    def check(self, value: Any, name: str) -> Any:
        """Return an int or a float."""
        whole = self.type is int
        # numpy's scalars count as numbers. True does not.
        number = None if isinstance(value, (bool, str)) else _as_number(value)
        if number is None or not math.isfinite(number) or (whole and number != int(number)):
            refuse(name, self._described(), value)
        if not self.least <= number <= self.most:
            refuse(name, self._described(), value)
        return int(number) if whole else float(number)

    def read(self, text: str, name: str) -> Any:
        """Return the number in a text."""
        try:
            number = self.type(text)
        except ValueError:
            refuse(name, self._described(), text)
        return self.check(number, name)

    def write(self, value: Any) -> str:
        """Return the shortest text that gives the same number."""
        return repr(value)

    def _described(self) -> str:
        what = "a whole number" if self.type is int else "a number"
        if math.isfinite(self.most) and math.isfinite(self.least):
            return "%s, at least %s and at most %s" % (what, _short(self.least), _short(self.most))
        if math.isfinite(self.least):
            return "%s, at least %s" % (what, _short(self.least))
        return "a finite number" if self.type is float else what


class Flag(Kind):
    """True or False; on the command line an option and its negation."""

    def check(self, value: Any, name: str) -> bool:
        """Return a bool."""
        if not isinstance(value, bool):
            refuse(name, "true or false", value)
        return value


class Choice(Kind):
    """One of a few names.

    Examples
    --------
    >>> Choice(["gram", "spatial"]).check("gram", "style_loss")
    'gram'
    """

    def __init__(self, names: Sequence[str], metavar: str = "NAME") -> None:
        self.names, self.metavar = tuple(names), metavar

    def check(self, value: Any, name: str) -> str:
        """Return the name."""
        if value not in self.names:
            what = name.replace("_", " "), shown(value), ", ".join(self.names)
            raise OptionError("unknown %s %s: choose one of %s" % what)
        return value


class LayerWeights(Kind):
    """Layers with their weights, on the command line `conv1_1:0.5,conv2_1`. The default weight is 1.

    Examples
    --------
    >>> LayerWeights().read("conv1_1:0.5,conv2_1", "style_layers")
    {'conv1_1': 0.5, 'conv2_1': 1.0}
    """

    metavar = "LAYER[:WEIGHT],..."

    def check(self, value: Any, name: str) -> Dict[str, float]:
        """Return a dict of str to float."""
        if not isinstance(value, Mapping) or len(value) > _MOST_LAYERS:
            refuse(name, "names of layers with their weights", value)
        weights = {}
        for layer, weight in value.items():
            if not isinstance(layer, str) or not layer:
                refuse("a layer's name in " + name, "a text", layer)
            weights[layer] = Number(float).check(weight, "%s: the weight of %s" % (name, layer))
        return weights

    def read(self, text: str, name: str) -> Dict[str, float]:
        """Return the layers and weights in a text."""
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
        """Return the text, in the order of the layers, since rounding depends on the order of a sum."""
        return ",".join("%s:%r" % item for item in value.items())

    def note(self, value: Any) -> Dict[str, float]:
        """Return a plain dict."""
        return dict(value)


class NumberOrAuto(Number):
    """A whole number in [least, most], or "auto"."""

    def __init__(self, least: int, most: int) -> None:
        super().__init__(int, least, most)
        self.metavar = "N|auto"

    def check(self, value: Any, name: str) -> Union[int, str]:
        """Return "auto" or an int."""
        return "auto" if value == "auto" else super().check(value, name)

    def read(self, text: str, name: str) -> Union[int, str]:
        """Return "auto" or the number in a text."""
        return "auto" if text == "auto" else super().read(text, name)

    def write(self, value: Any) -> str:
        """Return the text."""
        return str(value)


class Scales(NumberOrAuto):
    """The number of sizes from coarse to fine, or "auto"."""

    def __init__(self) -> None:
        super().__init__(1, 64)

    def _described(self) -> str:
        return "auto or a whole number from 1"


class Regions(NumberOrAuto):
    """The number of kinds of content to look for, or "auto". More than 20 cannot each have 5 % of a picture."""

    def __init__(self) -> None:
        super().__init__(2, 25)

    def _described(self) -> str:
        return "auto or " + super()._described()


def refuse(name: str, wanted: str, value: Any) -> NoReturn:
    """Raise OptionError, which says that the setting `name` must be `wanted`, not this value."""
    raise OptionError("%s must be %s, not %s" % (name, wanted, shown(value)))


def _as_number(value: Any) -> Optional[float]:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _short(limit: float) -> str:
    return "%d" % limit if limit == int(limit) else "%g" % limit
