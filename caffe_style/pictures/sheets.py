"""Labelled contact sheets."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional

import numpy as np

MARGIN = 8
INK, PAPER, BLANK = (0, 0, 0), (255, 255, 255), (225, 225, 225)


class Cell(NamedTuple):
    """A picture (H, W, 3) uint8 with its label. Without a picture the label is on an empty field."""

    label: str
    image: Optional[np.ndarray]


def contact_sheet(
    title: str, cells: List[Cell], columns: int, side: int, note: str = ""
) -> np.ndarray:
    """Arrange labelled pictures in rows.

    Parameters
    ----------
    title : str
        Title above the pictures.
    cells : list of Cell
        Pictures, row by row. Those larger than `side` pixels, or taller than most of their row, are shrunk.
    columns : int
        Number of pictures in a row.
    side : int
        Width of a column in pixels.
    note : str
        Text below the pictures.

    Returns
    -------
    ndarray, (H, W, 3) uint8

    Examples
    --------
    >>> import numpy as np
    >>> cells = [Cell("first", np.zeros((60, 60, 3), np.uint8)), Cell("second", None)]
    >>> sheet = contact_sheet("Two cells", cells, columns=2, side=80)
    >>> sheet.ndim, sheet.dtype.name
    (3, 'uint8')
    """
    columns = min(columns, len(cells))
    font, heading = _font(max(11, side // 18)), _font(max(14, side // 12))
    width = MARGIN + columns * (side + MARGIN)
    rows = [_text_strip(title, heading, width)]
    for first in range(0, len(cells), columns):
        rows.append(_row(cells[first : first + columns], width, side, font))
    if note:
        rows.append(_text_strip(note, font, width))
    return np.concatenate(rows)


def _text_strip(text: str, font: Any, width: int) -> np.ndarray:
    from PIL import Image, ImageDraw

    lines = _wrapped(text, font, width - 2 * MARGIN)
    strip = Image.new("RGB", (width, _height(lines, font) + 2 * MARGIN), PAPER)
    draw = ImageDraw.Draw(strip)
    for line, words in enumerate(lines):
        draw.text((MARGIN, MARGIN + line * _height(["x"], font)), words, INK, font=font)
    return np.asarray(strip)


def _row(cells: List[Cell], width: int, side: int, font: Any) -> np.ndarray:
    """Draw pictures side by side at one height, with labels below. A short row is in the middle."""
    from PIL import Image, ImageDraw

    pictures = [_shrunk(cell.image, side, side) for cell in cells]
    labels = [_wrapped(cell.label, font, side) for cell in cells]
    # Most pictures of a row have the same shape. A taller one gets their height.
    heights = [picture.shape[0] for picture in pictures if picture is not None]
    tall = max(heights, key=lambda height: (heights.count(height), -height), default=side * 3 // 4)
    below = max(_height(lines, font) for lines in labels)
    strip = Image.new("RGB", (width, tall + below + 2 * MARGIN), PAPER)
    draw = ImageDraw.Draw(strip)
    indent = (width - MARGIN - len(cells) * (side + MARGIN)) // 2
    for column, (picture, lines) in enumerate(zip(pictures, labels)):
        left = indent + MARGIN + column * (side + MARGIN)
        if picture is None:
            draw.rectangle([left, 0, left + side - 1, tall - 1], BLANK)
        else:
            fitted = Image.fromarray(_shrunk(picture, side, tall))
            place = (left + (side - fitted.width) // 2, (tall - fitted.height) // 2)
            strip.paste(fitted, place)
        for line, text in enumerate(lines):
            place = (left, tall + MARGIN // 2 + line * _height(["x"], font))
            draw.text(place, text, INK, font=font)
    return np.asarray(strip)


def _shrunk(image: Optional[np.ndarray], width: int, height: int) -> Optional[np.ndarray]:
    """Shrink a picture that does not fit."""
    from .images import resize

    if image is None:
        return None
    part = min(width / image.shape[1], height / image.shape[0])
    return image if part >= 1 else resize(image, round(part * max(image.shape[:2])))


def _font(size: int) -> Any:
    from PIL import ImageFont

    try:
        return ImageFont.load_default(size)
    except (TypeError, OSError):  # older pillow, or one without FreeType: its one small font
        return ImageFont.load_default()


def _width(text: str, font: Any) -> float:
    return font.getlength(text) if hasattr(font, "getlength") else font.getsize(text)[0]


def _height(lines: List[str], font: Any) -> int:
    return len(lines) * (getattr(font, "size", 10) * 5 // 4 + 2)


def _wrapped(text: str, font: Any, width: int) -> List[str]:
    """Break a text at spaces so that lines fit the column. A long word may be wider."""
    lines = [""]
    for word in text.split():
        longer = (lines[-1] + " " + word).strip()
        if not lines[-1] or _width(longer, font) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
