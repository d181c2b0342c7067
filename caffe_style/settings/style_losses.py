"""The table of style losses: a new one is a file in `caffe_style/losses` and a row here."""

from __future__ import annotations

import importlib
from typing import Any, Callable, Dict, NamedTuple, Optional


class Copies(NamedTuple):
    """What a loss holds, in copies of a layer's responses.

    Attributes
    ----------
    kept : int
        The target: none for Gram matrices, which do not grow with the picture.
    making : int
        Beside it while it is made.
    working : int
        In each evaluation, one layer at a time.
    """

    kept: int = 0
    making: int = 0
    working: int = 0


class StyleLoss(NamedTuple):
    """What the rest of the program must know of a style loss.

    Attributes
    ----------
    name : str
        As `style_loss` takes it.
    module : str
        In `caffe_style.losses`. It has the loss as a function of this name (with _ for -), and what makes its
        target as `target_` and this name.
    needs_equal_size : bool
        It compares positions: the style picture must have the size of the picture that is made.
    needs_guides : bool
        Its target also takes guides, which the content picture gives.
    takes_masks : bool
        Masks can say where a style belongs. The target must then be a mean Gram matrix (N, N).
    tiles : {"gram", "local"} or None
        How the loss of a large picture is computed tile by tile. "gram": it depends on the Gram matrix alone,
        which is summed over the tiles. "local": it is a sum over positions, and its target is the responses.
        None: it needs the whole picture at once.
    position_power : int
        For a local loss: it is divided by the number of positions to this power.
    copies : Copies
        What it takes of memory.
    """

    name: str
    module: str
    needs_equal_size: bool = False
    needs_guides: bool = False
    takes_masks: bool = False
    tiles: Optional[str] = None
    position_power: int = 2
    copies: Copies = Copies()

    @property
    def loss(self) -> Callable:
        """`loss(features, target, weight, gradient) -> (value, gradient)`."""
        return self._find("")

    @property
    def make_target(self) -> Callable:
        """`make_target(features) -> target`, of the style picture's responses."""
        return self._find("target_")

    def _find(self, prefix: str) -> Any:
        # Imported when it is first used: the command line reads this table, and must start fast.
        module = importlib.import_module("...losses." + self.module, __name__)
        return getattr(module, prefix + self.name.replace("-", "_"))


_ROWS = (
    StyleLoss("gram", "gram", takes_masks=True, tiles="gram"),
    StyleLoss("gram-sum", "gram"),
    # Complex spectra of four times as many positions, half of them known by symmetry.
    StyleLoss("spatial", "spatial", needs_equal_size=True, copies=Copies(4, 4)),
    StyleLoss("spatial-pairs", "spatial_pairs", needs_equal_size=True, copies=Copies(4, 4, 4)),
    StyleLoss("pixelwise", "pixelwise", needs_equal_size=True, tiles="local", copies=Copies(1)),
    StyleLoss("windowed", "windowed", needs_equal_size=True, copies=Copies(1)),
    StyleLoss("covariation", "covariation", needs_guides=True),
)

STYLE_LOSSES: Dict[str, StyleLoss] = {row.name: row for row in _ROWS}
