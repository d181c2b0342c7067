"""Whether a transfer fits in memory, whole or in tiles, before it starts."""

from __future__ import annotations

import logging
from typing import Optional, Tuple

from .. import estimate
from ..errors import OptionError, ResourceError
from ..networks import Network
from ..tiled import cut
from .settings import Settings
from .synthesis import check_memory
from .terms import loss_bytes
from .tiled_terms import TILEABLE

#: Tiles that are tried, in pixels: larger ones waste less on their overlap.
TILES = (2048, 1536, 1024, 768, 512, 384, 256)


def choose_tile(
    network: Network, shape: Tuple[int, int], settings: Settings, with_style: bool
) -> Optional[int]:
    """The size of tiles to evaluate in, or None for the whole picture at once.

    Raises
    ------
    ResourceError
        When neither would fit.
    OptionError
        When tiles of the size that is asked for are too small.
    """
    if settings.tile is not None:
        if settings.tile >= max(shape):
            return None
        cut(network, shape, settings.tile, settings.blobs)
        _check_tiles(network, shape, settings, settings.tile)
        return settings.tile
    network.resize(*shape)
    try:
        extra = loss_bytes(network, settings.style_layers, settings.style_loss) if with_style else 0
        check_memory(network, settings.blobs, settings.corrections, extra)
        return None
    except ResourceError as error:
        if with_style and settings.style_loss not in TILEABLE:
            raise
        for tile in TILES:
            if tile < max(shape) and _fits(network, shape, settings, tile):
                logging.getLogger("caffe_style").info(
                    "%d x %d pixels do not fit in memory at once: going on in tiles of %d",
                    shape[1],
                    shape[0],
                    tile,
                )
                return tile
        raise error


def _fits(network: Network, shape: Tuple[int, int], settings: Settings, tile: int) -> bool:
    try:
        cut(network, shape, tile, settings.blobs)
        _check_tiles(network, shape, settings, tile)
    except (OptionError, ResourceError):
        return False
    return True


def _check_tiles(network: Network, shape: Tuple[int, int], settings: Settings, tile: int) -> None:
    """Raise ResourceError if tiles, the targets of the whole picture and the optimiser do not fit."""
    network.resize(*shape)
    whole = [network.net.blobs[blob].count for blob in settings.content_layers]
    if settings.style_loss == "pixelwise":
        whole += [network.net.blobs[blob].count for blob in settings.style_layers]
    last = network.last_layer(settings.blobs + [network.input_blob])
    network.resize(min(tile, shape[0]), min(tile, shape[1]))
    needed = (
        estimate.blob_bytes(network.net, last)
        + estimate.diff_bytes(network.net, last)
        + estimate.optimiser_bytes(3 * shape[0] * shape[1], settings.corrections)
        + estimate.FLOAT32 * sum(whole)
        + estimate.OVERHEAD
    )
    needed = estimate.check_device(network.net, last, needed, *shape)
    estimate.check_fits(needed, *shape)
