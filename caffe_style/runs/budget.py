"""Whether a transfer fits in memory, whole or in tiles, before it starts."""

from __future__ import annotations

import logging
from itertools import product
from typing import Optional, Tuple

from ..backends import estimate
from ..errors import OptionError, ResourceError
from ..networks.network import Network
from ..objective.tiled import cut
from ..scene.terms import loss_bytes
from ..settings.style_losses import STYLE_LOSSES
from ..settings.transfer import TransferSettings
from .synthesis import check_memory

#: Tiles that are tried, in pixels: larger ones waste less on their overlap.
TILES = (2048, 1536, 1024, 768, 512, 384, 256)


def fit(
    network: Network, shape: Tuple[int, int], settings: TransferSettings, styles: int
) -> Tuple[TransferSettings, Optional[int]]:
    """How a picture fits in memory: if not as asked for, then with the smaller optimiser, or in tiles.

    What is changed is told. `styles` is how many there are, each with targets of its own.

    Returns
    -------
    settings : TransferSettings
        Perhaps with another optimiser.
    tile : int or None
        The size of tiles to evaluate in, or None for the whole picture at once.

    Raises
    ------
    ResourceError
        When nothing would.
    OptionError
        When tiles of the size that is asked for are too small.
    """
    tiles = [settings.tile]
    if settings.tile is not None:
        if settings.tile >= max(shape):
            tiles = [None]
    elif not styles or STYLE_LOSSES[settings.style_loss].tiles:
        tiles += [tile for tile in TILES if tile < max(shape)]
    optimizers = [settings.optimizer]
    if settings.optimizer == "scipy" and not settings.bounds:
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
            # Too small a tile is to blame only where it was asked for; else the size that would fit is told.
            failure = error if settings.tile is not None else failure
            continue
        _tell(shape, settings, fitting, tile)
        return fitting, tile
    raise failure


def _check(
    network: Network,
    shape: Tuple[int, int],
    settings: TransferSettings,
    tile: Optional[int],
    styles: int,
) -> None:
    if tile is not None:
        cut(network, shape, tile, settings.blobs)
        _check_tiles(network, shape, settings, tile, styles)
        return
    network.resize(*shape)
    extra = styles * loss_bytes(network, settings.style_layers, settings.style_loss)
    check_memory(network, settings.blobs, settings.corrections, settings.optimizer, extra)


def _tell(
    shape: Tuple[int, int], asked: TransferSettings, fitting: TransferSettings, tile: Optional[int]
) -> None:
    changes = []
    if fitting.optimizer != asked.optimizer:
        changes.append("with our own L-BFGS (--optimizer device), which is smaller than SciPy's")
    if tile is not None and asked.tile is None:
        changes.append("in tiles of %d" % tile)
    if changes:
        logging.getLogger("caffe_style").info(
            "%d x %d pixels do not fit in memory as they are: going on %s",
            shape[1],
            shape[0],
            " and ".join(changes),
        )


def _check_tiles(
    network: Network, shape: Tuple[int, int], settings: TransferSettings, tile: int, styles: int
) -> None:
    """Raise ResourceError if tiles, the targets of the whole picture and the optimiser do not fit."""
    network.resize(*shape)
    whole = [network.net.blobs[blob].count for blob in settings.content_layers]
    copies = STYLE_LOSSES[settings.style_loss].target_copies
    if copies:
        whole += [styles * copies * network.net.blobs[blob].count for blob in settings.style_layers]
    last = network.last_layer(settings.blobs + [network.input_blob])
    network.resize(min(tile, shape[0]), min(tile, shape[1]))
    needed = (
        estimate.blob_bytes(network.net, last)
        + estimate.diff_bytes(network.net, last)
        + estimate.optimiser_bytes(
            3 * shape[0] * shape[1], settings.corrections, settings.optimizer, tiled=True
        )
        + estimate.FLOAT32 * sum(whole)
        + estimate.OVERHEAD
    )
    needed = estimate.check_device(network.net, last, needed, *shape)
    estimate.check_fits(needed, *shape)
