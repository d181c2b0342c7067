"""Recipes: how a picture was made, read from its metadata, so that it can be made again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Union

from .. import __version__
from ..backends.threads import get_threads
from ..errors import ImageError, OptionError
from ..networks.network import Network
from ..pictures import images
from ..pictures.metadata import check_run
from ..scene.starts import is_picture
from ..scene.styles import as_styles
from ..settings.commands import COMMANDS
from .request import RIVALS, Request

#: Parameters of every run: the arguments of `open_network`, and the backend.
_NETWORK = ("model", "backend", "device", "weights_file", "pooling", "mean")
_OTHERS = ("version", "threads", "network_seed", "content", "style", "experiment")
#: Parameters that are only informative, since they follow from the others.
_REMARKS = ("drawn", "statistics", "ended", "made_by")


def run_parameters(network: Network) -> Dict[str, Any]:
    """Return the parameters of the network that every run records, in values that JSON can hold."""
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
    """The recipe of a picture: how it was made.

    Attributes
    ----------
    picture : Path
    request : Request
        Request that makes the picture again, with its files as they were named and its recorded settings.
    ended : str or None
        Why the run ended early, if it did.
    """

    picture: Path
    request: Request
    ended: Optional[str]

    def located(self, asked: Request) -> Request:
        """Return the request with its files located, except those that the request `asked` names.

        Raises
        ------
        ImageError
                If a file is not found.
        """
        content, styles, network = self.request.content, self.request.styles, self.request.network
        settings = dict(self.request.settings)
        if asked.content is None:
            content = self.locate(content)
        if not asked.styles:
            styles = tuple(style.with_files(self.locate) for style in styles)
        init = settings.get("init", "content")
        if "init" not in asked.settings and (is_picture(init) or init == "array"):
            settings["init"] = self.locate(init)
        if settings.get("segments") and not {*RIVALS} & {*asked.settings}:
            settings["segments"] = [self.locate(name) for name in settings["segments"]]
        if not {"model", "weights_file"} & set(asked.network):
            network = {**network, "weights_file": self.locate(network.get("weights_file"))}
        return self.request._replace(
            content=content, styles=styles, network=network, settings=settings
        )

    def locate(self, name: Optional[str]) -> Optional[str]:
        """Find a file that the recipe names, relative to the current folder or else to the picture's.

        Raises
        ------
        ImageError
            If it is in neither folder, or was not given as a file.
        """
        if name is None or os.path.exists(name):
            return name
        if name == "array":
            raise ImageError(
                "%s was made from an array, not from a file: name a file" % self.picture
            )
        beside = self.picture.parent / name
        if not os.path.exists(beside):
            raise ImageError(
                "%s was made from %s, which is not here: name another file, or go to the folder "
                "where the picture was made" % (self.picture, name)
            )
        return str(beside)


def read_recipe(path: Union[str, Path]) -> Recipe:
    """Read how a picture was made from its metadata.

    Raises
    ------
    ImageError
        If the picture was not made by caffe_style, not by one run, or by a later version with more settings.
    """
    return recipe_of(images.read_metadata(path), path)


def recipe_of(noted: Dict[str, Any], path: Union[str, Path]) -> Recipe:
    """Return the recipe in metadata that have been read. The errors are those of `read_recipe`."""
    check_ours(noted, path)
    try:
        check_run(noted)
    except ValueError as error:
        raise ImageError("%s: its parameters are broken: %s" % (path, error)) from None
    if "figure" in noted:
        raise ImageError(
            "%s is a contact sheet of `caffe-style figure %s`: only its single pictures have recipes"
            % (path, noted["figure"])
        )
    command = noted.get("experiment") or _command_of(noted)
    if command not in COMMANDS or "model" not in noted or "backend" not in noted:
        raise ImageError("%s does not say by which command it was made" % path)
    _check_known(noted, command, path)
    network = {name: noted[name] for name in _NETWORK if name in noted}
    network["seed"] = noted.get("network_seed", 0)
    # Random parameters are drawn again from the same seed.
    drawn = noted.get("drawn", ())
    settings = {name: value for name, value in noted.items() if name not in drawn}
    try:
        request = Request(
            command,
            noted.get("content"),
            tuple(as_styles(noted.get("style"))),
            network,
            noted.get("threads"),
            COMMANDS[command].noted_in(settings),
        )
    except OptionError as error:
        raise ImageError("%s: its parameters are not those of a run: %s" % (path, error)) from None
    return Recipe(Path(path), request, noted.get("ended"))


def check_ours(noted: Dict[str, Any], path: Union[str, Path]) -> None:
    """Raise ImageError for a picture without metadata."""
    if not noted:
        raise ImageError(
            "%s has no parameters: it was not made by caffe_style, or another program has saved it again"
            % path
        )


def _command_of(noted: Dict[str, Any]) -> Optional[str]:
    """Return the command. Transfer, texture and reconstruct differ in the pictures that they have."""
    content, style = noted.get("content"), noted.get("style")
    if content is None:
        return None if style is None else "texture"
    return "reconstruct" if style is None else "transfer"


def _check_known(noted: Dict[str, Any], command: str, path: Union[str, Path]) -> None:
    """Raise ImageError for a parameter that another version recorded and this one does not know."""
    version = noted.get("version")
    if version == __version__:
        return
    known = (*COMMANDS[command].names(), *_NETWORK, *_OTHERS, *_REMARKS)
    unknown = [name for name in noted if name not in known]
    if unknown:
        raise ImageError(
            "%s was made by caffe_style %s with the parameter '%s', which %s does not know: update it"
            % (path, version or "of an unknown version", unknown[0], __version__)
        )
