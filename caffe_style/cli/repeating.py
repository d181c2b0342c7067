"""--like: a picture's own parameters, for what the command line leaves open."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, Dict, List, Optional, Tuple

#: What another model leaves as it was.
_OF_MACHINE = ("backend", "device", "seed")
#: What a model has its own of: with another one, the picture's do not hold.
_OF_MODEL = ("content_layers", "style_layers", "content_weight", "style_weight", "tv_weight")


def add_like_option(parser: argparse.ArgumentParser) -> None:
    """--like."""
    parser.add_argument(
        "--like",
        metavar="PICTURE",
        help="take parameters and pictures from this one's metadata; what is on the command line goes first",
    )


def repeat(
    args: argparse.Namespace, content: Optional[str], styles: Optional[List[Any]]
) -> Tuple[Optional[str], Optional[List[Any]], Dict[str, Any], Dict[str, Any]]:
    """Read the picture that --like names.

    What the command line leaves open of the network and threads is set in `args`.

    Returns
    -------
    content, styles
        Those of the command line, or else the picture's.
    settings : dict
        For the command's function.
    network : dict
        For `open_network`: what has no place in `args`.

    Raises
    ------
    ImageError, OptionError
    """
    from ..errors import OptionError
    from ..runs.recipe import read_recipe
    from ..scene.starts import is_picture

    if args.resume is not None:
        raise OptionError("--resume and --like say different things: leave one out")
    recipe = read_recipe(args.like)
    if recipe.command != args.command:
        raise OptionError(
            "%s was made by `caffe-style %s`, not %s: `caffe-style show %s` says how"
            % (args.like, recipe.command, args.command, args.like)
        )
    if content is None:
        content = recipe.locate(recipe.content)
    if styles is None:
        styles = [
            style._replace(picture=recipe.locate(style.picture), mask=recipe.locate(style.mask))
            for style in recipe.styles
        ]
    settings, network = dict(recipe.settings), dict(recipe.network)
    init = settings.get("init", "content")
    if not hasattr(args, "init") and (is_picture(init) or init == "array"):
        settings["init"] = recipe.locate(init)
    if args.model is None:
        args.model = network.pop("model")
        if args.weights is None:
            network["weights_file"] = recipe.locate(network.get("weights_file"))
    else:
        settings = {name: value for name, value in settings.items() if name not in _OF_MODEL}
        network = {name: network[name] for name in _OF_MACHINE if name in network}
    args.threads = args.threads or recipe.threads
    if recipe.ended is not None and not args.quiet:
        print("caffe-style: %s was %s" % (args.like, recipe.ended), file=sys.stderr)
    return content, styles or None, settings, network


def check_output(args: argparse.Namespace, output: str) -> None:
    """Refuse to write over the picture that --like names, unless asked to.

    Raises
    ------
    OptionError
    """
    from ..errors import OptionError

    if args.like is None or args.output is not None or not os.path.exists(output):
        return
    if os.path.samefile(output, args.like):
        raise OptionError("this would replace %s: name another picture with -o" % args.like)
