"""What a run is asked to make, and who decides where several say something.

The command line goes before a preset, a preset before the picture that `--like` names or the checkpoint that
`--resume` names, these before the model's own values, and those before the defaults. The first three are
requests, merged by `Request.over`; the last two are filled in by `Settings.for_model` and `Settings` itself.
"""

from __future__ import annotations

import os
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ..scene.styles import Style
from ..settings.commands import COMMANDS

#: What `open_network` takes that belongs to the machine, not to the model.
_OF_MACHINE = ("backend", "device", "seed")


class Request(NamedTuple):
    """What one source says of a run; None and what is missing are left to the next.

    Attributes
    ----------
    command : str
        One of `caffe_style.settings.commands.COMMANDS`.
    content : str or None
    styles : tuple of Style
    network : dict
        Arguments of `open_network`.
    threads : int or None
    settings : dict
        Of the command's settings class.
    output : str or None
        The picture to write.
    """

    command: str
    content: Optional[str] = None
    styles: Tuple[Style, ...] = ()
    network: Dict[str, Any] = {}
    threads: Optional[int] = None
    settings: Dict[str, Any] = {}
    output: Optional[str] = None

    def over(self, other: Request) -> Request:
        """Return this request, with what the other one says where this one is silent.

        Where both name a model, the other's layers, weights, pooling and mean do not hold: they belong to the
        model that it names.
        """
        network, settings = other.network, other.settings
        if "model" in self.network and "model" in other.network:
            network = {name: network[name] for name in _OF_MACHINE if name in network}
            of_model = [one.name for one in COMMANDS[self.command].list() if one.of_model]
            settings = {name: settings[name] for name in settings if name not in of_model}
        return Request(
            self.command,
            self.content if self.content is not None else other.content,
            self.styles or other.styles,
            {**network, **self.network},
            self.threads or other.threads,
            {**settings, **self.settings},
            self.output or other.output,
        )

    def inputs(self) -> List[str]:
        """Return the files that the run reads, as they were named."""
        named = [self.content, self.settings.get("init"), self.settings.get("like")]
        for style in self.styles:
            named += [style.picture, style.mask]
        return [name for name in named if isinstance(name, (str, os.PathLike))]
