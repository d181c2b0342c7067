"""The table of style losses. A new loss needs a file in `caffe_style/losses` and a row here."""

from __future__ import annotations

import importlib
from typing import Any, Callable, Dict, NamedTuple, Optional, Union


class Copies(NamedTuple):
    """Memory of a loss, in copies of the responses that it compares: those of a layer, or of all layers joined.

    Attributes
    ----------
    kept : int
        Size of the target; 0 for Gram matrices, which do not grow with the picture.
    making : int
        Additional memory while the target is made.
    working : int
        Additional memory in an evaluation, for one layer at a time.
    """

    kept: int = 0
    making: int = 0
    working: int = 0


class StyleLoss(NamedTuple):
    """The properties of a style loss.

    Attributes
    ----------
    name : str
        Value of the setting `style_loss`.
    module : str
        Module in `caffe_style.losses`. It has the loss as a function of this name, with _ for -, and the
        function that makes the target as `target_` and this name.
    needs_equal_size : bool
        Whether the loss compares positions, so that the style picture must have the result's size.
    needs_guides : bool
        Whether the target also takes guides, made from the content picture.
    of_pairs : bool
        Whether the loss compares two neighbouring layers: features and gradient are then pairs.
    is_random : bool
        Whether the target has random numbers, which are drawn anew during a run. The module then also has
        `redrawn_` and the name: `redrawn(target, random) -> target`.
    joins_layers : bool
        Whether the loss compares all style layers together, in one term (see `caffe_style.scene.neighbours`).
    takes_masks : bool
        Whether masks can limit the style to a part of the result. The target of a loss on
        single layers must then be a mean Gram matrix (N, N).
    takes_shift : bool
        Whether the responses can be shifted by minus their mean.
    takes_gaps : bool
        Whether responses and gradient may have gaps in memory, so that a margin needs no copies.
    tiles : {"gram", "local"} or None
        How to compute the loss of a large picture tile by tile. "gram": the loss depends on the Gram matrix
        alone, which is summed over the tiles. "local": the loss is a sum over positions, and its target is the
        responses. None: the loss needs the whole picture at once.
    position_power : int
        Power of the number of positions by which a local loss is divided.
    copies : Copies
        Memory that the loss takes.
    style_weight : float or None
        Weight of the style, if it is not given. None for the model's.
    scales : int or "auto"
        Number of sizes from coarse to fine, if it is not given.
    coarsest : int
        Long edge in pixels of the smallest size if their number is "auto". Below 256, the layers of most
        losses have few positions.

    Examples
    --------
    >>> STYLE_LOSSES["gram"].takes_masks
    True
    >>> STYLE_LOSSES["spatial"].needs_equal_size
    True
    """

    name: str
    module: str
    needs_equal_size: bool = False
    needs_guides: bool = False
    of_pairs: bool = False
    is_random: bool = False
    joins_layers: bool = False
    takes_masks: bool = False
    takes_shift: bool = False
    takes_gaps: bool = False
    tiles: Optional[str] = None
    position_power: int = 2
    copies: Copies = Copies()
    style_weight: Optional[float] = None
    scales: Union[int, str] = 1
    coarsest: int = 256

    @property
    def loss(self) -> Callable:
        """`loss(features, target, weight, gradient) -> (value, gradient)`."""
        return self._find("")

    @property
    def make_target(self) -> Callable:
        """`make_target(features) -> target`, for the responses to the style picture."""
        return self._find("target_")

    @property
    def redrawn(self) -> Callable:
        """`redrawn(target, random) -> target`, with other random numbers."""
        return self._find("redrawn_")

    def _find(self, prefix: str) -> Any:
        # Imported on first use, because the command line reads this table and must start fast.
        module = importlib.import_module("...losses." + self.module, __name__)
        return getattr(module, prefix + self.name.replace("-", "_"))


_ROWS = (
    StyleLoss("gram", "gram", takes_masks=True, takes_shift=True, takes_gaps=True, tiles="gram"),
    StyleLoss("gram-sum", "gram", takes_gaps=True),
    StyleLoss("moments", "moments", takes_gaps=True),
    # The shifted responses of two layers, and the deeper one's gradient at the size of the other.
    StyleLoss("chained", "chained", of_pairs=True, takes_shift=True, copies=Copies(0, 2, 3)),
    # The responses to the style picture, and their projections. The rest is for a block of directions.
    StyleLoss("wasserstein", "wasserstein", is_random=True, copies=Copies(2, 0, 1)),
    # Complex spectra of four times as many positions. Half of them follow from symmetry.
    StyleLoss("spatial", "spatial", needs_equal_size=True, copies=Copies(4, 4)),
    StyleLoss("spatial-pairs", "spatial_pairs", needs_equal_size=True, copies=Copies(4, 4, 4)),
    StyleLoss("pixelwise", "pixelwise", needs_equal_size=True, tiles="local", copies=Copies(1)),
    StyleLoss("windowed", "windowed", needs_equal_size=True, copies=Copies(1)),
    StyleLoss("covariation", "covariation", needs_guides=True, takes_gaps=True),
    StyleLoss(
        "neighbours",
        "neighbours",
        joins_layers=True,
        takes_masks=True,
        copies=Copies(2, 1, 4),
        style_weight=4.0,
        scales="auto",
        coarsest=90,
    ),
)

STYLE_LOSSES: Dict[str, StyleLoss] = {row.name: row for row in _ROWS}


def maskable() -> str:
    """Return the names of the style losses that take masks, for a message."""
    return " and ".join(name for name, row in STYLE_LOSSES.items() if row.takes_masks)
