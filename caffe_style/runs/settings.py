"""The settings of a transfer, with the model's defaults filled in."""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Optional, Union

from ..networks.network import Network
from ..scene.starts import Picture, name_of

Layers = Mapping[str, float]


class Settings(NamedTuple):
    """Parameters of `transfer.transfer` other than pictures and callback, which documents them."""

    size: int
    iterations: int
    init: Picture
    content_layers: Layers
    style_layers: Layers
    style_loss: str
    guides: str
    guide_count: int
    content_weight: float
    style_weight: float
    tv_weight: float
    normalisation: str
    style_scale: float
    colors: str
    scales: Union[int, str]
    tile: Optional[int]
    corrections: int
    bounds: bool
    optimizer: str
    seed: int

    def for_model(self, network: Network) -> Settings:
        """With the model's layers and weights in place of None.

        Raises
        ------
        LayerError
            For a layer that the network has not.
        """
        missing = {
            name: getattr(network.model, name)
            for name in (
                "content_layers",
                "style_layers",
                "content_weight",
                "style_weight",
                "tv_weight",
            )
            if getattr(self, name) is None
        }
        settings = self._replace(**missing)
        network.check_blobs(list(settings.content_layers) + list(settings.style_layers))
        return settings

    @property
    def blobs(self) -> list:
        """All layers that are read."""
        return list(self.content_layers) + list(self.style_layers)

    def parameters(self) -> Dict[str, Any]:
        """What metadata says, JSON-able."""
        return {
            **self._asdict(),
            "init": name_of(self.init),
            "content_layers": dict(self.content_layers),
            "style_layers": dict(self.style_layers),
        }
