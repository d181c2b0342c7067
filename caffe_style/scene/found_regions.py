"""Finding the regions of a run: by the network, or from segmentations that a person has drawn."""

from __future__ import annotations

import logging
from typing import List, Optional, Sequence

import numpy as np

from ..errors import LayerError, OptionError
from ..networks.network import Network
from ..pictures import images
from ..pictures.edges import guided_filter
from ..settings.style_losses import STYLE_LOSSES, maskable
from ..settings.transfer import TransferSettings
from . import kinds
from .inputs import Inputs
from .regions import REST, Regions, matched_regions
from .segments import segmented

#: Long edge in pixels at which kinds are found. All scales of a run use the same kinds.
LONG_EDGE = 384
#: Largest number of kinds to look for.
MOST_ASKED = 25
#: Radius in pixels of the guided filter that moves the border of a region to an edge of the picture.
_RADIUS = 8


def check_regions(inputs: Inputs, settings: TransferSettings) -> None:
    """Check that the settings of regions suit the pictures and each other, before anything is computed.

    Raises
    ------
    OptionError
        If they do not.
    """
    asked = {"regions": settings.regions, "segments": settings.segments}
    asked = [name for name, value in asked.items() if value is not None]
    if settings.kinds is not None and not asked:
        asked = ["guides kinds"]
    if not asked:
        return
    if settings.kinds not in (None, "auto") and settings.kinds > MOST_ASKED:
        raise OptionError(
            "guides kinds takes a guide_count of at most %d: more kinds are too small" % MOST_ASKED
        )
    if len(asked) > 1:
        raise OptionError("regions and segments both say where a style applies: leave one out")
    name = asked[0]
    if inputs.content is None or not inputs.styles:
        raise OptionError("%s needs a content and a style picture" % name)
    if any(style.is_masked for style in inputs.styles):
        raise OptionError("%s and masks both say where a style applies: leave one out" % name)
    if name != "guides kinds" and not STYLE_LOSSES[settings.style_loss].takes_masks:
        raise OptionError(
            "%s work with the style losses %s only, not with %s"
            % (name, maskable(), settings.style_loss)
        )
    if name == "segments" and len(inputs.styles) > 1:
        raise OptionError("segments is for one style picture: use masks for several styles")


def with_regions(network: Network, inputs: Inputs, settings: TransferSettings) -> Inputs:
    """Return the inputs with the regions that the settings ask for.

    Raises
    ------
    OptionError, ImageError
        If the segmentations are bad.
    """
    if settings.segments is not None:
        pictures = [inputs.content, inputs.styles[0].picture]
        return inputs._replace(regions=[segmented(settings.segments, pictures)])
    if settings.kinds is None:
        return inputs
    regions = [
        _found(network, [inputs.content, style.picture], settings) for style in inputs.styles
    ]
    return inputs._replace(regions=regions)


def say_kinds(inputs: Inputs) -> None:
    """Log the kinds that were found: those that each style has in common with the content picture."""
    logger = logging.getLogger("caffe_style")
    for regions in inputs.regions or ():
        if regions is None:
            logger.warning(
                "the pictures have only one kind of content in common: the style applies everywhere"
            )
        else:
            parts = regions.content.mean(axis=(1, 2))
            logger.info(
                "%d kinds of content in common: %s of the content picture",
                len(parts),
                ", ".join("%d %%" % round(100 * part) for part in parts),
            )


def _found(
    network: Network, pictures: Sequence[np.ndarray], settings: TransferSettings
) -> Optional[Regions]:
    """Return the kinds that both pictures have, or None if there is only one."""
    edge = min(LONG_EDGE, settings.size)
    pictures = [images.resize(picture, edge) for picture in pictures]
    layers = deepest_layers(network, settings)
    places = [kinds.describe_places(network, picture, layers) for picture in pictures]
    count = settings.kinds
    guides = kinds.find_kinds(places, count, settings.seed)
    if len(guides[0]) == 1:
        return None
    content, style = (_edged(*pair) for pair in zip(guides, pictures))
    regions = matched_regions(content, style)
    if settings.style_loss == "covariation":
        equal = (1 / len(content),) * len(content)
        return regions._replace(shares=equal)
    return regions


def deepest_layers(network: Network, settings: TransferSettings) -> List[str]:
    """Return the two deepest of the layers that the model or the settings read, the deeper one last.

    Raises
    ------
    LayerError
        If they read none.
    """
    model = network.model
    blobs = {*model.content_layers, *model.style_layers, *settings.blobs}
    order = list(network.net._layer_names)
    found = sorted(
        (blob for blob in blobs if blob in network.net.blobs),
        key=lambda blob: order.index(network.last_layer([blob])),
    )
    if not found:
        raise LayerError("kinds of content are found by layers: name one with --style-layers")
    return [found[-2:][0], found[-1]]


def _edged(guides: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Enlarge guides to their picture's size, align them with its edges, and drop small shares of a place."""
    from skimage.transform import resize

    shape = (len(guides), *picture.shape[:2])
    large = np.stack([resize(guide, shape[1:], order=1, mode="edge") for guide in guides])
    filtered = np.clip(guided_filter(large, picture, _RADIUS), 0, None)
    filtered[filtered < 2 * REST] = 0
    total = filtered.sum(axis=0)
    # Where the filter leaves nothing, the map keeps its values from before the filter.
    return np.where(total > 0, filtered / np.where(total > 0, total, 1), large).astype(np.float32)
