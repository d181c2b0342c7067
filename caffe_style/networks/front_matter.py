"""The front matter of a model's readme: its keys, checked one by one."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

from ..errors import ModelError
from ..pictures import metadata as noted
from . import resources

# The strongest is first. A download is checked against the first checksum that a readme has.
CHECKSUMS = ("sha384", "sha256", "sha1", "md5")


def split(readme: Path) -> Tuple[Dict[str, Any], str]:
    """Return a readme's front matter and the text below it."""
    try:
        head, opening, rest = readme.read_text(encoding="utf-8").partition("---\n")
        front_text, closing, description = rest.partition("\n---\n")
        front = noted.parse_yaml(front_text) if closing else None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ModelError("cannot read the model description %s: %s" % (readme, reason)) from None
    if head.strip() or not isinstance(front, dict):
        raise ModelError("%s does not begin with front matter between two lines ---" % readme)
    return front, description.strip()


def prototxt_of(folder: Path, name: str) -> Path:
    """Return the path of the network's definition; raise ValueError if there is none."""
    for parent in (folder, resources.folder("prototxt")):
        if os.path.isfile(parent / name):
            return parent / name
    raise ValueError(
        "there is no prototxt %s in the same folder or in the package" % noted.shortened(name)
    )


def as_text(value: Any, key: str) -> str:
    """Return a value as a text; raise ValueError for a list, a mapping or nothing."""
    if isinstance(value, (dict, list)) or value is None:
        raise ValueError("%s must be a text, not %s" % (key, noted.shortened(value)))
    return str(value)


def text(front: Dict[str, Any], key: str, default: str) -> str:
    """Return the text under a key, or the default."""
    return as_text(front.get(key, default), key)


def file_name(name: str) -> str:
    """Check that a caffemodel's name is no path: the file is in the readme's folder or in the cache."""
    if not name or "\0" in name or Path(name).name != name:
        raise ValueError("caffemodel must be the name of a file, not %s" % noted.shortened(name))
    return name


def number(value: Any, key: str) -> float:
    """Return a value as a float; raise ValueError if it is no number."""
    try:
        # YAML reads 1e3 as a text.
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("%s must be a number, not %s" % (key, noted.shortened(value)))
    return number


def size_of(value: Any) -> Optional[int]:
    """Return a number of bytes, or None; raise ValueError for anything else."""
    if value is not None and not (noted.is_a(value, (int,)) and value >= 0):
        raise ValueError("size must be a number of bytes, not %s" % noted.shortened(value))
    return value


def mean_of(value: Any) -> Tuple[float, float, float]:
    """Return three numbers (B, G, R); raise ValueError for anything else."""
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise ValueError("mean must be three numbers (B, G, R), not %s" % noted.shortened(value))
    blue, green, red = (number(channel, "mean") for channel in value)
    return blue, green, red


def mapping(front: Dict[str, Any], key: str, read: Callable) -> Dict[str, Any]:
    """Return a mapping of layer names to `read(value, key)` of each value."""
    value = front.get(key, {})
    if not isinstance(value, dict):
        what = "weights, as {conv4_2: 1}" if read is number else "names, as {conv1: conv1_1}"
        raise ValueError("%s must map layers to %s, not %s" % (key, what, noted.shortened(value)))
    return {str(layer): read(part, key) for layer, part in value.items()}


def one_of(value: Any, allowed: Tuple[str, ...], key: str) -> str:
    """Return a value that is one of those allowed; raise ValueError if it is none of them."""
    if value not in allowed:
        raise ValueError(
            "%s must be %s, not %s" % (key, " or ".join(allowed), noted.shortened(value))
        )
    return str(value)


def texts(value: Any, key: str) -> Tuple[str, ...]:
    """Return one text or a list of texts as a tuple."""
    texts = value if isinstance(value, list) else [value]
    return tuple(as_text(text, key) for text in texts)


def checksum_of(front: Dict[str, Any]) -> Optional[str]:
    """Return the strongest checksum as ``algorithm:hex``, or None if there is none."""
    for algorithm in CHECKSUMS:
        if algorithm in front:
            return "%s:%s" % (algorithm, text(front, algorithm, ""))
    return None
