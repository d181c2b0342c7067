"""Recipes: what it takes to make a picture again, as its metadata has it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Union

from .. import __version__
from ..backends.select import get_threads
from ..errors import ImageError
from ..networks.network import Network
from ..pictures import images
from ..scene.styles import Style, as_styles
from .settings import Settings

_FROM_NOISE = ("size", "iterations", "init", "tv_weight", "corrections", "bounds", "optimizer")
_FROM_NOISE += ("seed",)
#: What each command notes of its function's parameters, other than pictures.
SETTINGS = {
    "transfer": Settings._fields,
    "texture": Settings._fields,
    "reconstruct": Settings._fields,
    "element": ("layer", "i", "j", "magnitude", "resample") + _FROM_NOISE,
    "sparse": ("layers", "sigma", "density", "like", "resample") + _FROM_NOISE,
    "feature": ("layer", "channel", "decay") + _FROM_NOISE,
}
#: What is noted of every run: the arguments of `open_network`, and who computed.
_NETWORK = ("model", "backend", "device", "weights_file", "pooling", "mean")
_OTHERS = ("version", "threads", "network_seed", "content", "style", "experiment")
#: What is noted for those who read it, and follows from the rest.
_REMARKS = ("drawn", "statistics", "ended", "made_by")


def run_parameters(network: Network) -> Dict[str, Any]:
    """What the parameters of every run say of the network, JSON-able."""
    opened = {
        "model": network.name,
        "backend": network.backend,
        "pooling": network.model.pooling,
        "mean": list(network.model.mean),
        **network.opened,
    }
    seed = opened.pop("seed", 0)
    return {"version": __version__, "threads": get_threads(), **opened, "network_seed": seed}


class Recipe(NamedTuple):
    """How a picture was made.

    Attributes
    ----------
    picture : Path
    command : str
        Which command of `caffe-style` makes it; a key of `SETTINGS`.
    content : str or None
    styles : list of Style
        As they were named, which `locate` finds.
    network : dict
        For `open_network`.
    threads : int or None
    settings : dict
        For the command's function, as far as they are noted: for what is not, its defaults hold.
    ended : str or None
        What kept it from being finished.
    """

    picture: Path
    command: str
    content: Optional[str]
    styles: List[Style]
    network: Dict[str, Any]
    threads: Optional[int]
    settings: Dict[str, Any]
    ended: Optional[str]

    def locate(self, name: Optional[str]) -> Optional[str]:
        """Find a file that the recipe names: from the present folder, or else from the picture's.

        Raises
        ------
        ImageError
            If it is in neither, or never was a file.
        """
        if name is None or os.path.exists(name):
            return name
        if name == "array":
            raise ImageError(
                "%s was made from a picture that came as an array, not from a file: name one"
                % self.picture
            )
        beside = self.picture.parent / name
        if not beside.exists():
            raise ImageError(
                "%s was made from %s, which is not here: name the file to take, or go to the folder "
                "where it was made" % (self.picture, name)
            )
        return str(beside)


def read_recipe(path: Union[str, Path]) -> Recipe:
    """Read how a picture was made from its metadata.

    Raises
    ------
    ImageError
        If it was not made by us, or not by one run, or by a version that knew more.
    """
    return recipe_of(images.read_metadata(path), path)


def recipe_of(noted: Dict[str, Any], path: Union[str, Path]) -> Recipe:
    """As `read_recipe`, of metadata that was read already."""
    check_ours(noted, path)
    if "figure" in noted:
        raise ImageError(
            "%s is a contact sheet: `caffe-style figure %s` makes it, and its pictures have recipes"
            % (path, noted["figure"])
        )
    command = noted.get("experiment") or _command_of(noted)
    if command not in SETTINGS or "model" not in noted or "backend" not in noted:
        raise ImageError("%s does not say by which command it was made" % path)
    _check_known(noted, command, path)
    network = {name: noted[name] for name in _NETWORK if name in noted}
    network["seed"] = noted.get("network_seed", 0)
    return Recipe(
        Path(path),
        command,
        noted.get("content"),
        as_styles(noted.get("style")),
        network,
        noted.get("threads"),
        # What was drawn at random is drawn again, from the same seed.
        {
            name: noted[name]
            for name in SETTINGS[command]
            if name in noted and name not in noted.get("drawn", ())
        },
        noted.get("ended"),
    )


def check_ours(noted: Dict[str, Any], path: Union[str, Path]) -> None:
    """Raise ImageError for a picture without metadata."""
    if not noted:
        raise ImageError(
            "%s has no parameters in it: it was not made by caffe_style, or other software saved it anew"
            % path
        )


def _command_of(noted: Dict[str, Any]) -> Optional[str]:
    """Transfer and its two halves are told by their pictures."""
    content, style = noted.get("content"), noted.get("style")
    if content is None:
        return None if style is None else "texture"
    return "reconstruct" if style is None else "transfer"


def _check_known(noted: Dict[str, Any], command: str, path: Union[str, Path]) -> None:
    """Refuse what another version noted and this one would leave out; of the same version they are notes."""
    version = noted.get("version")
    if version == __version__:
        return
    known = SETTINGS[command] + _NETWORK + _OTHERS + _REMARKS
    unknown = [name for name in noted if name not in known]
    if unknown:
        raise ImageError(
            "%s was made by caffe_style %s with the parameter '%s', which %s does not know: update it"
            % (path, version or "of an unknown version", unknown[0], __version__)
        )
