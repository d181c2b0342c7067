"""The settings of every run, and those of `transfer`, `texture` and `reconstruct`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Optional, Union

from .base import Settings, changed, setting
from .choices import COLORS, GUIDES, LAYER_WEIGHTS, MARGIN, NORMALISATIONS, OPTIMIZERS, SPACES
from .kinds import Choice, Flag, Layers, LayerWeights, Number, PictureLike, Regions, Scales
from .picture_kinds import Pair, Start
from .style_layers import StyleLayers, every_layer, geometric
from .style_losses import STYLE_LOSSES


@dataclass(frozen=True)
class RunSettings(Settings):
    """The settings of every run."""

    size: int = setting(512, Number(int, 16, 65536), "long edge in pixels", "picture")
    iterations: int = setting(200, Number(int, 1, 10**6), "steps of L-BFGS", "picture")
    init: PictureLike = setting(
        "content",
        Start(),
        "picture to start from: noise[:STD], coloured:EXPONENT, mean:STD (noise around the network's mean), "
        "content, style, mix:PART (content with this fraction of noise) or a file",
        "picture",
    )
    margin: Optional[int] = setting(
        None,
        Number(int, 0, 512),
        "pixels by which the network reads the picture beyond its borders, where it is mirrored; 0 leaves a "
        "frame of artefacts, and takes less time",
        "picture",
        shown=str(MARGIN),
        before=0,
    )
    tileable: Optional[bool] = setting(
        False,
        Flag(),
        "make a seamless picture: its margin is its opposite side",
        "picture",
        shown="no",
    )
    optimizer: Optional[str] = setting(
        None,
        Choice(OPTIMIZERS),
        "L-BFGS of SciPy on the host (scipy), or our own on the backend's device, which is faster (device)",
        "optimiser",
        shown="scipy; device with a checkpoint",
    )
    corrections: int = setting(
        10, Number(int, 1, 100), "number of past steps that L-BFGS remembers", "optimiser"
    )
    bounds: Optional[bool] = setting(
        False,
        Flag(),
        "keep pixels within 0..255 during the optimisation (slower, in the space of pixels)",
        "optimiser",
        shown="no",
    )
    # The option --seed also belongs to the network, for random filters.
    seed: int = setting(
        0, Number(int, 0, 2**63 - 1), "seed of the noise and of random filters", None
    )


@dataclass(frozen=True)
class TransferSettings(RunSettings):
    """The settings of a transfer (paper, sections 2 to 5)."""

    style_scale: float = setting(
        1.0, Number(float, 0.05, 20), "size of the strokes: above 1 they are larger", "picture"
    )
    colors: str = setting(
        "style",
        Choice(COLORS),
        "source of the colours: style, content (only the luminance is optimised), or match (the style picture "
        "first gets the content's colours)",
        "picture",
    )
    scales: Union[int, str, None] = setting(
        None,
        Scales(),
        "number of sizes from coarse to fine, up to --size; auto begins at about 256 pixels, or at 90 for "
        "neighbours",
        "picture",
        shown="1; auto from noise and for neighbours",
        before=1,
    )
    space: Optional[str] = setting(
        None,
        Choice(SPACES),
        "space in which L-BFGS works: pixels, smooth (coarse forms first) or whitened (also in the style's "
        "colours)",
        "optimiser",
        of_model=True,
        before="pixels",
    )
    tile: Optional[int] = setting(
        None,
        Number(int, 1, 65536),
        "evaluate in tiles of this many pixels, to save memory",
        "picture",
        shown="only if the picture would not fit",
    )
    content_layers: Optional[Layers] = setting(
        None, LayerWeights(), "layers that represent the content", "objective", of_model=True
    )
    style_layers: Union[Layers, str, None] = setting(
        None,
        StyleLayers(),
        "layers that represent the style; all for every convolution, with equal weights",
        "objective",
        of_model=True,
    )
    layer_weights: str = setting(
        "given",
        Choice(LAYER_WEIGHTS),
        "weights of the layers: as given, or also halved from each style layer to the next (geometric)",
        "objective",
    )
    style_loss: str = setting(
        "gram",
        Choice(tuple(STYLE_LOSSES)),
        "representation of the style: one of " + ", ".join(STYLE_LOSSES),
        "objective",
    )
    guides: str = setting(
        "content",
        Choice(GUIDES, "|".join(GUIDES)),
        "for covariation: source of the guides: the content layers' responses to the content picture (content) "
        "or to the result (own), or kinds of content that both pictures have (kinds)",
        "objective",
    )
    guide_count: int = setting(
        8, Number(int, 1, 4096), "for covariation: number of kinds of content", "objective"
    )
    shift: bool = setting(
        False,
        Flag(),
        "for gram and chained: subtract from each layer's responses their mean over the style picture",
        "objective",
        shown="no",
    )
    rematch: int = setting(
        20,
        Number(int, 1, 10**6),
        "for neighbours and wasserstein: find similar places, or draw directions, anew every N iterations",
        "objective",
    )
    regions: Union[int, str, None] = setting(
        None,
        Regions(),
        "give each kind of content the style of the same kind: number of kinds to find in both pictures, or "
        "auto for 2 to 6",
        "objective",
    )
    segments: Optional[List[PictureLike]] = setting(
        None,
        Pair(),
        "like regions, with kinds drawn by hand: a coloured picture for the content and one for the style; "
        "equal colours mark the same kind",
        "objective",
    )
    content_weight: Optional[float] = setting(
        None, Number(float, 0), "total weight of the content terms", "objective", of_model=True
    )
    style_weight: Optional[float] = setting(
        None,
        Number(float, 0),
        "total weight of the style terms",
        "objective",
        shown="the model's; 4 for neighbours",
        of_model=True,
    )
    tv_weight: Optional[float] = setting(
        None,
        Number(float, 0),
        "weight of total variation: a larger value gives a smoother picture",
        "objective",
        of_model=True,
        shown="the model's; 0 unless the normalisation is relative",
    )
    photoreal: float = setting(
        0.0,
        Number(float, 0),
        "weight of the matting Laplacian, which keeps the photograph's lines and textures: 100 is a good value",
        "objective",
    )
    closing_radius: int = setting(
        8,
        Number(int, 0, 1000),
        "for photoreal: radius in pixels of the guided filter that smooths the finished picture within the "
        "photograph's edges; 0 for none",
        "objective",
    )
    closing_epsilon: float = setting(
        1e-4,
        Number(float, 1e-9, 1),
        "for photoreal: variance of the luminance (0..1) below which the guided filter smooths",
        "objective",
    )
    normalisation: str = setting(
        "relative",
        Choice(NORMALISATIONS),
        "scale of each loss: relative to its value for zero responses (relative), unchanged from the paper's "
        "formula (paper), or a mean square (mean)",
        "objective",
    )

    def for_model(self, network: Any) -> TransferSettings:
        """Return settings with the model's own values in place of None, and each layer and weight named."""
        named = self.replace(style_layers=every_layer(self.style_layers, network))
        settings = super(TransferSettings, named).for_model(network)
        if settings.layer_weights == "given":
            return settings
        order = list(network.net.blobs)
        return settings.replace(
            style_layers=geometric(settings.style_layers, order, 0.5),
            content_layers=geometric(settings.content_layers, order, 2.0),
            layer_weights="given",
        )

    @property
    def kinds(self) -> Union[int, str, None]:
        """Number of kinds of content to find in both pictures, or "auto"; None for none."""
        if self.style_loss == "covariation" and self.guides == "kinds":
            return self.guide_count
        return self.regions

    @property
    def blobs(self) -> List[str]:
        """Names of the layers that are read."""
        return [*(self.content_layers or {}), *(self.style_layers or {})]


@dataclass(frozen=True)
class FromNoiseSettings(TransferSettings):
    """The settings of `texture` and `reconstruct`, which use one of the two pictures and start from noise."""

    init: PictureLike = changed(RunSettings, "init", default="noise")
