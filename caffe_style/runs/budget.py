"""Checking before a transfer that it fits in memory, whole or in tiles."""

from __future__ import annotations

import logging
from itertools import product
from typing import Optional, Sequence, Tuple

from ..backends import estimate
from ..errors import OptionError, ResourceError
from ..networks.margin import Frame, margin_of
from ..networks.network import Network
from ..objective.cutting import cut
from ..scene.spaces import variables
from ..scene.tiled_targets import check_tiles
from ..settings.style_losses import STYLE_LOSSES
from ..settings.transfer import TransferSettings
from .needs import Shape, transfer_needs

#: Sizes of tiles to try, in pixels. Larger tiles waste less on their overlap.
TILES = (2048, 1536, 1024, 768, 512, 384, 256)


def fit(
    network: Network, shape: Shape, settings: TransferSettings, styles: Sequence[Shape]
) -> Tuple[TransferSettings, Optional[int]]:
    """Find settings with which a picture fits in memory: as requested, with a smaller optimiser, or in tiles.

    A message reports what was changed. `styles` are the sizes of the style pictures as the network reads them.

    Returns
    -------
    settings : TransferSettings
        The settings, perhaps with another optimiser.
    tile : int or None
        Size of the tiles to evaluate in, or None for the whole picture at once.

    Raises
    ------
    ResourceError
        If the picture does not fit in any way.
    OptionError
        If tiles of the requested size are too small, or the style loss does not work in tiles.
    """
    tiles = [settings.tile]
    longest = max(edge for picture in (shape, *styles) for edge in picture)
    loss = STYLE_LOSSES[settings.style_loss]
    if settings.tile is not None:
        if settings.tile >= longest:
            tiles = [None]
        elif styles and not loss.needs_guides:
            # Before a smaller size is made. Kinds as guides turn covariation into Gram matrices, which tile.
            check_tiles(loss)
    elif not styles or loss.tiles:
        tiles += [tile for tile in TILES if tile < longest]
    optimizers = [settings.optimizer]
    if settings.optimizer == "scipy" and not settings.bounds:
        # With seven tenths of the variables, SciPy's needs less memory than our own.
        if variables(shape, settings) == 3 * shape[0] * shape[1]:
            optimizers.append("device")
    failure: Exception = OptionError("no tiles")
    for tile, optimizer in product(tiles, optimizers):
        fitting = settings.replace(optimizer=optimizer)
        try:
            _check(network, shape, fitting, tile, styles)
        except ResourceError as error:
            failure = error
            continue
        except OptionError as error:
            # The error names tiles that are too small only if they were requested.
            failure = error if settings.tile is not None else failure
            continue
        _tell(shape, settings, fitting, tile)
        return fitting, tile
    raise failure


def _check(
    network: Network,
    shape: Shape,
    settings: TransferSettings,
    tile: Optional[int],
    styles: Sequence[Shape],
) -> None:
    """Raise ResourceError if the run does not fit in memory, OptionError if its tiles are too small."""
    if tile is not None:
        cut(network, Frame(network, shape, margin_of(settings)), tile, settings.blobs)
    needs = transfer_needs(network, shape, styles, settings, tile)
    last = network.last_layer(settings.blobs + [network.input_blob])
    beside = ""
    largest = max(styles, key=lambda style: style[0] * style[1], default=shape)
    if largest[0] * largest[1] > shape[0] * shape[1]:
        beside = " with a style picture of %d x %d" % largest[::-1]
    values = 3 * shape[0] * shape[1]
    optimiser = estimate.optimiser_bytes(values, values, settings.corrections, "device", bool(tile))
    needed = estimate.check_device(
        network.net,
        last,
        needs.total,
        *shape,
        responses=needs.responses,
        beside=beside,
        optimiser=optimiser if settings.optimizer == "device" else 0,
    )
    estimate.check_fits(needed, *shape, beside=beside)
    logging.getLogger("caffe_style").info(
        "%d x %d pixels%s take about %s of memory",
        shape[1],
        shape[0],
        beside,
        estimate.as_text(needed),
    )


def _tell(
    shape: Shape, asked: TransferSettings, fitting: TransferSettings, tile: Optional[int]
) -> None:
    changes = []
    if fitting.optimizer != asked.optimizer:
        changes.append("with our own L-BFGS (--optimizer device), which needs less memory")
    if tile is not None and asked.tile is None:
        changes.append("in tiles of %d" % tile)
    if changes:
        logging.getLogger("caffe_style").info(
            "%d x %d pixels do not fit in memory at once: continuing %s",
            shape[1],
            shape[0],
            " and ".join(changes),
        )
