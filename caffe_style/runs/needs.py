"""The memory that a transfer needs.

Each picture passes through the network at its own size. First the targets of each style are made, then those of
the content. Then the result is optimised. Blobs keep the largest size that they had.
"""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..backends import estimate
from ..losses.neighbours import SIMILARITIES
from ..networks.margin import Margin, margin_of
from ..networks.network import Network
from ..pictures import images
from ..scene import kinds, segments
from ..scene.found_regions import LONG_EDGE, deepest_layers
from ..scene.neighbours import grid, spacing
from ..scene.spaces import variables
from ..settings.style_losses import STYLE_LOSSES, Copies
from ..settings.transfer import TransferSettings

Shape = Tuple[int, int]

#: Bytes for each pixel of a picture while it is resized or converted, and of one that is kept.
PREPARING, KEEPING = 12, 3
#: Bytes for each pixel of the matting Laplacian, and of the differences in its evaluation.
MATTING = 4 * (12 + 2 * 3)
#: Copies of a layer's responses and gradients without the margin, for a loss that takes no gaps.
FRAMED_COPIES = 2
#: Bytes for each pixel of a space's weights (mirrored ones on a device), and of a picture and its transforms.
SMOOTHING = 8 + 3 * 2 * 4 + 3 * (8 + 2 * 4 + 4)
#: Copies of a tile's largest responses that an evaluation makes.
TILE_COPIES = 1

#: The target of the content loss is a copy of the responses.
CONTENT = Copies(kept=1)


class Needs(NamedTuple):
    """Memory of a run in bytes, in addition to what the process uses already.

    Attributes
    ----------
    total : int
        All memory.
    responses : int
        The part for responses and targets, which is on the network's device.
    """

    total: int
    responses: int


def transfer_needs(
    network: Network,
    shape: Shape,
    styles: Sequence[Shape],
    settings: TransferSettings,
    tile: Optional[int] = None,
) -> Needs:
    """Estimate the memory of a transfer. Afterwards the network has the size of the picture, or of a tile.

    Parameters
    ----------
    network : Network
        Network to run.
    shape : (int, int)
        Height and width of the result.
    styles : sequence of (int, int)
        Height and width of the style pictures as the network reads them.
    settings : TransferSettings
        Settings of the transfer.
    tile : int, optional
        Size of the tiles to evaluate in.
    """
    margin = margin_of(settings)
    passes = _Passes(network, tile, settings.normalisation, margin)
    style_layers = _read(settings.style_layers, settings.style_weight)
    content_layers = _read(settings.content_layers, settings.content_weight)
    loss = STYLE_LOSSES[settings.style_loss]
    for style in styles:
        if loss.needs_guides and settings.guides != "kinds":
            guided = style_layers + _read(settings.content_layers, 1)
            passes.make_guided(style, shape, guided, _gram_bytes(network, settings))
        elif loss.joins_layers:
            passes.make_joined(style, style_layers, loss.copies)
        else:
            passes.make(style, style_layers, loss.copies)
    if content_layers:
        passes.make(shape, content_layers, CONTENT)
    if settings.kinds:
        edge = min(LONG_EDGE, settings.size)
        for picture in [shape, *styles]:
            passes.describe(images.fitted_size(picture, edge), deepest_layers(network, settings))
    if (settings.kinds or settings.segments) and not loss.joins_layers:
        for _ in styles:
            passes.keep_regions(shape, style_layers, _most_kinds(settings))
    blobs = settings.blobs if styles else list(settings.content_layers)
    largest = max(passes.see(shape, blobs).values(), default=0)
    # Terms with own guides read two blobs, and take no gaps.
    copied = not loss.takes_gaps or (loss.needs_guides and settings.guides == "own")
    framed = FRAMED_COPIES if margin.width and copied else 0
    working = (loss.copies.working + framed if tile is None else TILE_COPIES) * largest
    if loss.joins_layers and styles and style_layers and tile is None:
        working = framed * largest + passes.joined(shape, style_layers, loss.copies)
    last = network.last_layer(blobs + [network.input_blob])
    sizes = 3 * shape[0] * shape[1], variables(shape, settings)
    running = (
        max(passes.working, estimate.diff_bytes(network.net, last))
        + estimate.optimiser_bytes(*sizes, settings.corrections, settings.optimizer, bool(tile))
        + passes.kept
        + working
    )
    areas = [height * width for height, width in [shape, *styles]]
    pictures = KEEPING * sum(areas) + PREPARING * max(areas)
    if settings.photoreal:
        pictures += MATTING * areas[0]
    if settings.space != "pixels":
        # Our own L-BFGS remembers the changes of the gradient as they are, and smoothed.
        twice = settings.corrections if settings.optimizer == "device" else 0
        pictures += (SMOOTHING + 3 * estimate.FLOAT64 * twice) * areas[0]
    responses = sum(passes.held.values())
    total = responses + max(passes.peak, running) + pictures + estimate.OVERHEAD
    return Needs(total, responses + passes.kept)


