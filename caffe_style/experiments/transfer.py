"""Style transfer, texture synthesis and content reconstruction (the paper's sections 2 to 5)."""

from __future__ import annotations

import logging
from typing import Any, Callable, Dict, Mapping, Optional

import numpy as np

from .. import images
from ..errors import OptionError
from ..losses import STYLE_LOSSES
from ..networks import Network
from .covariation import covariation_terms
from .starts import Picture, name_of, read_picture, start_picture
from .synthesis import Result, check_memory, synthesise
from .terms import content_terms, loss_bytes, style_terms, variation_term

Layers = Mapping[str, float]


def transfer(
    content: Optional[Picture],
    style: Optional[Picture],
    network: Network,
    *,
    size: int = 512,
    iterations: int = 200,
    init: Picture = "content",
    content_layers: Optional[Layers] = None,
    style_layers: Optional[Layers] = None,
    style_loss: str = "gram",
    guides: str = "content",
    guide_count: int = 8,
    content_weight: Optional[float] = None,
    style_weight: Optional[float] = None,
    tv_weight: Optional[float] = None,
    normalisation: str = "relative",
    style_scale: float = 1.0,
    corrections: int = 10,
    bounds: bool = False,
    seed: int = 0,
    callback: Optional[Callable[[Any, np.ndarray], Any]] = None,
) -> Result:
    """Render the content of one picture in the style of another (Gatys et al. 2015; paper, section 2).

    Parameters
    ----------
    content, style : path or ndarray (H, W, 3) uint8 RGB
        One may be None: see `texture` and `reconstruct`.
    network : Network
        From `open_network`.
    size : int
        Long edge of the result in pixels; both pictures are resized to it.
    iterations : int
        Accepted steps of L-BFGS.
    init : str or path or ndarray
        The picture to start from (paper, section 4): see `starts.start_picture`.
    content_layers, style_layers : mapping of str to float, optional
        Blob -> weight; the model's by default. Any split is allowed (partial transfer, section 5).
    style_loss : str
        How style is represented, one of `caffe_style.losses.STYLE_LOSSES`; all but gram and covariation
        resize the style picture to the content's size.
    guides : {"content", "own"}
        For covariation: the content layers' responses that guide the style are the content picture's, or the
        picture's own, with the gradient through them.
    guide_count : int
        For covariation: kinds of content told apart.
    content_weight, style_weight, tv_weight : float, optional
        Of the two sums and of the total variation of the image; the model's by default.
    normalisation : {"relative", "paper", "mean"}
        How losses are scaled before they are weighted: see `terms.scale`.
    style_scale : float
        Size of the style picture relative to the content: larger strokes above 1.
    corrections : int
        Length of the L-BFGS history.
    bounds : bool
        Keep pixels inside 0..255 throughout.
    seed : int
        Of noise.
    callback : callable, optional
        `callback(record, image)` after each iteration.

    Returns
    -------
    Result

    Raises
    ------
    CaffeStyleError
        ImageError, LayerError, OptionError, ResourceError: see their one line.
    """
    model = network.model
    content_layers = model.content_layers if content_layers is None else content_layers
    style_layers = model.style_layers if style_layers is None else style_layers
    content_weight = model.content_weight if content_weight is None else content_weight
    style_weight = model.style_weight if style_weight is None else style_weight
    tv_weight = model.tv_weight if tv_weight is None else tv_weight
    if style_loss not in STYLE_LOSSES:
        raise OptionError(
            "unknown style loss '%s': choose one of %s" % (style_loss, ", ".join(STYLE_LOSSES))
        )
    network.check_blobs(list(content_layers) + list(style_layers))
    content_image, style_image = read_picture(content), read_picture(style)
    guided = STYLE_LOSSES[style_loss].needs_guides
    if guided and content_image is None:
        raise OptionError("the %s loss needs a content picture: it guides the style" % style_loss)
    shape = images.fitted_size(
        (style_image if content_image is None else content_image).shape[:2], size
    )
    # Before anything is resized or computed: does the largest step fit?
    network.resize(*shape)
    check_memory(
        network,
        list(content_layers) + list(style_layers),
        corrections,
        loss_bytes(network, style_layers, style_loss),
    )
    if content_image is not None:
        content_image = images.resize(content_image, shape)
    if style_image is not None:
        style_image = images.resize(style_image, round(size * style_scale))
    if style_image is not None and STYLE_LOSSES[style_loss].needs_equal_size:
        # These losses compare position by position; the paper resizes the style picture too.
        if style_image.shape[:2] != tuple(shape):
            logging.getLogger("caffe_style").info(
                "the %s loss compares positions: the style picture is resized to %d x %d",
                style_loss,
                shape[1],
                shape[0],
            )
        style_image = images.resize(style_image, shape)
    start = start_picture(init, content_image, style_image, shape, seed, network.model.mean)
    terms = []
    if style_image is not None and guided:
        terms += covariation_terms(
            network,
            content_image,
            style_image,
            content_layers,
            style_layers,
            style_weight,
            normalisation,
            guides,
            guide_count,
            seed,
        )
    elif style_image is not None:
        terms += style_terms(
            network, style_image, style_layers, style_weight, normalisation, style_loss
        )
    if content_image is not None:
        terms += content_terms(
            network, content_image, content_layers, content_weight, normalisation
        )
    if not terms:
        raise OptionError("content and style weights are all zero: there is nothing to optimise")
    reference = style_image if content_image is None else content_image
    terms += variation_term(network, tv_weight, reference, normalisation)
    parameters: Dict[str, Any] = {
        "model": network.name,
        "backend": network.backend,
        "pooling": model.pooling,
        "mean": list(model.mean),
        "content": name_of(content),
        "style": name_of(style),
        "size": size,
        "iterations": iterations,
        "init": name_of(init),
        "content_layers": dict(content_layers),
        "style_layers": dict(style_layers),
        "style_loss": style_loss,
        **({"guides": guides, "guide_count": guide_count} if guided else {}),
        "content_weight": content_weight,
        "style_weight": style_weight,
        "tv_weight": tv_weight,
        "normalisation": normalisation,
        "style_scale": style_scale,
        "corrections": corrections,
        "bounds": bounds,
        "seed": seed,
    }
    return synthesise(
        network,
        terms,
        start,
        iterations=iterations,
        corrections=corrections,
        bounds=bounds,
        parameters=parameters,
        callback=callback,
    )


def texture(style: Picture, network: Network, *, init: Picture = "noise", **options: Any) -> Result:
    """Synthesise a texture: the style alone, from noise (paper, Figure 8). Options as in `transfer`."""
    return transfer(None, style, network, init=init, **options)


def reconstruct(
    content: Picture, network: Network, *, init: Picture = "noise", **options: Any
) -> Result:
    """Reconstruct a picture from its content layers alone, from noise. Options as in `transfer`."""
    return transfer(content, None, network, init=init, **options)
