"""The settings of `transfer`, `texture` and `reconstruct`, and those that every run has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Union

from .base import Settings, changed, setting
from .kinds import Choice, Flag, Layers, LayerWeights, Number, PictureLike, Scales, Start
from .style_losses import STYLE_LOSSES

#: L-BFGS of SciPy on the host, or our own where the network is.
OPTIMIZERS = ("scipy", "device")
#: How a loss is scaled before its weight multiplies it: see `caffe_style.scene.terms.scale`.
NORMALISATIONS = ("relative", "paper", "mean")
#: Whose colours the result has.
COLORS = ("style", "content", "match")
#: Whose responses guide the covariation loss.
GUIDES = ("content", "own")


@dataclass(frozen=True)
class RunSettings(Settings):
    """What every optimisation of a picture needs."""

    size: int = setting(512, Number(int, 16, 65536), "long edge in pixels", "picture")
    iterations: int = setting(200, Number(int, 1, 10**6), "steps of L-BFGS", "picture")
    init: PictureLike = setting(
        "content",
        Start(),
        "where to start: noise[:STD], coloured:EXPONENT, mean:STD (noise around the network's mean), content, "
        "style, mix:PART (content with this part of noise) or a file",
        "picture",
    )
    optimizer: Optional[str] = setting(
        None,
        Choice(OPTIMIZERS),
        "L-BFGS of scipy on the host, or of our own on the backend's device",
        "optimiser",
        shown="scipy; with a checkpoint device",
    )
    corrections: int = setting(10, Number(int, 1, 100), "length of its history", "optimiser")
    bounds: Optional[bool] = setting(
        False, Flag(), "keep pixels inside 0..255 throughout, slower", "optimiser", shown="no"
    )
    # The option --seed belongs to the network too, for random filters.
    seed: int = setting(0, Number(int, 0, 2**63 - 1), "of noise and of random filters", None)


@dataclass(frozen=True)
class TransferSettings(RunSettings):
    """The settings of a transfer (paper, sections 2 to 5)."""

    style_scale: float = setting(
        1.0, Number(float, 0.05, 20), "size of the strokes: above 1 they are larger", "picture"
    )
    colors: str = setting(
        "style",
        Choice(COLORS),
        "whose colours: style, content (luminance alone is optimised), or match (the style picture is "
        "recoloured first)",
        "picture",
    )
    scales: Union[int, str] = setting(
        1,
        Scales(),
        "sizes from coarse to fine, up to --size; auto begins at about 256 pixels",
        "picture",
    )
    tile: Optional[int] = setting(
        None,
        Number(int, 1, 65536),
        "evaluate in tiles of this many pixels, to save memory",
        "picture",
        shown="where the picture would not fit",
    )
    content_layers: Optional[Layers] = setting(
        None, LayerWeights(), "where contents are compared", "objective", of_model=True
    )
    style_layers: Optional[Layers] = setting(
        None, LayerWeights(), "where styles are compared", "objective", of_model=True
    )
    style_loss: str = setting(
        "gram",
        Choice(tuple(STYLE_LOSSES)),
        "how style is represented: one of " + ", ".join(STYLE_LOSSES),
        "objective",
    )
    guides: str = setting(
        "content",
        Choice(GUIDES, "|".join(GUIDES)),
        "covariation: the content layers' responses that guide the style are those to the content picture, or "
        "to the picture itself (own)",
        "objective",
    )
    guide_count: int = setting(
        8, Number(int, 1, 4096), "covariation: kinds of content told apart", "objective"
    )
    content_weight: Optional[float] = setting(
        None, Number(float, 0), "weight of the content terms together", "objective", of_model=True
    )
    style_weight: Optional[float] = setting(
        None, Number(float, 0), "weight of the style terms together", "objective", of_model=True
    )
    tv_weight: Optional[float] = setting(
        None,
        Number(float, 0),
        "weight of total variation: a smoother picture",
        "objective",
        of_model=True,
    )
    normalisation: str = setting(
        "relative",
        Choice(NORMALISATIONS),
        "weigh each loss relative to its value without any response, by the paper's formula as it stands "
        "(paper), or as a mean square (mean)",
        "objective",
    )

    @property
    def blobs(self) -> List[str]:
        """The layers that are read."""
        return [*(self.content_layers or {}), *(self.style_layers or {})]


@dataclass(frozen=True)
class FromNoiseSettings(TransferSettings):
    """The settings of `texture` and `reconstruct`: one of the two pictures, from noise."""

    init: PictureLike = changed(RunSettings, "init", default="noise")
