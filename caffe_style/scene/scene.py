"""The scene: what a picture of one size is made from, and the objective that it minimises."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

import numpy as np

from ..errors import OptionError
from ..networks.network import Network
from ..objective.objective import Objective
from ..objective.tiled import TiledObjective
from ..pictures import colors as palette
from ..pictures import images
from ..settings.style_losses import STYLE_LOSSES
from .inputs import Inputs, result_shape
from .styles import read_mask, shares
from .targets import CONTENT, Guides, Reference
from .terms import make_terms, variation_term

if TYPE_CHECKING:
    from ..settings.transfer import TransferSettings


class ScaledStyle(NamedTuple):
    """A style at one size.

    Attributes
    ----------
    label : str
        Begins the names of its terms: "style", or "style 2" where there are several.
    image : ndarray, (H', W', 3) uint8 RGB
    share : float
        Its part of the style weight.
    mask : ndarray, (H, W) float32, or None
        Over the picture that is made.
    """

    label: str
    image: np.ndarray
    share: float
    mask: Optional[np.ndarray]


class Scene(NamedTuple):
    """What a picture of one size is made from.

    Attributes
    ----------
    shape : (int, int)
        Height and width of the result.
    content : ndarray, (*shape, 3) uint8 RGB, or None
        As the network is to see it.
    styles : list of ScaledStyle
    colored : ndarray, (*shape, 3) uint8 RGB, or None
        The picture whose colours the result takes, if it is made without any.
    """

    shape: Tuple[int, int]
    content: Optional[np.ndarray]
    styles: List[ScaledStyle]
    colored: Optional[np.ndarray]

    def finish(self, image: np.ndarray) -> np.ndarray:
        """The picture with its colours; of another size than the scene's it is resized."""
        image = images.resize(image, self.shape)
        return image if self.colored is None else palette.with_colors_of(image, self.colored)


def make_scene(
    inputs: Inputs, size: int, style_scale: float, style_loss: str, colors: str
) -> Scene:
    """Bring everything to one size.

    Parameters
    ----------
    inputs : Inputs
    size : int
        Long edge of the result.
    style_scale : float
        Size of the style pictures relative to it.
    style_loss : str
        Whether styles must have the result's size, as the paper does for losses that compare positions.
    colors : {"style", "content", "match"}
        The style's own; the content's, by working on luminance alone; or the style's pictures in the content's
        colours.
    """
    shape = result_shape(inputs, size)
    content = None if inputs.content is None else images.resize(inputs.content, shape)
    masks = [read_mask(style.mask, shape) for style in inputs.styles]
    styles = []
    for number, (style, mask, share) in enumerate(
        zip(inputs.styles, masks, shares(inputs.styles, masks)), 1
    ):
        image = images.resize(style.picture, round(size * style_scale))
        if STYLE_LOSSES[style_loss].needs_equal_size and image.shape[:2] != shape:
            logging.getLogger("caffe_style").info(
                "the %s loss compares positions: the style picture is resized to %d x %d",
                style_loss,
                shape[1],
                shape[0],
            )
            image = images.resize(image, shape)
        if colors == "content":
            image = palette.grey_like(image, content)
        elif colors == "match":
            image = palette.match_colors(image, content)
        label = "style" if len(masks) == 1 else "style %d" % number
        styles.append(ScaledStyle(label, image, share, mask))
    if colors == "content":
        return Scene(shape, palette.grey(content), styles, content)
    return Scene(shape, content, styles, None)


def scene_objective(
    network: Network, scene: Scene, settings: TransferSettings, tile: Optional[int]
) -> Union[Objective, TiledObjective]:
    """Content, styles and total variation as one function of the image.

    Parameters
    ----------
    network : Network
    scene : Scene
    settings : TransferSettings
    tile : int or None
        Evaluate in tiles of this size.

    Raises
    ------
    OptionError
        When nothing has a weight, or a loss has no meaning in tiles.
    """
    normalisation = settings.normalisation
    terms = []
    for reference in references(scene, settings):
        terms += make_terms(network, reference, scene.shape, normalisation, tile)
    if not terms:
        raise OptionError("content and style weights are all zero: there is nothing to optimise")
    pictured = scene.content if scene.content is not None else scene.styles[0].image
    variation = variation_term(network, settings.tv_weight, pictured, scene.shape, normalisation)
    if tile is not None:
        return TiledObjective(network, scene.shape, tile, terms, variation)
    return Objective(network.net, network.input_blob, terms + variation)


def references(scene: Scene, settings: TransferSettings) -> List[Reference]:
    """The styles and the content of a scene, those of them that have a weight on any layer."""
    loss, guides = STYLE_LOSSES[settings.style_loss], None
    if loss.needs_guides:
        guides = Guides(
            scene.content,
            settings.content_layers,
            settings.guides,
            settings.guide_count,
            settings.seed,
        )
    found = []
    for style in scene.styles:
        layers = _weighted(settings.style_layers, settings.style_weight * style.share)
        found.append(Reference(style.label, style.image, loss, layers, style.mask, guides))
    if scene.content is not None:
        layers = _weighted(settings.content_layers, settings.content_weight)
        found.append(Reference("content", scene.content, CONTENT, layers))
    return [reference for reference in found if reference.layers]


def _weighted(layers: Mapping[str, float], weight: float) -> Dict[str, float]:
    return {blob: weight * value for blob, value in layers.items() if value * weight}
