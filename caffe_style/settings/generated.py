"""The settings of `element`, `sparse` and `feature`, which need no input picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional

from .base import REQUIRED, changed, setting
from .kinds import Kind, Layers, LayerWeights, Number, PictureLike
from .picture_kinds import File
from .transfer import RunSettings

_RESAMPLE = "draw new targets every N iterations"
_WHEN_BOUNDED = "yes, except with --resample"
#: Without a picture to resemble, nothing hides that a mirrored margin is symmetric.
_TILEABLE = {"default": None, "shown": "yes, unless --margin is 0", "before": False}


@dataclass(frozen=True)
class GramSettings(RunSettings):
    """The settings of a texture of generated Gram matrices."""

    init: PictureLike = changed(RunSettings, "init", default="noise")
    tileable: Optional[bool] = changed(RunSettings, "tileable", **_TILEABLE)
    bounds: Optional[bool] = changed(RunSettings, "bounds", default=None, shown=_WHEN_BOUNDED)
    resample: Optional[int] = setting(
        None, Number(int, 1, 10**6), _RESAMPLE, "objective", shown="never; 1 without N", bare=1
    )
    tv_weight: float = setting(
        0.5,
        Number(float, 0),
        "weight of total variation: a larger value gives a smoother picture",
        "objective",
    )


@dataclass(frozen=True)
class ElementSettings(GramSettings):
    """The settings of a texture of one entry of a Gram matrix (paper, Figure 5)."""

    layer: str = setting(REQUIRED, Kind(), "the layer of the Gram matrix", "objective")
    i: Optional[int] = setting(None, Number(int), "row of the entry", "objective", shown="random")
    j: Optional[int] = setting(
        None, Number(int), "column of the entry", "objective", shown="random"
    )
    magnitude: Optional[float] = setting(
        None,
        Number(float),
        "value of the entry, a mean product of two responses",
        "objective",
        shown="4000 times the power of its two feature maps",
    )

    @property
    def blobs(self) -> List[str]:
        """Names of the layers that are read."""
        return [self.layer]


@dataclass(frozen=True)
class SparseSettings(GramSettings):
    """The settings of a texture of random sparse Gram matrices (paper, Figures 6 and 7)."""

    layers: Layers = setting(
        REQUIRED, LayerWeights(), "the layers of the Gram matrices", "objective"
    )
    sigma: Optional[float] = setting(
        None,
        Number(float),
        "standard deviation of the entries, which are |N(0, sigma)|",
        "objective",
    )
    density: Optional[float] = setting(
        None, Number(float), "fraction of the entries that are not zero, in (0, 1]", "objective"
    )
    like: Optional[PictureLike] = setting(
        None, File(), "take sigma and density of each layer from this picture", "objective"
    )

    @property
    def blobs(self) -> List[str]:
        """Names of the layers that are read."""
        return list(self.layers)


@dataclass(frozen=True)
class FeatureSettings(RunSettings):
    """The settings of the picture that one feature map responds to most (paper, section 6)."""

    init: PictureLike = changed(RunSettings, "init", default="noise")
    tileable: Optional[bool] = changed(RunSettings, "tileable", **_TILEABLE)
    layer: str = setting(REQUIRED, Kind(), "the layer of the feature map", "objective")
    channel: Optional[int] = setting(
        None, Number(int), "number of the feature map, from 0", "objective", shown="random"
    )
    decay: float = setting(
        0.25,
        Number(float, 0),
        "weight of low contrast: a larger value gives less contrast",
        "objective",
    )
    tv_weight: float = setting(
        0.25,
        Number(float, 0),
        "weight of total variation: a larger value gives a smoother picture",
        "objective",
    )

    @property
    def blobs(self) -> List[str]:
        """Names of the layers that are read."""
        return [self.layer]
