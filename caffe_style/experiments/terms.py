"""From pictures and layer weights to the terms of an objective."""

from __future__ import annotations

from typing import Any, Callable, List, Mapping, Optional

import numpy as np

from .. import losses
from ..errors import OptionError
from ..networks import Network
from ..objective import Term, single_term

#: Copies of the responses that a style loss keeps as its target, in their bytes: the responses themselves, or
#: spectra of four times as many positions, half of them known by symmetry, complex.
COPIES = {"pixelwise": 1, "windowed": 1, "spatial": 4, "spatial-pairs": 4}


def content_terms(
    network: Network,
    image: np.ndarray,
    layers: Mapping[str, float],
    weight: float,
    relative: bool = True,
) -> List[Term]:
    """One term for each content layer.

    Parameters
    ----------
    network : Network
    image : ndarray, (H, W, 3) uint8 RGB
        The content image, of the result's size.
    layers : mapping of str to float
        Blob -> weight.
    weight : float
        Of their sum.
    relative : bool
        Divide each layer's loss by its value for no response at all. The weights then mean the same
        whatever the layer, the size and the network. False: the paper's formula as it stands.
    """
    return _terms(
        network, image, layers, weight, relative, "content", losses.target_content, losses.content
    )


def style_terms(
    network: Network,
    image: np.ndarray,
    layers: Mapping[str, float],
    weight: float,
    relative: bool = True,
    loss: str = "gram",
) -> List[Term]:
    """One term for each style layer; parameters as in `content_terms`, `loss` one of losses.STYLE_LOSSES."""
    style = losses.STYLE_LOSSES[loss]
    return _terms(network, image, layers, weight, relative, "style", style.make_target, style.loss)


def loss_bytes(network: Network, layers: Mapping[str, float], loss: str) -> int:
    """Estimate the bytes that a style loss takes beside the responses, on the network's present size."""
    sizes = [4 * network.net.blobs[blob].count for blob in layers]
    return int(COPIES.get(loss, 0) * sum(sizes))


def _terms(
    network: Network,
    image: np.ndarray,
    layers: Mapping[str, float],
    weight: float,
    relative: bool,
    kind: str,
    make_target: Callable,
    loss: Callable,
) -> List[Term]:
    layers = {blob: value for blob, value in layers.items() if value * weight}
    if not layers:
        return []
    terms = []
    for blob, features in network.features(image, layers).items():
        target = make_target(features)
        share = weight * layers[blob]
        if relative:
            share /= _reference_value(loss, features, target, "%s layer %s" % (kind, blob))
        terms.append(single_term("%s %s" % (kind, blob), blob, loss, target, share))
    return terms


def variation_term(
    network: Network, weight: float, reference: Optional[np.ndarray], relative: bool = True
) -> List[Term]:
    """Total variation of the image, relative to that of `reference` (H, W, 3)."""
    if not weight:
        return []
    if relative and reference is not None:
        blob = network.to_blob(reference)[0]
        mean_variation = losses.total_variation(blob)[0] / blob.size
        weight /= max(mean_variation, 1e-12) * network.net.blobs[network.input_blob].count
    blob_name = network.input_blob
    return [single_term("variation", blob_name, losses.total_variation, None, weight)]


def _reference_value(loss: Callable, features: np.ndarray, target: Any, what: str) -> float:
    """The loss of an image that makes no response."""
    value = loss(np.zeros_like(features), target)[0]
    if not value > 0:
        raise OptionError("%s does not respond to the picture: leave it out" % what)
    return value
