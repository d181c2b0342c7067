"""The panels of the figures that show transfers, with a model's layers from shallow to deep."""

from __future__ import annotations

from typing import Any, Callable, Dict, List

from ...networks.zoo import Model
from ..presets import PURPOSES
from .panel import INPUTS, LOW, Panel, from_to

#: Weight of total variation in figure 13.
SMOOTH = 0.5

NETWORKS = ("vgg19", "vgg16", "alexnet", "caffenet", "googlenet", "squeezenet", "strokenet")


def style_space(model: Model) -> List[Panel]:
    """Figure 1: style weights."""
    weights = [(part, model.style_weight * part) for part in (0.1, 1.0, 10.0)]
    return INPUTS + [
        Panel("style weight x %g" % part, "transfer", {"style_weight": weight})
        for part, weight in weights
    ]


def several_styles(count: int) -> List[Panel]:
    """Figure 1 for several style pictures: each above its transfer, and all of them mixed."""
    names = ["style %d" % (place + 1) for place in range(count)]
    above = [Panel(name, "style", style=place) for place, name in enumerate(names)]
    below = [Panel("in " + name, "transfer", style=place) for place, name in enumerate(names)]
    return [INPUTS[0], *above, Panel("in all styles, mixed", "transfer", style=None), *below]


def networks(model: Model) -> List[Panel]:
    """Figure 2: networks."""
    return INPUTS + [Panel(name, "transfer", {}, name) for name in NETWORKS]


def starts(model: Model) -> List[Panel]:
    """Figure 3: initialisation."""
    inits = {
        "white noise": "noise",
        "pink noise": "coloured:1",
        "content": "content",
        "style": "style",
        "half content, half noise": "mix:0.5",
    }
    # By default, a run from noise would have several sizes.
    alike = {"style_weight": model.style_weight * LOW, "scales": 1}
    return INPUTS + [
        Panel("from " + name, "transfer", {"init": inits[name], **alike}) for name in inits
    ]


def partial(model: Model) -> List[Panel]:
    """Figure 4: full, low-weight and partial transfer."""
    # The shallow layers determine the colours, which come from the picture that these layers compare.
    layers = list(model.style_layers)
    shallow, deep = (dict.fromkeys(part, 1.0 / len(part)) for part in (layers[:2], layers[2:]))
    low = model.style_weight * LOW
    return INPUTS + [
        Panel("full transfer", "transfer", {}),
        Panel("style weight x %g" % LOW, "transfer", {"style_weight": low}),
        Panel(
            "style weight x %g, partial: content in %s, style in %s"
            % (LOW, from_to(shallow), from_to(deep)),
            "transfer",
            {"content_layers": shallow, "style_layers": deep, "style_weight": low},
        ),
        Panel(
            "partial: style in %s alone" % from_to(shallow), "transfer", {"style_layers": shallow}
        ),
    ]


def spatial(model: Model) -> List[Panel]:
    """Figure 8: spatial style."""
    kinds = ("gram", "spatial", "spatial-pairs")
    return (
        [INPUTS[0]]
        + [Panel("transfer, " + kind, "transfer", {"style_loss": kind}) for kind in kinds]
        + [INPUTS[1]]
        + [Panel("from noise, " + kind, "texture", {"style_loss": kind}) for kind in kinds]
    )


def between_photographs(purpose: str) -> Callable[[Model], List[Panel]]:
    """Figures 9 to 12: season and illumination, and the preset for this purpose."""

    def panels(model: Model) -> List[Panel]:
        starts = ("content", "style", "noise")
        alike = {"style_weight": model.style_weight * LOW, "scales": 1}
        ours = Panel("--preset " + purpose, "transfer", PURPOSES[purpose].transfer)
        return (
            INPUTS
            + [Panel("from " + init, "transfer", {"init": init, **alike}) for init in starts]
            + [ours]
        )

    return panels


def local(model: Model) -> List[Panel]:
    """Figure 13: local style."""
    # With less total variation, the losses of single pixels leave a pattern of single pixels.
    smoother = {"tv_weight": max(model.tv_weight, SMOOTH)}
    kinds: Dict[str, Dict[str, Any]] = {
        "gram": {},
        "windowed": {"style_loss": "windowed", **smoother},
        "pixelwise": {"style_loss": "pixelwise", **smoother},
        "regions": {"regions": "auto"},
    }
    low = model.style_weight * 0.01
    return (
        [INPUTS[0]]
        + [Panel(kind, "transfer", kinds[kind]) for kind in kinds]
        + [INPUTS[1]]
        + [
            Panel(
                "%s, style weight x 0.01" % kind,
                "transfer",
                {**kinds[kind], "style_weight": low},
            )
            for kind in kinds
        ]
    )


def covariation(model: Model) -> List[Panel]:
    """Figure 14: covariation and regions."""
    guided = {
        "the responses to the content": "content",
        "its own responses": "own",
        "kinds of content": "kinds",
    }
    return (
        INPUTS
        + [Panel("gram", "transfer", {})]
        + [
            Panel(
                "covariation, guided by " + by,
                "transfer",
                {"style_loss": "covariation", "guides": guided[by]},
            )
            for by in guided
        ]
        + [
            Panel("regions", "transfer", {"regions": "auto"}),
            Panel("regions, photoreal", "transfer", {"regions": "auto", "photoreal": 100.0}),
        ]
    )