class _Passes:
    """Pictures that pass through the network one after the other.

    Attributes
    ----------
    held : dict of str to int
        Bytes of each blob so far.
    kept : int
        Bytes of targets so far.
    peak : int
        Bytes, in addition to the blobs, at the peak while targets were made.
    working : int
        Bytes that a genuine Caffe uses in addition to its blobs.
    """

    def __init__(
        self, network: Network, tile: Optional[int], normalisation: str, margin: Margin
    ) -> None:
        self.network, self.tile, self.margin = network, tile, margin
        # The relative scale needs the loss of zero responses: one array for them, and one for the gradient.
        self.silent = 2 if normalisation == "relative" else 0
        self.held: Dict[str, int] = {}
        self.kept = self.peak = self.working = 0

    def sizes(self, shape: Shape, blobs: List[str]) -> Dict[str, int]:
        """Return the bytes of each blob's responses to a whole picture."""
        self.network.resize(*shape)
        return {blob: estimate.FLOAT32 * self.network.net.blobs[blob].count for blob in blobs}

    def see(self, shape: Shape, blobs: List[str]) -> Dict[str, int]:
        """Pass a picture with its margin through the network, whole or in tiles; return the blobs' bytes."""
        window = self.margin.around(shape)
        if self.tile is not None:
            window = tuple(min(self.tile, edge) for edge in window)
        seen = self.sizes(window, blobs)
        self._hold(blobs)
        return seen

    def _hold(self, blobs: List[str]) -> None:
        """Count the network's own blobs at its present size."""
        net, last = self.network.net, self.network.last_layer(blobs + [self.network.input_blob])
        for blob, size in estimate.blob_sizes(net, last).items():
            self.held[blob] = max(size, self.held.get(blob, 0))
        self.working = max(self.working, net.device.kept_bytes(net, last))

    def describe(self, shape: Shape, blobs: List[str]) -> None:
        """Count the whole picture with its margin, in which kinds are found even where the run is in tiles."""
        height, width = shape
        self.sizes((height + 2 * kinds.MARGIN, width + 2 * kinds.MARGIN), blobs)
        self._hold(blobs)

    def make(self, shape: Shape, blobs: List[str], copies: Copies) -> None:
        """Count the targets of a picture."""
        if not blobs:
            return
        whole = self.sizes(shape, blobs)
        seen = self.see(shape, blobs)
        beside = sum(seen.values()) if self.tile is None else max(seen.values())
        making = max(copies.making, copies.working + self.silent)
        if self.tile is not None and not copies.kept:
            making = 0
        for size in whole.values():
            self.kept += copies.kept * size
            self.peak = max(self.peak, beside + self.kept + making * size)

    def keep_regions(self, shape: Shape, blobs: List[str], count: int) -> None:
        """Count the Gram matrices and guides of regions."""
        self.network.resize(*shape)
        for blob in blobs:
            _, channels, height, width = self.network.net.blobs[blob].shape
            self.kept += count * estimate.FLOAT32 * (channels**2 + height * width)

    def make_joined(self, style: Shape, blobs: List[str], copies: Copies) -> None:
        """Count the target of a loss on hypercolumns, for which all layers of the style picture are kept."""
        if not blobs:
            return
        columns = self._columns(style, blobs)
        thinned = columns // spacing(grid(style)) ** 2
        self.kept += copies.kept * thinned
        beside = sum(self.see(style, blobs).values())
        self.peak = max(self.peak, self.kept + beside + columns + copies.making * thinned)

    def joined(self, shape: Shape, blobs: List[str], copies: Copies) -> int:
        """Return the bytes of an evaluation of a loss on hypercolumns, with the gradients of the layers."""
        layers = self.see(shape, blobs).values()
        similarities = estimate.FLOAT32 * SIMILARITIES
        columns = copies.working * self._columns(shape, blobs)
        copies_of_all = FRAMED_COPIES if self.margin.width else 1
        return columns + similarities + copies_of_all * sum(layers) + max(layers)

    def _columns(self, shape: Shape, blobs: List[str]) -> int:
        """Return the bytes of the hypercolumns of a picture."""
        height, width = grid(shape)
        channels = sum(self.network.net.blobs[blob].shape[1] for blob in blobs)
        return estimate.FLOAT32 * channels * height * width

    def make_guided(self, style: Shape, shape: Shape, blobs: List[str], grams: int) -> None:
        """Count the targets of a covariation loss, which needs the responses to both pictures together."""
        painted = self.see(style, blobs)
        pictured = self.sizes(shape, blobs)
        self.kept += grams
        beside = sum(painted.values()) + sum(pictured.values())
        self.peak = max(self.peak, self.kept + beside + self.silent * max(pictured.values()))


def _most_kinds(settings: TransferSettings) -> int:
    """Return the largest number of regions that the run may have."""
    if settings.segments:
        return segments.MOST
    return kinds.MOST if settings.kinds == "auto" else settings.kinds


def _read(layers: Mapping[str, float], weight: float) -> List[str]:
    """Return the layers whose weight is not zero."""
    return [blob for blob, share in layers.items() if share * weight]


def _gram_bytes(network: Network, settings: TransferSettings) -> int:
    """Return the bytes of a covariation loss's Gram matrices: all targets, and working copies of one layer."""
    squares = [network.net.blobs[blob].shape[1] ** 2 for blob in settings.style_layers]
    entries = len(settings.content_layers) * sum(squares) + 3 * max(squares)
    return estimate.FLOAT32 * settings.guide_count * entries
