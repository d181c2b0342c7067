"""Cutting a picture into tiles for a network, and the responses to each tile."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, NamedTuple, Sequence, Tuple

from ..backends import arrays
from ..networks.margin import Frame
from ..networks.network import Network
from .objective import responses as responses_of
from .objective import set_image
from .receptive import Field, receptive_fields
from .tiles import Place, Tile, plan


class Cut(NamedTuple):
    """A picture with its margin, cut into tiles.

    Attributes
    ----------
    frame : Frame
        Margin of the picture.
    tiles : list of Tile
        Windows of the picture with its margin.
    fields : dict of str to Field
        Receptive fields of the blobs.
    """

    frame: Frame
    tiles: List[Tile]
    fields: Dict[str, Field]

    def core(self, tile: Tile, blob: str) -> Tuple[Tuple[slice, ...], Place]:
        """Return the core's slices in a blob's responses (N, h, w) to a tile, and in the picture's own."""
        inside, place = tile.core(self.fields[blob], self.frame.places[blob])
        return (slice(None), *inside), place


def cut(network: Network, frame: Frame, size: int, blobs: Sequence[str]) -> Cut:
    """Cut a picture into tiles whose largest side is `size` pixels, for the responses of these blobs.

    Raises
    ------
    OptionError
        If the tiles are too small, or a layer may depend on the whole picture.
    """
    last = network.last_layer(list(blobs) + [network.input_blob])
    fields = receptive_fields(network.param, network.input_blob, last)
    return Cut(frame, plan(frame.shape, size, fields.values()), fields)


def responses(
    network: Network, padded: Any, cut: Cut, blobs: Sequence[str]
) -> Iterator[Tuple[str, Place, Any]]:
    """Run the network on each tile; yield each blob, the core's place, and the core's responses (N, h, w).

    `padded` (1, 3, H, W) is the picture with its margin as the network reads it. The place is the core's
    position in the picture's own responses. The responses are on the device of the losses.
    """
    if not blobs:
        return
    net = network.net
    last = list(net._layer_names).index(network.last_layer(blobs))
    for tile in cut.tiles:
        rows, columns = tile.window
        network.resize(rows.stop - rows.start, columns.stop - columns.start)
        set_image(net, network.input_blob, padded[:, :, rows, columns])
        net._forward(0, last)
        for blob in dict.fromkeys(blobs):
            inside, place = cut.core(tile, blob)
            core = arrays.copy_of(responses_of(net, blob)[0][inside])
            if arrays.count(core):
                yield blob, place, core
