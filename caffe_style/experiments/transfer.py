"""Style transfer, texture synthesis and content reconstruction (the paper's sections 2 to 5)."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Union

import numpy as np

from ..errors import OptionError
from ..networks.network import Network
from ..optimise.minimise import check_optimizer
from ..runs.checkpoint import Checkpoint, PathLike
from ..runs.recipe import run_parameters
from ..runs.scales import coarse_to_fine
from ..runs.settings import Layers, Settings
from ..runs.synthesis import Result
from ..scene.scene import read_pictures
from ..scene.starts import Picture, name_of
from ..scene.styles import Styles, as_styles


def transfer(
    content: Optional[Picture],
    style: Styles,
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
    colors: str = "style",
    scales: Union[int, str] = 1,
    tile: Optional[int] = None,
    corrections: int = 10,
    bounds: bool = False,
    optimizer: Optional[str] = None,
    seed: int = 0,
    checkpoint: Union[PathLike, Checkpoint, None] = None,
    callback: Optional[Callable[[Any, np.ndarray], Any]] = None,
) -> Result:
    """Render the content of one picture in the style of another (Gatys et al. 2015; paper, section 2).

    Parameters
    ----------
    content, style : path or ndarray (H, W, 3) uint8 RGB
        One may be None: see `texture` and `reconstruct`. Several styles are a list, of pictures or of `Style`,
        which has a weight and a mask.
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
    colors : {"style", "content", "match"}
        Whose colours the result has: the style's; the content's, luminance alone being optimised; or the
        content's as the style picture, recoloured beforehand, has them (Gatys et al. 2016).
    scales : int or "auto"
        Sizes from coarse to fine, growing by sqrt 2 up to `size`, each starting from the last one's picture;
        "auto" begins at about 256 pixels.
    tile : int, optional
        Evaluate in tiles of at most this many pixels each way: slower, with memory for a tile instead of for
        the picture. By default only where the picture would not fit in memory.
    corrections : int
        Length of the L-BFGS history.
    bounds : bool
        Keep pixels inside 0..255 throughout.
    optimizer : {"scipy", "device"}, optional
        SciPy's L-BFGS on the host (the default), or one that runs where the network does: on a GPU neither
        picture nor gradient leave it.
    seed : int
        Of noise.
    checkpoint : path or Checkpoint, optional
        Save the run there as it goes, so that `resume` can continue it after a crash. This takes the optimizer
        "device", since SciPy's does not hand out its state.
    callback : callable, optional
        `callback(record, image)` after each iteration, with an image of the result's size. If it has a method
        `begin`, that is first called with the parameters; if it has a method `wants_image`, then the image is
        None for records of which that says no.

    Returns
    -------
    Result

    Raises
    ------
    CaffeStyleError
        ImageError, LayerError, OptionError, ResourceError: see their one line.
    """
    if checkpoint is not None:
        if bounds or optimizer == "scipy":
            raise OptionError(
                "checkpoints need the optimizer device, which takes no bounds: leave those options out"
            )
        optimizer = "device"
        if not isinstance(checkpoint, Checkpoint):
            checkpoint = Checkpoint(checkpoint)
    optimizer = optimizer or "scipy"
    check_optimizer(optimizer, bounds)
    settings = Settings(
        size=size,
        iterations=iterations,
        init=init,
        content_layers=content_layers,
        style_layers=style_layers,
        style_loss=style_loss,
        guides=guides,
        guide_count=guide_count,
        content_weight=content_weight,
        style_weight=style_weight,
        tv_weight=tv_weight,
        normalisation=normalisation,
        style_scale=style_scale,
        colors=colors,
        scales=scales,
        tile=tile,
        corrections=corrections,
        bounds=bounds,
        optimizer=optimizer,
        seed=seed,
    ).for_model(network)
    styles = as_styles(style)
    pictures = read_pictures(content, styles, style_loss, colors)
    named = [one.parameters for one in styles]
    parameters: Dict[str, Any] = {
        **run_parameters(network),
        "content": name_of(content),
        "style": named if len(named) > 1 else named[0] if named else None,
    }
    return coarse_to_fine(network, pictures, settings, parameters, callback, checkpoint)


def texture(style: Picture, network: Network, *, init: Picture = "noise", **options: Any) -> Result:
    """Synthesise a texture: the style alone, from noise (paper, Figure 8). Options as in `transfer`."""
    return transfer(None, style, network, init=init, **options)


def reconstruct(
    content: Picture, network: Network, *, init: Picture = "noise", **options: Any
) -> Result:
    """Reconstruct a picture from its content layers alone, from noise. Options as in `transfer`."""
    return transfer(content, None, network, init=init, **options)
