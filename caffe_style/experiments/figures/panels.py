"""The table of the paper's figures and their panels."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple

from ...errors import OptionError
from ...networks.zoo import Model


class Panel(NamedTuple):
    """One picture of a figure.

    Attributes
    ----------
    label : str
        Text below the picture.
    experiment : str
        "content" or "style" for these pictures themselves; otherwise a function of this package: "transfer",
        "texture", "element", "sparse" (with the style picture's statistics) or "feature".
    parameters : dict
        Parameters of the function.
    model : str
        Name of the model; empty for the figure's model.
    """

    label: str
    experiment: str
    parameters: Dict[str, Any] = {}
    model: str = ""


class Figure(NamedTuple):
    """A figure of the paper.

    Attributes
    ----------
    title : str
    columns : int
        Pictures in a row.
    panels : callable
        `panels(model) -> list of Panel`, with the model's layers from shallow to deep.
    """

    title: str
    columns: int
    panels: Callable[[Model], List[Panel]]


INPUTS = [Panel("content", "content"), Panel("style", "style")]

#: Factor of the style weight. At the models' own weight, pictures made from noise hardly show the content.
LOW = 0.1

NETWORKS = ("vgg19", "vgg16", "alexnet", "caffenet", "googlenet", "squeezenet", "strokenet")


def _style_space(model: Model) -> List[Panel]:
    weights = [(part, model.style_weight * part) for part in (0.1, 1.0, 10.0)]
    return INPUTS + [
        Panel("style weight x %g" % part, "transfer", {"style_weight": weight})
        for part, weight in weights
    ]


def _networks(model: Model) -> List[Panel]:
    return INPUTS + [Panel(name, "transfer", {}, name) for name in NETWORKS]


def _starts(model: Model) -> List[Panel]:
    inits = {
        "white noise": "noise",
        "pink noise": "coloured:1",
        "content": "content",
        "style": "style",
        "half content, half noise": "mix:0.5",
    }
    low = model.style_weight * LOW
    return INPUTS + [
        Panel("from " + name, "transfer", {"init": inits[name], "style_weight": low})
        for name in inits
    ]


def _partial(model: Model) -> List[Panel]:
    # The shallow layers determine the colours, which come from the picture that these layers compare.
    layers = list(model.style_layers)
    shallow, deep = (dict.fromkeys(part, 1.0 / len(part)) for part in (layers[:2], layers[2:]))
    low = model.style_weight * LOW
    return INPUTS + [
        Panel("full transfer", "transfer", {}),
        Panel("style weight x %g" % LOW, "transfer", {"style_weight": low}),
        Panel(
            "style weight x %g, partial: content in %s, style in %s"
            % (LOW, _range(shallow), _range(deep)),
            "transfer",
            {"content_layers": shallow, "style_layers": deep, "style_weight": low},
        ),
        Panel(
            "partial: style in %s alone" % _range(shallow), "transfer", {"style_layers": shallow}
        ),
    ]


def _entries(model: Model) -> List[Panel]:
    layers = list(model.style_layers)
    panels = [
        Panel("entry of %s, seed %d" % (layer, seed), "element", {"layer": layer, "seed": seed})
        for seed in (0, 1)
        for layer in layers
    ]
    panels += [
        Panel("entry of %s, anew every 5" % layer, "element", {"layer": layer, "resample": 5})
        for layer in layers
    ]
    return panels + [
        Panel("feature map of %s" % layer, "feature", {"layer": layer}) for layer in layers
    ]


def _sparse_layers(model: Model) -> List[Panel]:
    layers = list(model.style_layers)
    panels = [Panel("sparse Gram, " + blob, "sparse", {"layers": {blob: 1.0}}) for blob in layers]
    return panels + [
        Panel("%s, anew every 5" % blob, "sparse", {"layers": {blob: 1.0}, "resample": 5})
        for blob in layers
    ]


def _sparse_together(model: Model) -> List[Panel]:
    layers = list(model.style_layers)
    several = [dict.fromkeys(layers[: count + 1], 1.0) for count in range(1, len(layers))]
    return [Panel("sparse Grams, " + _range(part), "sparse", {"layers": part}) for part in several]


def _spatial(model: Model) -> List[Panel]:
    kinds = ("gram", "spatial", "spatial-pairs")
    return (
        [INPUTS[0]]
        + [Panel("transfer, " + kind, "transfer", {"style_loss": kind}) for kind in kinds]
        + [INPUTS[1]]
        + [Panel("from noise, " + kind, "texture", {"style_loss": kind}) for kind in kinds]
    )


def _three_starts(model: Model) -> List[Panel]:
    starts = ("content", "style", "noise")
    low = model.style_weight * LOW
    return INPUTS + [
        Panel("from " + init, "transfer", {"init": init, "style_weight": low}) for init in starts
    ]


def _local(model: Model) -> List[Panel]:
    kinds = ("gram", "windowed", "pixelwise")
    low = model.style_weight * 0.01
    return (
        [INPUTS[0]]
        + [Panel(kind, "transfer", {"style_loss": kind}) for kind in kinds]
        + [INPUTS[1]]
        + [
            Panel(
                "%s, style weight x 0.01" % kind,
                "transfer",
                {"style_loss": kind, "style_weight": low},
            )
            for kind in kinds
        ]
    )


def _covariation(model: Model) -> List[Panel]:
    guides = {"the content picture's": "content", "the picture's own": "own"}
    return (
        INPUTS
        + [Panel("gram", "transfer", {})]
        + [
            Panel(
                "covariation, guides %s" % whose,
                "transfer",
                {"style_loss": "covariation", "guides": guides[whose]},
            )
            for whose in guides
        ]
    )


_SEASONS = Figure(
    "Season and illumination from three starts, at %g of the style weight" % LOW, 5, _three_starts
)

FIGURES: Dict[int, Figure] = {
    1: Figure("Content and style", 5, _style_space),
    2: Figure("Networks", 3, _networks),
    3: Figure("Initialisation, at %g of the style weight" % LOW, 4, _starts),
    4: Figure("Full, low-weight and partial style transfer", 3, _partial),
    5: Figure("Single entries of Gram matrices, and feature maps", 5, _entries),
    6: Figure("Random sparse Gram matrices as sparse as the style picture's", 5, _sparse_layers),
    7: Figure("Random sparse Gram matrices of several layers together", 4, _sparse_together),
    8: Figure("Spatial style against Gram: transfer, and from noise", 4, _spatial),
    # The paper shows four pairs of pictures. Here each of the figures shows the given pair.
    9: _SEASONS,
    10: _SEASONS,
    11: _SEASONS,
    12: _SEASONS,
    13: Figure("Local style: a Gram matrix of the picture, a window, a pixel", 4, _local),
    14: Figure("Covariation of style with content", 5, _covariation),
}

#: Figures that `figure all` makes: one of each kind.
DIFFERENT = [number for number in FIGURES if number not in (10, 11, 12)]


def get_figure(number: int) -> Figure:
    """Return a figure of the paper.

    Raises
    ------
    OptionError
        If the paper has no such figure.
    """
    if number not in FIGURES:
        raise OptionError("there is no figure %s: 1 to %d, or all" % (number, len(FIGURES)))
    return FIGURES[number]


def _range(layers: Any) -> str:
    names = list(layers)
    return names[0] if len(names) == 1 else "%s to %s" % (names[0], names[-1])
