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


def contact_sheet(title: str, cells: List[Cell], columns: int, side: int) -> np.ndarray:
    """Arrange labelled pictures in rows.

    Parameters
    ----------
    title : str
        Title above the pictures.
    cells : list of Cell
        Pictures, row by row. Those larger than `side` pixels are shrunk.
    columns : int
        Number of pictures in a row.
    side : int
        Width of a column in pixels.

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
    from PIL import Image, ImageDraw

    columns = min(columns, len(cells))
    font, heading = _font(max(11, side // 18)), _font(max(14, side // 12))
    pictures = [_shrunk(cell.image, side) for cell in cells]
    labels = [_wrapped(cell.label, font, side) for cell in cells]
    width = MARGIN + columns * (side + MARGIN)
    above = _wrapped(title, heading, width - 2 * MARGIN)
    sheet = Image.new("RGB", (width, _height(above, heading) + 2 * MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    for line, text in enumerate(above):
        draw.text((MARGIN, MARGIN + line * _height(["x"], heading)), text, INK, font=heading)
    rows = [np.asarray(sheet)]
    for first in range(0, len(cells), columns):
        row = range(first, min(first + columns, len(cells)))
        # An empty field gets the height of the pictures in its row.
        heights = [pictures[k].shape[0] for k in row if pictures[k] is not None]
        tall = max(heights or [side * 3 // 4])
        below = max(_height(labels[k], font) for k in row)
        strip = Image.new("RGB", (width, tall + below + 2 * MARGIN), PAPER)
        draw = ImageDraw.Draw(strip)
        for column, k in enumerate(row):
            left = MARGIN + column * (side + MARGIN)
            if pictures[k] is None:
                draw.rectangle([left, 0, left + side - 1, tall - 1], BLANK)
            else:
                picture = Image.fromarray(pictures[k])
                strip.paste(picture, (left, tall - picture.height))
            for line, text in enumerate(labels[k]):
                place = (left, tall + MARGIN // 2 + line * _height(["x"], font))
                draw.text(place, text, INK, font=font)
        rows.append(np.asarray(strip))
    return np.concatenate(rows)


def _shrunk(image: Optional[np.ndarray], side: int) -> Optional[np.ndarray]:
    from .images import resize

    return image if image is None or max(image.shape[:2]) <= side else resize(image, side)


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
