"""Tiles: overlapping windows of a picture, and the part of each whose responses are those of the whole."""

from __future__ import annotations

from typing import Iterable, List, NamedTuple, Tuple

from ..errors import OptionError
from .receptive import Field, total_stride

#: Windows begin at multiples of so many responses. Kernels that work on blocks of 4 x 4 responses then
#: round as they do on the whole picture; otherwise a rectifier here and there, all but zero, would tip.
BLOCK = 4


class Span(NamedTuple):
    """A window along one axis, in pixels.

    Attributes
    ----------
    start, stop : int
        What the network sees.
    core_start, core_stop : int
        What it is asked about: cores lie side by side and cover the picture.
    last : bool
        Whether the core reaches the end of the picture.
    """

    start: int
    stop: int
    core_start: int
    core_stop: int
    last: bool

    def inside(self, jump: int) -> slice:
        """The core among the window's own responses of a blob."""
        first = (self.core_start - self.start) // jump
        return slice(first, None if self.last else (self.core_stop - self.start) // jump)

    def within(self, jump: int) -> slice:
        """The core among the whole picture's responses of a blob."""
        return slice(self.core_start // jump, None if self.last else self.core_stop // jump)


class Tile(NamedTuple):
    """A window of the picture."""

    rows: Span
    columns: Span

    @property
    def window(self) -> Tuple[slice, slice]:
        """What the network sees of the picture, as slices of height and width."""
        return slice(self.rows.start, self.rows.stop), slice(self.columns.start, self.columns.stop)

    def inside(self, field: Field) -> Tuple[slice, slice, slice]:
        """The core among the window's own responses (N, h, w) of a blob."""
        return slice(None), self.rows.inside(field.jump), self.columns.inside(field.jump)

    def within(self, field: Field) -> Tuple[slice, slice]:
        """The core among the whole picture's responses (H, W) of a blob."""
        return self.rows.within(field.jump), self.columns.within(field.jump)


def plan(shape: Tuple[int, int], size: int, fields: Iterable[Field]) -> List[Tile]:
    """Cut a picture into windows of one shape whose cores respond as in the whole picture.

    A window begins at a multiple of the network's total stride, so that its responses lie on the whole
    picture's grid, and reaches as far around its core as the responses there can see. At the picture's
    border it ends with the picture: padding happens where it does in the whole.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the picture.
    size : int
        Largest side of a window in pixels.
    fields : iterable of Field
        Of the blobs that are read, and of those below them.

    Returns
    -------
    list of Tile

    Raises
    ------
    OptionError
        When windows of this size are all margin.
    """
    fields = {str(index): field for index, field in enumerate(fields)}
    stride = total_stride(fields)
    reach = max(max(field.before, field.after + 1 - field.jump) for field in fields.values())
    margin = -(-reach // stride) * stride
    least = 2 * margin + 2 * BLOCK * stride
    if size < min(least, max(shape)):
        raise OptionError(
            "tiles of %d pixels are too small: responses depend on %d pixels around, take at least %d"
            % (size, margin, least)
        )
    rows, columns = (_spans(length, size, margin, stride) for length in shape)
    return [Tile(row, column) for row in rows for column in columns]


def _spans(length: int, size: int, margin: int, stride: int) -> List[Span]:
    if length <= size:
        return [Span(0, length, 0, length, True)]
    # As long past a multiple of a block as the picture, so that the last window begins at one.
    block = BLOCK * stride
    window = size - (size - length) % block
    step = (window - 2 * margin) // block * block
    starts = list(range(0, length - window, step)) + [length - window]
    cores = [0] + [start + margin for start in starts[1:]] + [length]
    return [
        Span(start, start + window, cores[i], cores[i + 1], i == len(starts) - 1)
        for i, start in enumerate(starts)
    ]
