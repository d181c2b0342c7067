"""Kinds of setting whose value is a picture."""

from __future__ import annotations

import os
from typing import Any, List, Optional

from .kinds import Kind, PictureLike, refuse
from .named import name_of


class File(Kind):
    """A picture: a file's name or, in Python, an array (H, W, 3) of uint8."""

    metavar = "FILE"

    def check(self, value: Any, name: str) -> PictureLike:
        """Return the name or the array. The content is checked when the picture is read."""
        if hasattr(value, "shape") or isinstance(value, os.PathLike):
            return value
        if not isinstance(value, str) or not value or "\0" in value:
            refuse(name, "a picture's file or array", value)
        return value

    def note(self, value: Any) -> Optional[str]:
        """Return the file's name, or "array"."""
        return name_of(value)


class Start(File):
    """A picture to start from, or a word such as noise or mix:0.3 (see `caffe_style.scene.starts`)."""

    metavar = "START"


class Pair(File):
    """Two pictures, on the command line one after the other."""

    metavar = ("CONTENT", "STYLE")
    values = 2

    def check(self, value: Any, name: str) -> List[PictureLike]:
        """Return a list of two names or arrays."""
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            refuse(name, "two pictures", value)
        return [super(Pair, self).check(part, name) for part in value]

    def read(self, text: str, name: str) -> PictureLike:
        """Return one of the two."""
        return super().check(text, name)

    def note(self, value: Any) -> List[Optional[str]]:
        """Return the files' names, or "array"."""
        return [name_of(part) for part in value]
