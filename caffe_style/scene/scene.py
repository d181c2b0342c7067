"""Scenes: the content and styles of a picture at one size, and the objective made from them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

import numpy as np

from ..errors import OptionError
from ..networks.margin import Frame, margin_of
from ..networks.network import Network
from ..objective.objective import Objective
from ..objective.tiled import TiledObjective
from ..pictures import colors as palette
from ..pictures import images
from ..pictures.edges import guided_filter
from ..settings.style_losses import STYLE_LOSSES
from .inputs import Inputs, result_shape
from .regions import Regions, masked_regions
from .styles import read_mask, shares
from .targets import CONTENT, Guides, Reference
from .terms import make_terms, matting_term, variation_term

if TYPE_CHECKING:
    from ..settings.transfer import TransferSettings


class ScaledStyle(NamedTuple):
    """A style at one size.

    Attributes
    ----------
    label : str
        Beginning of the names of its terms: "style", or "style 2" if there are several.
    image : ndarray, (H', W', 3) uint8 RGB
        Style picture.
    share : float
        Fraction of the style weight.
    regions : Regions, or None
        Kinds of content that the style and the result have in common. A style with masks has a single region.
    """

    label: str
    image: np.ndarray
    share: float
    regions: Optional[Regions]


class Scene(NamedTuple):
    """The content and styles of a picture at one size.

    Attributes
    ----------
    shape : (int, int)
        Height and width of the result.
    content : ndarray, (*shape, 3) uint8 RGB, or None
        Content picture as the network sees it.
    styles : list of ScaledStyle
        Styles at this size.
    colored : ndarray, (*shape, 3) uint8 RGB, or None
        Picture whose colours the result gets, if the result is made in grey.
    closing : (int, float), or None
        Radius and epsilon of the guided filter that smooths the result within the edges of the content.
    """

    shape: Tuple[int, int]
    content: Optional[np.ndarray]
    styles: List[ScaledStyle]
    colored: Optional[np.ndarray]
    closing: Optional[Tuple[int, float]] = None

    def finish(self, image: np.ndarray) -> np.ndarray:
        """Return the picture at the scene's size, filtered, with the colours of `colored` if there is one."""
        image = images.resize(image, self.shape)
        if self.closing is not None:
            filtered = guided_filter(image.transpose(2, 0, 1), self.content, *self.closing)
            image = filtered.transpose(1, 2, 0).round().clip(0, 255).astype(np.uint8)
        return image if self.colored is None else palette.with_colors_of(image, self.colored)


def make_scene(
    inputs: Inputs, size: int, style_scale: float, style_loss: str, colors: str
) -> Scene:
    """Resize and recolour the input pictures for one size.

    Parameters
    ----------
    inputs : Inputs
        Content and styles.
    size : int
        Long edge of the result in pixels.
    style_scale : float
        Size of the style pictures relative to the result.
    style_loss : str
        Name of the style loss. For a loss that compares positions, style pictures get the result's size.
    colors : {"style", "content", "match"}
        "style" keeps the colours of the style. "content" keeps those of the content: only the luminance is
        optimised. "match" first gives the style pictures the colours of the content.

    Examples
    --------
    >>> import numpy as np
    >>> from caffe_style.scene.styles import Style
    >>> inputs = Inputs(np.zeros((32, 64, 3), np.uint8), [Style(np.zeros((40, 40, 3), np.uint8))])
    >>> scene = make_scene(inputs, size=32, style_scale=1.0, style_loss="gram", colors="style")
    >>> scene.shape, scene.styles[0].image.shape
    ((16, 32), (32, 32, 3))
    """
    shape = result_shape(inputs, size)
    content = None if inputs.content is None else images.resize(inputs.content, shape)
    masks = [read_mask(style.mask, shape) for style in inputs.styles]
    styles = []
    found = inputs.regions or [None] * len(masks)
    for number, (style, mask, share, regions) in enumerate(
        zip(inputs.styles, masks, shares(inputs.styles, masks), found), 1
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
        if regions is None:
            regions = masked_regions(mask, read_mask(style.style_mask, image.shape[:2]))
        styles.append(ScaledStyle(label, image, share, regions))
    if colors == "content":
        return Scene(shape, palette.grey(content), styles, content)
    return Scene(shape, content, styles, None)


def scene_objective(
    network: Network, scene: Scene, settings: TransferSettings, tile: Optional[int]
) -> Union[Objective, TiledObjective]:
    """Make the objective of a scene from its content, its styles and total variation.

    Parameters
    ----------
    network : Network
        Network whose responses are compared.
    scene : Scene
        Content and styles at one size.
    settings : TransferSettings
        Layers, weights and losses.
    tile : int or None
        Size of the tiles to evaluate in; None for the whole picture at once.

    Raises
    ------
    OptionError
        If no layer has a weight, or a loss cannot be computed in tiles.
    """
    normalisation = settings.normalisation
    terms = []
    for reference in references(scene, settings):
        terms += make_terms(network, reference, scene.shape, normalisation, tile)
    if not terms:
        raise OptionError(
            "there is nothing to optimise, all weights are zero or no layer has one: give --content-weight or "
            "--style-weight, or name layers (--content-layers, --style-layers)"
        )
    pictured = scene.content if scene.content is not None else scene.styles[0].image
    margin = margin_of(settings)
    of_image = variation_term(
        network, settings.tv_weight, pictured, scene.shape, normalisation, margin.wrapped
    )
    if scene.content is not None:
        of_image += matting_term(network, settings.photoreal, scene.content, normalisation)
    elif settings.photoreal:
        logging.getLogger("caffe_style").warning(
            "photoreal has no effect without a content picture"
        )
    frame = Frame(network, scene.shape, margin)
    if tile is not None:
        return TiledObjective(network, frame, tile, terms, of_image)
    terms += of_image
    return Objective(network.net, network.input_blob, terms, frame if margin.width else None)


def references(scene: Scene, settings: TransferSettings) -> List[Reference]:
    """Return the styles and the content of a scene that have a weight on any layer."""
    loss, guides = STYLE_LOSSES[settings.style_loss], None
    margin = margin_of(settings)
    # The opposite sides of a style picture do not match, even if those of the result are to match.
    mirrored = margin._replace(wrapped=False)
    if loss.needs_guides and settings.guides == "kinds":
        loss = STYLE_LOSSES["gram"]
    elif loss.needs_guides:
        guides = Guides(
            scene.content,
            settings.content_layers,
            settings.guides,
            settings.guide_count,
            settings.seed,
            margin,
        )
    found = []
    for style in scene.styles:
        layers = _weighted(settings.style_layers, settings.style_weight * style.share)
        found.append(
            Reference(
                style.label,
                style.image,
                loss,
                layers,
                style.regions,
                guides,
                mirrored,
                settings.seed,
                settings.shift,
            )
        )
    if scene.content is not None:
        layers = _weighted(settings.content_layers, settings.content_weight)
        found.append(Reference("content", scene.content, CONTENT, layers, margin=margin))
    return [reference for reference in found if reference.layers]


def _weighted(layers: Mapping[str, float], weight: float) -> Dict[str, float]:
    return {blob: weight * value for blob, value in layers.items() if value * weight}
