"""Style transfer, texture synthesis and content reconstruction (the paper's sections 2 to 5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Union

import numpy as np

from .. import images
from ..errors import ImageError, OptionError
from ..losses import STYLE_LOSSES
from ..networks import SMALLEST_SIDE, Network
from .synthesis import Result, check_memory, synthesise
from .terms import content_terms, style_terms, variation_term

Picture = Union[str, Path, np.ndarray]
Layers = Mapping[str, float]

INITS = ("content", "style", "noise")


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
    content_weight: Optional[float] = None,
    style_weight: Optional[float] = None,
    tv_weight: Optional[float] = None,
    relative: bool = True,
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
    init : {"content", "style", "noise"} or path or ndarray
        The picture to start from (paper, section 4).
    content_layers, style_layers : mapping of str to float, optional
        Blob -> weight; the model's by default. Any split is allowed (partial transfer, section 5).
    style_loss : str
        How style is represented, one of `caffe_style.losses.STYLE_LOSSES`; all but gram resize the style
        picture to the content's size.
    content_weight, style_weight, tv_weight : float, optional
        Of the two sums and of the total variation of the image; the model's by default.
    relative : bool
        Divide each term by a reference value (see `terms.content_terms`); False: the paper's formulas.
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
    content_image, style_image = _read(content), _read(style)
    shape = images.fitted_size(
        (style_image if content_image is None else content_image).shape[:2], size
    )
    # Before anything is resized or computed: does the largest step fit?
    network.resize(*shape)
    check_memory(network, list(content_layers) + list(style_layers), corrections)
    if content_image is not None:
        content_image = images.resize(content_image, shape)
    if style_image is not None:
        style_image = images.resize(style_image, round(size * style_scale))
    if style_image is not None and STYLE_LOSSES[style_loss].needs_equal_size:
        # These losses compare position by position; the paper resizes the style picture too.
        style_image = images.resize(style_image, shape)
    start = _start(init, content_image, style_image, shape, seed)
    terms = []
    if style_image is not None:
        terms += style_terms(network, style_image, style_layers, style_weight, relative, style_loss)
    if content_image is not None:
        terms += content_terms(network, content_image, content_layers, content_weight, relative)
    if not terms:
        raise OptionError("content and style weights are all zero: there is nothing to optimise")
    reference = style_image if content_image is None else content_image
    terms += variation_term(network, tv_weight, reference, relative)
    parameters: Dict[str, Any] = {
        "model": network.name,
        "backend": network.backend,
        "content": _name(content),
        "style": _name(style),
        "size": size,
        "iterations": iterations,
        "init": _name(init),
        "content_layers": dict(content_layers),
        "style_layers": dict(style_layers),
        "style_loss": style_loss,
        "content_weight": content_weight,
        "style_weight": style_weight,
        "tv_weight": tv_weight,
        "relative": relative,
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


def _read(picture: Optional[Picture]) -> Optional[np.ndarray]:
    if picture is None:
        return None
    name = _name(picture)
    image = picture if isinstance(picture, np.ndarray) else images.read_image(picture)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ImageError("%s must be an array (H, W, 3) of uint8" % name)
    if min(image.shape[:2]) < SMALLEST_SIDE:
        raise ImageError(
            "%s is %d x %d pixels, too small: at least %d each way"
            % (name, image.shape[1], image.shape[0], SMALLEST_SIDE)
        )
    return image


def _start(
    init: Picture,
    content: Optional[np.ndarray],
    style: Optional[np.ndarray],
    shape: tuple,
    seed: int,
) -> np.ndarray:
    """The first picture, of the result's shape."""
    if isinstance(init, str) and init == "noise":
        return images.white_noise(shape[0], shape[1], seed)
    if isinstance(init, str) and init in ("content", "style"):
        image = content if init == "content" else style
        if image is None:
            raise OptionError("init '%s' needs a %s picture" % (init, init))
    else:
        image = init if isinstance(init, np.ndarray) else images.read_image(init)
    return images.resize(image, tuple(shape))


def _name(picture: Optional[Picture]) -> Optional[str]:
    """What the parameters say of a picture."""
    if picture is None:
        return None
    return "array" if isinstance(picture, np.ndarray) else str(picture)
