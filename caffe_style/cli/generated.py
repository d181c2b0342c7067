"""`caffe-style element | sparse | feature`: textures that need no input picture."""

from __future__ import annotations

import argparse
from typing import Any

from . import running
from .options import add_settings
from .request import asked


def add_parser(commands: Any) -> None:
    """Add the three commands."""
    for name, help in (
        ("element", "make a texture from one entry of a Gram matrix"),
        ("sparse", "make a texture from random sparse Gram matrices"),
        ("feature", "make the picture that one feature map responds to most"),
    ):
        parser = commands.add_parser(name, help=help)
        add_settings(parser)
        running.add_run_options(parser)
        parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the picture."""
    import caffe_style

    from ..settings.commands import COMMANDS
    from .request import chosen_model

    request = asked(args)
    settings = COMMANDS[args.command].of(request.settings)
    network = {**request.network, "model": chosen_model(request.network)}
    # Layers of a concatenation have a slash in their names.
    output = "%s-%s.png" % (args.command, "-".join(settings.blobs).replace("/", "_"))
    if request.output is not None:
        output = request.output
    request = request._replace(network=network, output=output)

    def make(network: Any, step: Any) -> Any:
        experiment = getattr(caffe_style, args.command)
        return experiment(network, callback=step, **request.settings)

    return running.optimise(args, request, settings.iterations, make)
