"""The table of the paper's figures."""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple

from ...errors import OptionError
from ...networks.zoo import Model
from . import textures, transfers
from .panel import LOW, Panel


class Figure(NamedTuple):
    """A figure of the paper.

    Attributes
    ----------
    title : str
    columns : int
        Pictures in a row.
    panels : callable
        `panels(model) -> list of Panel`, with the model's layers from shallow to deep.
    content, style : str
        Files in `examples/` that it shows if no pictures are given.
    """

    title: str
    columns: int
    panels: Callable[[Model], List[Panel]]
    content: str = "cat.jpg"
    style: str = "strokes.jpg"


def _seasons(purpose: str, name: str, content: str, style: str) -> Figure:
    title = "%s from three starts, at %g of the style weight; and our own solution" % (name, LOW)
    return Figure(title, 3, transfers.between_photographs(purpose), content, style)


FIGURES: Dict[int, Figure] = {
    1: Figure("Content and style", 3, transfers.style_space),
    2: Figure("Networks", 3, transfers.networks),
    3: Figure("Initialisation, at %g of the style weight" % LOW, 4, transfers.starts),
    4: Figure("Full, low-weight and partial style transfer", 3, transfers.partial),
    5: Figure("Single entries of Gram matrices, and feature maps", 5, textures.entries),
    6: Figure(
        "Random sparse Gram matrices as sparse as the style picture's", 5, textures.sparse_layers
    ),
    7: Figure(
        "Random sparse Gram matrices of several layers together", 4, textures.sparse_together
    ),
    8: Figure("Spatial style against Gram: transfer, and from noise", 4, transfers.spatial),
    # The paper shows four pairs of pictures.
    9: _seasons("season", "Season", "mountains.jpg", "autumn.jpg"),
    10: _seasons("season", "Season", "autumn.jpg", "mountains.jpg"),
    11: _seasons("light", "Illumination", "mountains.jpg", "evening.jpg"),
    12: _seasons("light", "Illumination", "autumn.jpg", "evening.jpg"),
    13: Figure(
        "Local style: a Gram matrix of the picture, a window, a pixel, a region", 5, transfers.local
    ),
    14: Figure(
        "Covariation of style with content, and regions",
        4,
        transfers.covariation,
        "mountains.jpg",
        "autumn.jpg",
    ),
}


def one_of_each_kind() -> List[int]:
    """Return the figures that differ if all show the same given pictures."""
    return [number for number in FIGURES if number not in (10, 12)]


def get_figure(number: int, styles: int = 1) -> Figure:
    """Return a figure of the paper, for a number of style pictures.

    Raises
    ------
    OptionError
        If the paper has no such figure.
    """
    if number not in FIGURES:
        raise OptionError("there is no figure %s: 1 to %d, or all" % (number, len(FIGURES)))
    if number == 1 and styles > 1:
        return Figure(
            "Content and styles", styles + 1, lambda model: transfers.several_styles(styles)
        )
    return FIGURES[number]
