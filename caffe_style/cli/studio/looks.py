"""The looks that are chosen by a small picture: the style losses and the presets.

`examples/draw_looks.py` draws the pictures, in the folder `looks`.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple

from ...experiments.presets import PRESETS, PURPOSES
from ...settings.style_losses import STYLE_LOSSES
from ...settings.transfer import TransferSettings

#: Title and description of the style losses, in the words of docs/pictures.md, and of a preset that is neither
#: for photographs nor of a program. A new style loss has its name only.
TITLES = {
    "gram": ("Strokes", "which responses occur together, at any position"),
    "gram-sum": ("Strokes, summed", "a larger painting asks for stronger responses"),
    "moments": ("Averages", "the mean and the covariance of the responses"),
    "spatial": ("Layout", "how the style is arranged over the picture"),
    "spatial-pairs": ("Layout of pairs", "the same for all pairs of feature maps"),
    "pixelwise": ("Each pixel", "the style of the same place in the painting"),
    "windowed": ("Each window", "the style around the same place in the painting"),
    "covariation": ("Kinds", "a style for each kind of content"),
    "chained": ("Strokes, chained", "which responses of two neighbouring layers occur together"),
    "wasserstein": ("Distributions", "the distribution of the responses along random directions"),
    "neighbours": ("Neighbours", "the most similar places of the painting"),
    "novak": ("Second paper", "all layers, shifted and chained (Novak & Nikulin 2016)"),
}


class Look(NamedTuple):
    """A look.

    Attributes
    ----------
    name : str
        Name of the preset or style loss; also that of the picture, ``looks/NAME.jpg``.
    title, text : str
        Title and description on the page.
    options : dict
        Options of the command line that give the look.
    settings : dict
        Settings that the look has, if they are not chosen.
    """

    name: str
    title: str
    text: str
    options: Dict[str, Any]
    settings: Dict[str, Any]


def _list() -> List[Look]:
    default = TransferSettings().style_loss
    found = []
    for name, loss in STYLE_LOSSES.items():
        title, text = TITLES.get(name, (name, "a style loss"))
        options = {} if name == default else {"style_loss": name}
        usual = {} if loss.style_weight is None else {"style_weight": loss.style_weight}
        found.append(Look(name, title, text, options, {**options, **usual}))
    for name, preset in {**PURPOSES, **PRESETS}.items():
        purpose = name in PURPOSES
        # "Author, program (framework)" for a program.
        title = preset.title if purpose else preset.title.partition(", ")[2].partition(" (")[0]
        text = (
            "for two photographs"
            if purpose
            else "as in %s; for trained networks, not strokenet" % preset.title
        )
        title, text = TITLES.get(name, (title, text))
        found.append(Look(name, title, text, {"preset": name}, preset.transfer))
    return found


LOOKS: Dict[str, Look] = {look.name: look for look in _list()}
