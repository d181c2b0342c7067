"""Targets of the losses, computed from the responses to a picture."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from .. import losses
from ..networks.margin import Frame, Margin
from ..networks.network import Network
from ..settings.style_losses import StyleLoss
from .regions import Regions, layer_guides, region_target, shrinking

#: The content loss, described like a style loss.
CONTENT = StyleLoss(
    "content", "content", needs_equal_size=True, takes_gaps=True, tiles="local", position_power=0
)

Size = Tuple[int, int]


class Guides(NamedTuple):
    """How to make the guides, which say where each kind of content is.

    Attributes
    ----------
    content : ndarray, (H, W, 3) uint8 RGB
        Content picture at the result's size.
    layers : mapping of str to float
        Content layers that guide. Their weights divide the weight of each style layer.
    source : {"content", "own"}
        Whether the guides come from the content picture and are fixed, or from the result's own responses.
    count : int
        Number of kinds of content.
    seed : int
        Seed of the factorisation that finds them.
    margin : Margin
        Margin within which the network reads the content picture.
    """

    content: np.ndarray
    layers: Mapping[str, float]
    source: str = "content"
    count: int = 8
    seed: int = 0
    margin: Margin = Margin()


class Reference(NamedTuple):
    """A picture that the result is to resemble.

    Attributes
    ----------
    label : str
        Beginning of the names of its terms: "content", "style", "style 2".
    image : ndarray, (H, W, 3) uint8 RGB
        The picture.
    loss : StyleLoss
        Loss that compares the two; `CONTENT` for the content.
    layers : mapping of str to float
        Weight of each layer.
    regions : Regions, optional
        Kinds of content that the result and the picture have in common.
    guides : Guides, optional
        Guides for a loss that needs them.
    margin : Margin
        Margin within which the network reads the picture.
    seed : int
        Seed of a random target.
    shift : bool
        Whether to shift the responses of each layer by minus their mean over the picture.
    """

    label: str
    image: np.ndarray
    loss: StyleLoss
    layers: Mapping[str, float]
    regions: Optional[Regions] = None
    guides: Optional[Guides] = None
    margin: Margin = Margin()
    seed: int = 0
    shift: bool = False

    @property
    def function(self) -> Callable:
        """The function that computes the loss. A Gram loss with regions or a shift is one of covariation."""
        of_grams = self.regions is not None or (self.shift and not self.loss.of_pairs)
        return losses.covariation if of_grams else self.loss.loss


class LayerTarget(NamedTuple):
    """The target of the loss on one layer.

    Attributes
    ----------
    name : str
        Name of the term.
    blob : str
        Name of the layer.
    value : any
        Target of the loss.
    features : ndarray, (N, H, W), or a pair of them
        Responses of a shape that the loss can compare with the target.
    weight : float
        Weight of the layer.
    own_guides : (str, ndarray), optional
        Blob whose responses give the result's own guides, and the basis (K, L) that combines them.
    deeper : str, optional
        The next layer, for a loss on pairs of layers.
    """

    name: str
    blob: str
    value: Any
    features: np.ndarray
    weight: float
    own_guides: Optional[Tuple[str, np.ndarray]] = None
    deeper: Optional[str] = None


def whole_targets(
    network: Network, reference: Reference, sizes: Mapping[str, Size]
) -> Iterator[LayerTarget]:
    """Yield the target of each layer, from the responses to the picture.

    Parameters are those of `caffe_style.scene.tiled_targets.tiled_targets`.
    """
    regions = reference.regions
    found = network.features(reference.image, reference.layers, reference.margin)
    for blob, features in found.items():
        name = "%s %s" % (reference.label, blob)
        shift = mean_shift(features) if reference.shift else 0.0
        if regions is not None:
            radius = shrinking(network, blob, regions)
            guides = layer_guides(regions.style, features.shape[1:], radius, name)
            grams = losses.target_covariation(features, guides, shift=shift).grams
            value = region_target(grams, regions, sizes[blob], radius, name, shift)
        elif reference.shift:
            value = losses.target_covariation(features, None, shift=shift)
        else:
            value = reference.loss.make_target(features)
        yield LayerTarget(name, blob, value, features, reference.layers[blob])


def mean_shift(features: np.ndarray) -> float:
    """Return minus the mean of all responses, by which `Reference.shift` shifts a layer."""
    return -float(features.mean(dtype=np.float64))


def layer_sizes(
    network: Network, shape: Size, blobs: Mapping[str, Any], margin: Margin
) -> Dict[str, Size]:
    """Return height and width of the layers' own responses to a picture of this height and width."""
    frame = Frame(network, shape, margin)
    return {blob: frame.size(blob) for blob in blobs}
