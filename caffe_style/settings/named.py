"""Names of values in messages and metadata."""

from __future__ import annotations

from typing import Any, Optional


def name_of(picture: Any) -> Optional[str]:
    """Return a picture's name for metadata: its file's name, "array" for an array, None for None."""
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
