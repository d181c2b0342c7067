"""The panels of the figures that show textures of generated Gram matrices."""

from __future__ import annotations

from typing import List

from ...networks.zoo import Model
from .panel import Panel

#: Iterations between two draws of targets.
DRAW = 20


def entries(model: Model) -> List[Panel]:
    """Figure 5: single entries of Gram matrices, and feature maps."""
    layers = list(model.style_layers)
    panels = [
        Panel("entry of %s, seed %d" % (layer, seed), "element", {"layer": layer, "seed": seed})
        for seed in (0, 1)
        for layer in layers
    ]
    panels += [
        Panel(
            "entry of %s, anew every %d" % (layer, DRAW),
            "element",
            {"layer": layer, "resample": DRAW},
        )
        for layer in layers
    ]
    return panels + [
        Panel("feature map of %s" % layer, "feature", {"layer": layer}) for layer in layers
    ]


def sparse_layers(model: Model) -> List[Panel]:
    """Figure 6: random sparse Gram matrices of one layer."""
    layers = list(model.style_layers)
    panels = [Panel("sparse Gram, " + blob, "sparse", {"layers": {blob: 1.0}}) for blob in layers]
    return panels + [
        Panel(
            "%s, anew every %d" % (blob, DRAW), "sparse", {"layers": {blob: 1.0}, "resample": DRAW}
        )
        for blob in layers
    ]


def sparse_together(model: Model) -> List[Panel]:
    """Figure 7: random sparse Gram matrices of several layers."""
    layers = list(model.style_layers)
    # The paper's sets of layers, by their depth.
    sets = [[1, 2, 4], [1, 2, 3], [1, 4], [1, 2, 5]]
    together = (tuple(layers[depth - 1] for depth in some if depth <= len(layers)) for some in sets)
    return [
        Panel("sparse Grams of " + ", ".join(part), "sparse", {"layers": dict.fromkeys(part, 1.0)})
        for part in dict.fromkeys(together)
    ]
