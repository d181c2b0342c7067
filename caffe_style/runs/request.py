"""Requests for a run, and the precedence of their sources.

In order of precedence the sources are the command line, a preset, the picture of `--like` or the checkpoint of
`--resume`, the model's own values, and the defaults. The first three are requests, merged by `Request.over`.
The last two are filled in by `Settings.for_model` and `Settings` itself.
"""

from __future__ import annotations

import os
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ..scene.styles import Style
from ..settings.commands import COMMANDS

#: Settings of which a run has at most one: asking for one drops another source's other.
RIVALS = ("regions", "segments")
#: Arguments of `open_network` that depend on the machine, not on the model.
_OF_MACHINE = ("backend", "device", "seed")


class Request(NamedTuple):
    """The request of one source for a run. Values that are None or missing are taken from the next source.

    Attributes
    ----------
    command : str
        One of `caffe_style.settings.commands.COMMANDS`.
    content : str or None
        File of the content picture.
    styles : tuple of Style
        Style pictures.
    network : dict
        Arguments of `open_network`.
    threads : int or None
        Number of threads.
    settings : dict
        Values of the command's settings.
    output : str or None
        File of the picture to write.

    Examples
    --------
    >>> asked = Request("transfer", settings={"size": 256})
    >>> preset = Request("transfer", settings={"size": 512, "iterations": 100})
    >>> asked.over(preset).settings["size"]
    256
    """

    command: str
    content: Optional[str] = None
    styles: Tuple[Style, ...] = ()
    network: Dict[str, Any] = {}
    threads: Optional[int] = None
    settings: Dict[str, Any] = {}
    output: Optional[str] = None

    def over(self, other: Request) -> Request:
        """Return this request, with missing values taken from another one.

        If this request names a model, the other's layers, weights, pooling and mean are ignored, since they
        belong to the model that the other one names. If this one names regions, the other's segments are
        ignored, and the other way round.
        """
        network, settings = other.network, other.settings
        if "model" in self.network and "model" in other.network:
            network = {name: network[name] for name in _OF_MACHINE if name in network}
            of_model = [one.name for one in COMMANDS[self.command].list() if one.of_model]
            settings = {name: settings[name] for name in settings if name not in of_model}
        if any(name in self.settings for name in RIVALS):
            settings = {name: settings[name] for name in settings if name not in RIVALS}
        return Request(
            self.command,
            self.content if self.content is not None else other.content,
            self.styles or other.styles,
            {**network, **self.network},
            self.threads or other.threads,
            {**settings, **self.settings},
            self.output if self.output is not None else other.output,
        )

    def inputs(self) -> List[str]:
        """Return the names of the files that the run reads."""
        named = [self.content, self.settings.get("init"), self.settings.get("like")]
        named += self.settings.get("segments") or []
        for style in self.styles:
            named += style.files()
        return [name for name in named if isinstance(name, (str, os.PathLike))]
