"""From pictures and layer weights to the terms of an objective."""

from __future__ import annotations

from typing import Any, Callable, List, Mapping, Tuple

import numpy as np

from .. import losses
from ..errors import OptionError
from ..networks.network import Network
from ..objective.objective import Term, single_term
from .styles import layer_mask

#: Copies of the responses that a style loss keeps as its target, in their bytes: the responses themselves, or
#: spectra of four times as many positions, half of them known by symmetry, complex.
COPIES = {"pixelwise": 1, "windowed": 1, "spatial": 4, "spatial-pairs": 4}

#: How a loss is scaled before its weight multiplies it: see `scale`.
NORMALISATIONS = ("relative", "paper", "mean")


def content_terms(
    network: Network,
    image: np.ndarray,
    layers: Mapping[str, float],
    weight: float,
    normalisation: str = "relative",
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
    normalisation : str
        One of `NORMALISATIONS`: see `scale`.
    """
    make_target = losses.target_content
    return _terms(
        network, image, layers, weight, normalisation, "content", make_target, losses.content
    )


def style_terms(
    network: Network,
    image: np.ndarray,
    layers: Mapping[str, float],
    weight: float,
    normalisation: str = "relative",
    loss: str = "gram",
) -> List[Term]:
    """One term for each style layer; parameters as in `content_terms`, `loss` one of losses.STYLE_LOSSES."""
    style = losses.STYLE_LOSSES[loss]
    return _terms(
        network, image, layers, weight, normalisation, "style", style.make_target, style.loss
    )


def masked_style_terms(
    network: Network,
    image: np.ndarray,
    mask: np.ndarray,
    layers: Mapping[str, float],
    weight: float,
    normalisation: str = "relative",
) -> List[Term]:
    """Gram losses of the positions that a mask (H, W) over the picture weighs; else as `style_terms`.

    A mask is a single guide: Gram matrices weighted by position are what `losses.covariation` compares.
    """
    layers = {blob: value for blob, value in layers.items() if value * weight}
    network.resize(*mask.shape)
    sizes = {blob: tuple(network.net.blobs[blob].shape)[2:] for blob in layers}
    terms = []
    for blob, features in (network.features(image, layers) if layers else {}).items():
        name = "style %s" % blob
        gram = losses.target_gram(features)
        guide = layer_mask(mask, sizes[blob], name)
        target = losses.CovariationTarget(gram[np.newaxis], guide[np.newaxis])
        # Without responses there is nothing that a mask could tell apart.
        share = weight * layers[blob]
        share *= scale(normalisation, "style", blob, features, gram, losses.gram)
        terms.append(single_term(name, blob, losses.covariation, target, share))
    return terms


def loss_bytes(network: Network, layers: Mapping[str, float], loss: str) -> int:
    """Estimate the bytes that a style loss takes beside the responses, on the network's present size."""
    sizes = [4 * network.net.blobs[blob].count for blob in layers]
    return int(COPIES.get(loss, 0) * sum(sizes))


def _terms(
    network: Network,
    image: np.ndarray,
    layers: Mapping[str, float],
    weight: float,
    normalisation: str,
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
        share = weight * layers[blob] * scale(normalisation, kind, blob, features, target, loss)
        terms.append(single_term("%s %s" % (kind, blob), blob, loss, target, share))
    return terms


def variation_term(
    network: Network,
    weight: float,
    reference: np.ndarray,
    shape: Tuple[int, int],
    normalisation: str = "relative",
) -> List[Term]:
    """Total variation of an image (*shape, 3); its relative weight is by that of `reference` (H, W, 3)."""
    if not weight:
        return []
    if normalisation == "relative":
        blob = network.to_blob(reference)[0]
        mean_variation = losses.total_variation(blob)[0] / blob.size
        weight /= max(mean_variation, 1e-12) * 3 * shape[0] * shape[1]
    blob_name = network.input_blob
    return [single_term("variation", blob_name, losses.total_variation, None, weight)]


def scale(
    normalisation: str, kind: str, blob: str, features: np.ndarray, target: Any, loss: Callable
) -> float:
    """What a layer's loss is multiplied by, beside its weight.

    Parameters
    ----------
    normalisation : {"relative", "paper", "mean"}
        "relative" divides by the loss of an image that makes no response: weights then mean the same whatever
        the layer, the size and the network. "paper": the formulas of `caffe_style.losses` as they stand.
        "mean": mean squares, of the N M responses for content and of the N^2 entries of G / (N M) for style,
        with G / (N M) as Johnson's program scales Gram matrices.
    kind : {"content", "style"}
    blob : str
    features : ndarray, (N, H, W)
        Of the content or style image, M = H * W.
    target : any
    loss : callable

    Raises
    ------
    OptionError
        For an unknown normalisation, or a relative weight where the layer does not respond.
    """
    channels = features.shape[0]
    if normalisation == "paper":
        return 1.0
    if normalisation == "mean":
        # The paper's 1/2 and 1 / (4 N^2 M^2) taken back.
        return 2.0 / features.size if kind == "content" else 4.0 / channels**2
    if normalisation != "relative":
        raise OptionError(
            "unknown normalisation '%s': choose one of %s"
            % (normalisation, ", ".join(NORMALISATIONS))
        )
    silent = loss(np.zeros_like(features), target)[0]
    if not silent > 0:
        raise OptionError(
            "%s layer %s does not respond to the picture: leave it out" % (kind, blob)
        )
    return 1.0 / silent
