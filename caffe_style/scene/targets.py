"""What the layers' responses to the result are compared with, taken from a picture whole or tile by tile."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from .. import losses
from ..backends import arrays
from ..errors import OptionError
from ..networks.network import Network
from ..objective.tiled import cut, responses
from ..settings.style_losses import STYLE_LOSSES, StyleLoss

#: The content loss, described as the style losses are.
CONTENT = StyleLoss("content", "content", needs_equal_size=True, tiles="local", position_power=0)

Size = Tuple[int, int]


class Guides(NamedTuple):
    """Where in a picture which kind of content is, for a loss that needs to know.

    Attributes
    ----------
    content : ndarray, (H, W, 3) uint8 RGB
        The content picture, of the result's size.
    layers : mapping of str to float
        The content layers that guide; their weights share out a style layer's.
    source : {"content", "own"}
        Guides are fixed, by the content picture's responses, or are the result's own, which change with it.
    count : int
        Kinds of content told apart.
    seed : int
        Of the factorisation that finds them.
    """

    content: np.ndarray
    layers: Mapping[str, float]
    source: str = "content"
    count: int = 8
    seed: int = 0


class Reference(NamedTuple):
    """A picture that the result is to resemble.

    Attributes
    ----------
    label : str
        Begins the names of its terms: "content", "style", "style 2".
    image : ndarray, (H, W, 3) uint8 RGB
    loss : StyleLoss
        How the two are compared; `CONTENT` for the content.
    layers : mapping of str to float
        Blob -> weight.
    mask : ndarray, (H, W) float32, optional
        Where in the result it counts.
    guides : Guides, optional
        For a loss that needs them.
    """

    label: str
    image: np.ndarray
    loss: StyleLoss
    layers: Mapping[str, float]
    mask: Optional[np.ndarray] = None
    guides: Optional[Guides] = None


class LayerTarget(NamedTuple):
    """What the responses of one layer are compared with.

    Attributes
    ----------
    name : str
        Of the term.
    blob : str
    value : any
        The loss's target.
    features : ndarray, (N, H, W)
        Responses that the loss can compare with the target, for their shape.
    weight : float
    own_guides : (str, ndarray), optional
        The blob whose responses are the result's own guides, and the basis (K, L) that combines them.
    """

    name: str
    blob: str
    value: Any
    features: np.ndarray
    weight: float
    own_guides: Optional[Tuple[str, np.ndarray]] = None


def whole_targets(network: Network, reference: Reference) -> Iterator[LayerTarget]:
    """The target of each layer, from the picture's responses."""
    for blob, features in network.features(reference.image, reference.layers).items():
        name = "%s %s" % (reference.label, blob)
        value = reference.loss.make_target(features)
        yield LayerTarget(name, blob, value, features, reference.layers[blob])


def tiled_targets(
    network: Network, reference: Reference, sizes: Mapping[str, Size], tile: int
) -> Iterator[LayerTarget]:
    """As `whole_targets`, from responses to one tile at a time.

    Parameters
    ----------
    network : Network
    reference : Reference
    sizes : mapping of str to (int, int)
        Height and width of the layers' responses to the result.
    tile : int
        Largest side of a tile in pixels.

    Raises
    ------
    OptionError
        For a loss that needs the whole picture, for tiles that are too small.
    """
    if reference.loss.tiles is None:
        tileable = " and ".join(name for name, row in STYLE_LOSSES.items() if row.tiles)
        raise OptionError(
            "the %s loss needs the whole picture at once: in tiles there are %s"
            % (reference.loss.name, tileable)
        )
    blobs = list(reference.layers)
    tiles, fields = cut(network, reference.image.shape[:2], tile, blobs)
    cores = responses(network, network.to_blob(reference.image), tiles, fields, blobs)
    if reference.loss.tiles == "gram":
        values = _mean_grams(cores)
        # Without responses the loss is the same for any number of positions: one will do.
        shaped = {blob: np.zeros((len(gram), 1, 1), np.float32) for blob, gram in values.items()}
    else:
        values = shaped = _joined(cores, sizes)
    for blob in blobs:
        name = "%s %s" % (reference.label, blob)
        yield LayerTarget(name, blob, values[blob], shaped[blob], reference.layers[blob])


def _mean_grams(cores: Iterator[Tuple[str, Any, Any]]) -> Dict[str, np.ndarray]:
    totals: Dict[str, Any] = {}
    positions: Dict[str, int] = {}
    for blob, _, core in cores:
        gram = arrays.to_numpy(losses.gram_matrices(core)).astype(np.float64)
        totals[blob] = totals.get(blob, 0) + gram
        positions[blob] = positions.get(blob, 0) + arrays.count(core[0])
    return {blob: (totals[blob] / positions[blob]).astype(np.float32) for blob in totals}


def _joined(
    cores: Iterator[Tuple[str, Any, Any]], sizes: Mapping[str, Size]
) -> Dict[str, np.ndarray]:
    joined: Dict[str, np.ndarray] = {}
    for blob, place, core in cores:
        if blob not in joined:
            # Channels last, as the responses lie in memory.
            joined[blob] = np.empty((*sizes[blob], len(core)), np.float32).transpose(2, 0, 1)
        joined[blob][(slice(None), *place)] = arrays.to_numpy(core)
    return joined


def layer_sizes(network: Network, shape: Size, blobs: Mapping[str, Any]) -> Dict[str, Size]:
    """Height and width of layers' responses to a picture of this height and width."""
    network.resize(*shape)
    return {blob: tuple(network.net.blobs[blob].shape)[2:] for blob in blobs}
