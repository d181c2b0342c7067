"""Kinds of setting whose value is a picture."""

from __future__ import annotations

import os
from typing import (
    Any,
    Optional,
)

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
