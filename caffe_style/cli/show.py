"""`caffe-style show`: how a picture was made, and the command line that makes it again."""

from __future__ import annotations

import argparse
import inspect
import json
import shlex
from typing import Any, Iterator, List, Mapping, Optional, Tuple

#: Values of the network's options, in the order of the help.
_NETWORK = ("model", "weights_file", "pooling", "mean", "backend", "device", "threads", "seed")


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "show", help="print the parameters of a picture, and the command line that repeats it"
    )
    parser.add_argument("picture", help="a picture that caffe-style made")
    parser.add_argument("--json", action="store_true", help="print the parameters as JSON only")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the parameters and the command line."""
    from ..errors import CaffeStyleError
    from ..pictures import images
    from ..pictures.metadata import printable
    from ..runs.recipe import check_ours, recipe_of

    noted = images.read_metadata(args.picture)
    check_ours(noted, args.picture)
    if args.json:
        print(json.dumps(noted, indent=1))
        return 0
    width = max(map(len, map(printable, noted)))
    for name, value in noted.items():
        label = printable(name.replace("_", " ")).ljust(width)
        print("%s  %s" % (label, printable(in_words(value))))
    try:
        line = command_line(recipe_of(noted, args.picture).request)
    except CaffeStyleError as error:
        print("\n%s" % printable(str(error)))
    else:
        print("\n" + printable(" ".join(shlex.quote(part) for part in line)))
    return 0


def command_line(request: Any) -> List[str]:
    """Return the command that makes a request's picture again, as a list of arguments without defaults.

    Raises
    ------
    ImageError
        If no command line can make it.
    """
    from ..errors import ImageError
    from ..settings.kinds import Flag

    settings = request.settings
    given = [request.content, settings.get("init"), settings.get("like")]
    if "array" in [*given, *(settings.get("segments") or ())] or any(
        "array" in style.files() for style in request.styles
    ):
        raise ImageError("Its pictures were arrays, not files: no command line repeats it.")
    if request.network["seed"] != settings.get("seed", 0) and getattr(
        _model(request.network["model"]), "random", False
    ):
        raise ImageError(
            "Its random filters and its noise have different seeds: no command line repeats it."
        )
    line = ["caffe-style", request.command]
    line += [request.content] if request.content is not None else []
    styles = [_style(style) for style in request.styles]
    line += styles[:1]
    for style in styles[1:]:
        line += ["--style", style]
    for one, value in changed_settings(request):
        if isinstance(one.kind, Flag):
            line.append(one.option if value else one.option.replace("--", "--no-", 1))
        else:
            parts = value if one.kind.values > 1 else [one.kind.write(value)]
            line += [one.option, *map(str, parts)]
    return line + network_options(request)


def changed_settings(request: Any) -> Iterator[Tuple[Any, Any]]:
    """Yield each setting of a request that has an option and not the default, and its value."""
    from ..settings.commands import COMMANDS
    from ..settings.transfer import OPTIMIZERS

    model = _model(request.network["model"])
    for one in COMMANDS[request.command].list():
        value = request.settings.get(one.name)
        default = getattr(model, one.name, None) if one.of_model else one.default
        if one.name == "optimizer":
            default = OPTIMIZERS[0]
        elif one.name == "space":  # the default depends on other settings, too
            default = None
        known = default is not None and not one.required
        # The texts are compared, since the order of layers matters: losses are added in this order.
        same = known and value is not None and one.kind.write(value) == one.kind.write(default)
        # The seed, which has no group, is among the network's options.
        if value is not None and not same and one.group is not None:
            yield one, value


def network_options(request: Any) -> List[str]:
    """Return the options of `options.add_network_options`, in their order and without defaults."""
    from ..networks.network import open_network

    model = _model(request.network["model"])
    defaults = {name: p.default for name, p in inspect.signature(open_network).parameters.items()}
    # The model is always named, since the default depends on the weights on this machine.
    del defaults["model"]
    if model is not None:
        defaults.update(pooling=model.pooling, mean=list(model.mean))
    values = {**request.network, "seed": request.settings.get("seed"), "threads": request.threads}
    line = []
    for name in _NETWORK:
        value = values.get(name)
        if value is None or (name in defaults and value == defaults[name]):
            continue
        option = "--weights" if name == "weights_file" else "--" + name
        line += [option, ",".join(map(repr, value)) if isinstance(value, list) else str(value)]
    return line


def in_words(value: Any) -> str:
    """Return a parameter as readable text."""
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        return ", ".join("%s: %s" % (name, in_words(part)) for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(in_words, value))
    return str(value)


def _style(style: Any) -> str:
    parts = [str(style.picture)]
    parts += [str(mask) for mask in (style.mask, style.style_mask) if mask is not None]
    parts += [repr(style.weight)] if style.weight != 1 else []
    return ":".join(parts)


def _model(name: str) -> Optional[Any]:
    """Return the model of this name, or None if it is not on this machine."""
    from ..errors import CaffeStyleError
    from ..networks.zoo import get_model

    try:
        return get_model(name)
    except CaffeStyleError:
        return None
