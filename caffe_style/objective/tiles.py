"""Tiles: overlapping windows of a picture, each with a core whose responses are those of the whole picture."""

from __future__ import annotations

from typing import Iterable, List, NamedTuple, Tuple

from ..errors import OptionError
from .receptive import Field, total_stride

#: Slices of height and width.
Place = Tuple[slice, slice]

#: Windows begin at multiples of this number of responses. Kernels that work on blocks of 4 x 4 responses then
#: round as they do on the whole picture. Otherwise a few ReLUs with inputs near zero would switch.
BLOCK = 4


class Span(NamedTuple):
    """A window along one axis, in pixels.

    Attributes
    ----------
    start, stop : int
        The window, which the network reads.
    core_start, core_stop : int
        The core, whose responses are used. The cores cover the picture without overlap.
    last : bool
        Whether the core reaches the end of the picture.
    """

    start: int
    stop: int
    core_start: int
    core_stop: int
    last: bool

    def core(self, jump: int, own: slice) -> Tuple[slice, slice]:
        """Return the slices of the core in a blob's responses to the window, and in those at the places `own`.

        `own` are the places, among the responses to all that is cut, which are not in the margin.
        """
        first = max(own.start, self.core_start // jump)
        stop = own.stop if self.last else min(own.stop, self.core_stop // jump)
        stop = max(first, stop)
        begin = self.start // jump
        return slice(first - begin, stop - begin), slice(first - own.start, stop - own.start)


class Tile(NamedTuple):
    """A window of the picture."""

    rows: Span
    columns: Span

    @property
    def window(self) -> Place:
        """The part of the picture that the network reads, as slices of height and width."""
        return slice(self.rows.start, self.rows.stop), slice(self.columns.start, self.columns.stop)

    def core(self, field: Field, own: Tuple[slice, ...]) -> Tuple[Place, Place]:
        """Return the core's place in a blob's responses to the window, and in those at the places `own`."""
        rows, columns = self.rows.core(field.jump, own[-2]), self.columns.core(field.jump, own[-1])
        return (rows[0], columns[0]), (rows[1], columns[1])


def plan(shape: Tuple[int, int], size: int, fields: Iterable[Field]) -> List[Tile]:
    """Cut a picture into windows of one shape, with cores whose responses are those of the whole picture.

    A window begins at a multiple of the network's total stride, so that its responses lie on the whole
    picture's grid. It extends around its core by the receptive field of the responses. At the picture's border
    it ends with the picture, so that padding is the same as for the whole picture.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the picture.
    size : int
        Largest side of a window in pixels.
    fields : iterable of Field
        Receptive fields of the blobs that are read, and of those below them.

    Returns
    -------
    list of Tile

    Raises
    ------
    OptionError
        If windows of this size leave no room for a core.

    Examples
    --------
    >>> tiles = plan((64, 200), size=128, fields=[Field(1, 1, 1)])
    >>> [tile.window[1] for tile in tiles]
    [slice(0, 128, None), slice(72, 200, None)]
    """
    fields = {str(index): field for index, field in enumerate(fields)}
    stride = total_stride(fields)
    reach = max(max(field.before, field.after + 1 - field.jump) for field in fields.values())
    overlap = -(-reach // stride) * stride
    least = 2 * overlap + 2 * BLOCK * stride
    if size < min(least, max(shape)):
        raise OptionError(
            "tiles of %d pixels are too small: responses depend on %d pixels around them, choose at least %d"
            % (size, overlap, least)
        )
    rows, columns = (_spans(length, size, overlap, stride) for length in shape)
    return [Tile(row, column) for row in rows for column in columns]


def _spans(length: int, size: int, overlap: int, stride: int) -> List[Span]:
    if length <= size:
        return [Span(0, length, 0, length, True)]
    # The remainder modulo a block equals the picture's, so that the last window begins at a multiple of a
    # block.
    block = BLOCK * stride
    window = size - (size - length) % block
    step = (window - 2 * overlap) // block * block
    starts = list(range(0, length - window, step)) + [length - window]
    cores = [0] + [start + overlap for start in starts[1:]] + [length]
    return [
        Span(start, start + window, cores[i], cores[i + 1], i == len(starts) - 1)
        for i, start in enumerate(starts)
    ]
