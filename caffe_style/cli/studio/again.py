"""Making a picture again: the form, filled in as it was for a picture."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

from ...experiments.presets import PRESETS, PURPOSES
from ...networks import zoo
from ...scene.starts import WORDS
from ...settings.transfer import TransferSettings
from ..show import changed_settings, network_options
from .form import written
from .looks import LOOKS

#: Function that returns the id of a file's picture, or None if the studio does not have it.
Find = Callable[[Optional[str]], Optional[str]]
#: Settings that may differ from those of a preset, of which the rest make the look.
_ADJUSTED = ("size", "iterations", "style_weight", "style_scale", "colors")
#: Options of the network that the form has, and those that depend on the machine.
_KNOWN = ("model", "backend", "seed", "threads")


def fill_in(request: Any, find: Find) -> Dict[str, Any]:
    """Return the form for the request of a picture, as the page fills it in.

    `left_out` names what the form does not have, such as masks.

    Parameters
    ----------
    request : Request
    find : callable

    Raises
    ------
    ModelError
        If the network is not on this machine.
    """
    look, settings = _look_of(request)
    left_out = _left_out(request, look)
    if "init" in left_out:
        settings.pop("init", None)
    return {
        "content": find(request.content),
        "styles": [
            {"id": find(str(style.picture)), "weight": style.weight} for style in request.styles
        ],
        "look": look,
        "model": request.network["model"],
        "backend": request.network["backend"],
        "settings": settings,
        "left_out": left_out,
    }


def _look_of(request: Any) -> Tuple[str, Dict[str, str]]:
    """Return the name of a picture's look, and the settings that differ from it, as the form shows them."""
    changed = {one.name: value for one, value in changed_settings(request)}
    # The form chooses the optimizer itself.
    changed.pop("optimizer", None)
    if request.settings.get("seed"):
        changed["seed"] = request.settings["seed"]
    given, everything = written(changed), written(request.settings)
    for name, preset in {**PURPOSES, **PRESETS}.items():
        settings = written(preset.settings(zoo.get_model(request.network["model"])))
        fixed = {key: text for key, text in settings.items() if key not in _ADJUSTED}
        # Metadata has lists for tuples.
        network = {key: list(one) if key == "mean" else one for key, one in preset.network.items()}
        if fixed.items() <= everything.items() and network.items() <= request.network.items():
            others = {key: text for key, text in given.items() if key not in settings}
            changed = {key for key in settings if everything[key] != settings[key]}
            return name, {**others, **{key: everything[key] for key in changed}}
    name = given.get("style_loss", TransferSettings().style_loss)
    usual = written(LOOKS[name].settings).items()
    return name, {key: text for key, text in given.items() if (key, text) not in usual}


def _left_out(request: Any, look: str) -> List[str]:
    found = []
    if any(style.mask or style.style_mask for style in request.styles):
        found.append("masks")
    if request.settings.get("segments"):
        found.append("segments")
    if str(request.settings.get("init", WORDS[0])).partition(":")[0] not in WORDS:
        found.append("init")
    known = [*_KNOWN, *(PRESETS[look].network if look in PRESETS else ())]
    options = [part[2:] for part in network_options(request) if part.startswith("--")]
    return found + [option for option in options if option not in known]
