"""`caffe-style show`: how a picture was made, and the command line that makes it again."""

from __future__ import annotations

import argparse
import inspect
import json
import shlex
from typing import Any, Dict, List, Mapping


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "show", help="the parameters of a picture, and the command line that repeats it"
    )
    parser.add_argument("picture", help="one that caffe-style made")
    parser.add_argument("--json", action="store_true", help="the parameters as JSON, nothing else")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print them."""
    from ..errors import CaffeStyleError
    from ..pictures import images
    from ..runs.recipe import check_ours, recipe_of

    noted = images.read_metadata(args.picture)
    check_ours(noted, args.picture)
    if args.json:
        print(json.dumps(noted, indent=1))
        return 0
    width = max(map(len, noted))
    for name, value in noted.items():
        print("%s  %s" % (name.replace("_", " ").ljust(width), in_words(value)))
    try:
        line = command_line(recipe_of(noted, args.picture))
    except CaffeStyleError as error:
        print("\n%s" % error)
    else:
        print("\n" + " ".join(shlex.quote(part) for part in line))
    return 0


def command_line(recipe: Any) -> List[str]:
    """The command that makes a recipe's picture again, as a list of arguments; what are defaults is left out.

    Raises
    ------
    ImageError
        When no command line can say it.
    """
    from ..errors import ImageError

    settings = recipe.settings
    if "array" in (recipe.content, settings.get("init"), settings.get("like")) or any(
        "array" in (style.picture, style.mask) for style in recipe.styles
    ):
        raise ImageError("Its pictures came as arrays, not from files: no command line repeats it.")
    if recipe.network["seed"] != settings.get("seed", 0) and _drawn(recipe.network["model"]):
        raise ImageError(
            "Its random filters and its noise have seeds of their own: no command line repeats it."
        )
    line = ["caffe-style", recipe.command]
    line += [recipe.content] if recipe.content is not None else []
    styles = [_style(style) for style in recipe.styles]
    line += styles[:1]
    for style in styles[1:]:
        line += ["--style", style]
    own = _defaults_of_model(recipe.network["model"])
    defaults = {**own, **_defaults(recipe.command)}
    defaults.update((name, value) for name, value in own.items() if defaults[name] is None)
    stated = {**recipe.network, "threads": recipe.threads, **settings}
    for name, value in stated.items():
        # As texts, in which the order of layers counts: the losses add up in it.
        if value is None or (name in defaults and _value(value) == _value(defaults[name])):
            continue
        if name == "weights_file":
            name = "weights"
        option = ("-" if len(name) == 1 else "--") + name.replace("_", "-")
        if isinstance(value, bool):
            line.append(option if value else option.replace("--", "--no-", 1))
        else:
            line += [option, _value(value)]
    return line


def in_words(value: Any) -> str:
    """A parameter for people to read."""
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        return ", ".join("%s: %s" % (name, in_words(part)) for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(in_words, value))
    return str(value)


def _value(value: Any) -> str:
    """A value as the options read it."""
    if isinstance(value, Mapping):
        return ",".join("%s:%r" % item for item in value.items())
    if isinstance(value, list):
        return ",".join(map(repr, value))
    return str(value)


def _style(style: Any) -> str:
    parts = [str(style.picture)]
    parts += [str(style.mask)] if style.mask is not None else []
    parts += [repr(style.weight)] if style.weight != 1 else []
    return ":".join(parts)


def _defaults(command: str) -> Dict[str, Any]:
    """What a command's functions take where they are told nothing."""
    from ..experiments import feature, generated
    from ..experiments.transfer import transfer
    from ..networks.network import open_network
    from ..optimise.minimise import OPTIMIZERS
    from ..runs import from_noise

    textures = (from_noise.synthesise_from_noise, generated.synthesise_grams)
    functions = {
        "element": textures + (generated.element,),
        "sparse": textures + (generated.sparse,),
        "feature": textures[:1] + (feature.feature,),
    }.get(command, (transfer,))
    found: Dict[str, Any] = {}
    for function in (open_network,) + functions:
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.default is not parameter.empty:
                found[name] = parameter.default
    # The network is always named: which is the default depends on the weights that are there.
    del found["model"]
    if command in ("texture", "reconstruct"):
        found["init"] = "noise"
    return {**found, "optimizer": OPTIMIZERS[0]}


def _defaults_of_model(name: str) -> Dict[str, Any]:
    """What holds for a model where nothing else is said; nothing is known of one that is not here."""
    from ..errors import CaffeStyleError
    from ..networks.zoo import get_model

    try:
        model = get_model(name)
    except CaffeStyleError:
        return {}
    names = ("pooling", "content_layers", "style_layers")
    names += ("content_weight", "style_weight", "tv_weight")
    return {"mean": list(model.mean), **{name: getattr(model, name) for name in names}}


def _drawn(name: str) -> bool:
    from ..networks.zoo import get_model

    return get_model(name).random
