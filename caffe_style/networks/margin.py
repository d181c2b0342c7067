"""Margins: the network reads a picture that is continued beyond its borders.

Some convolutions pad their input with zeros, which look like an edge around the picture. Others do not pad it,
so that few responses see the border. In both cases an optimised picture gets a frame of artefacts. With a
margin, the network reads the picture P x: the picture x, continued on each side by its mirror image or, for a
seamless picture, by its opposite side. Losses see only the responses that are centred on the picture x itself,
so that no pixel counts twice. The gradient with respect to x is P^T g, where g is that with respect to P x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Tuple

from ..backends import arrays
from ..errors import OptionError
from ..settings.transfer import MARGIN, RunSettings

if TYPE_CHECKING:
    from .network import Network

Shape = Tuple[int, int]


class Margin(NamedTuple):
    """How a picture is continued beyond its borders.

    Attributes
    ----------
    width : int
        Number of pixels on each side; 0 for no margin.
    wrapped : bool
        Whether the picture is continued by its opposite side. Otherwise it is mirrored.
    """

    width: int = 0
    wrapped: bool = False

    def around(self, shape: Shape) -> Shape:
        """Return height and width of a picture of this shape with its margin.

        Examples
        --------
        >>> Margin(16).around((100, 200))
        (132, 232)
        """
        return shape[0] + 2 * self.width, shape[1] + 2 * self.width


NO_MARGIN = Margin()


class Frame:
    """A margin around pictures of one shape. Making it gives the network the size with the margin.

    Parameters
    ----------
    network : Network
    shape : (int, int)
        Height and width of the pictures without the margin.
    margin : Margin

    Attributes
    ----------
    shape : (int, int)
        Height and width with the margin.
    places : dict of str to tuple of slice
        Places (N, H_l, W_l) of the picture's own responses, among those of each blob: of the responses that are
        centred on pixels of the picture. Without a margin these are all.

    Examples
    --------
    >>> import numpy as np
    >>> import caffe_style as cs
    >>> frame = Frame(cs.open_network("strokenet"), (32, 48), Margin(16))
    >>> frame.pad(np.zeros((1, 3, 32, 48))).shape, frame.fold(np.zeros((1, 3, 64, 80))).shape
    ((1, 3, 64, 80), (1, 3, 32, 48))
    >>> frame.places["conv2_1"]
    (slice(None, None, None), slice(8, 24, None), slice(8, 32, None))
    >>> frame.size("conv2_1")
    (16, 24)
    """

    def __init__(self, network: Network, shape: Shape, margin: Margin) -> None:
        self.inner, self.shape = shape, margin.around(shape)
        self._copies = [_copies(edge, margin) for edge in shape]
        least = _sizes(network, shape)
        whole = _sizes(network, self.shape) if margin.width else least
        self.places = {
            blob: (slice(None), *map(_central, shape, least[blob], self.shape, whole[blob]))
            for blob in whole
        }

    def size(self, blob: str) -> Shape:
        """Return height and width of a blob's own responses to the picture."""
        rows, columns = self.places[blob][1:]
        return rows.stop - rows.start, columns.stop - columns.start

    def pad(self, picture: Any) -> Any:
        """Return P x, (1, 3, *shape), a new array, for a picture x (1, 3, H, W)."""
        for axis, copies in zip((2, 3), self._copies):
            size = list(picture.shape)
            size[axis] = self.shape[axis - 2]
            padded = arrays.empty(size, picture)
            for copy in copies:
                padded[_along(axis, copy.padded)] = copy.turned(
                    picture[_along(axis, copy.own)], axis
                )
            picture = padded
        return picture

    def fold(self, gradient: Any) -> Any:
        """Return P^T g, (1, 3, H, W), a new array, for a gradient g (1, 3, *shape)."""
        for axis, copies in zip((2, 3), self._copies):
            size = list(gradient.shape)
            size[axis] = self.inner[axis - 2]
            folded = arrays.empty(size, gradient)
            folded[...] = 0
            for copy in copies:
                folded[_along(axis, copy.own)] += copy.turned(
                    gradient[_along(axis, copy.padded)], axis
                )
            gradient = folded
        return gradient


class _Copy(NamedTuple):
    """A part of the padded picture along one axis, and the part of the picture that it repeats."""

    padded: slice
    own: slice
    mirrored: bool

    def turned(self, values: Any, axis: int) -> Any:
        return arrays.namespace(values).flip(values, (axis,)) if self.mirrored else values


def _copies(edge: int, margin: Margin) -> List[_Copy]:
    """Return the parts along an axis of this length, which may be shorter than the margin."""
    found = []
    around = -(-margin.width // edge)
    for number in range(-around, around + 1):
        begin = margin.width + number * edge
        first, last = max(0, -begin), min(edge, edge + 2 * margin.width - begin)
        mirrored = not margin.wrapped and number % 2 == 1
        own = slice(edge - last, edge - first) if mirrored else slice(first, last)
        found.append(_Copy(slice(begin + first, begin + last), own, mirrored))
    return found


def _along(axis: int, part: slice) -> Tuple[slice, ...]:
    return (slice(None),) * axis + (part,)


def _sizes(network: Network, shape: Shape) -> Dict[str, Tuple[int, ...]]:
    network.resize(*shape)
    return {name: tuple(blob.shape)[2:] for name, blob in network.net.blobs.items()}


def _central(edge: int, least: int, padded_edge: int, whole: int) -> slice:
    """Return the places of the responses to the picture, of the `whole` number of them with the margin.

    The margin adds `whole - least` responses, which tells how many there are for the pixels of an edge. Without
    a margin there may be fewer, `least`: if a convolution does not pad, none is centred near the border.
    """
    if whole == least:
        return slice(0, whole)
    own = min(whole, -(-edge * (whole - least) // (padded_edge - edge)))
    first = (whole - own) // 2
    return slice(first, first + own)


def margin_of(settings: RunSettings) -> Margin:
    """Return the margin of the result that settings ask for, by default one of MARGIN pixels.

    Raises
    ------
    OptionError
        If a tileable picture would have no margin.
    """
    width = MARGIN if settings.margin is None else settings.margin
    if settings.tileable and not width:
        raise OptionError(
            "a tileable picture needs a margin: give --margin %d, or leave --tileable out" % MARGIN
        )
    return Margin(width, bool(width) if settings.tileable is None else settings.tileable)
