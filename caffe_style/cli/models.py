"""`caffe-style models`: the known networks and their weights."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any, Dict, List, Sequence

if TYPE_CHECKING:
    from ..networks.zoo import Model


def add_parser(subparsers: Any) -> None:
    """Add ``models`` and its four commands.

    Parameters
    ----------
    subparsers : argparse action
        Return value of ``ArgumentParser.add_subparsers``.
    """
    parser = subparsers.add_parser(
        "models",
        help="list, show, fetch or add networks and their weights",
        description="The known networks and their weights.",
    )
    commands = parser.add_subparsers(dest="models_command", metavar="COMMAND", required=True)

    listing = commands.add_parser(
        "list", help="list all models, and whether their weights are on this machine"
    )
    listing.set_defaults(run=_list)

    show = commands.add_parser("show", help="show a model: source, licence, layers, weights")
    show.add_argument("name", metavar="MODEL", help="name of a model, or your prototxt or folder")
    show.set_defaults(run=_show)

    for command in (listing, show):
        command.add_argument("--json", action="store_true", help="print JSON")

    fetch = commands.add_parser("fetch", help="download weights, or continue a download")
    fetch.add_argument("name", metavar="MODEL")
    fetch.add_argument("--quiet", action="store_true", help="no progress bar")
    fetch.set_defaults(run=_fetch)

    add = commands.add_parser("add", help="add weights from a local caffemodel")
    add.add_argument("name", metavar="MODEL")
    add.add_argument("file", metavar="FILE", help="a .caffemodel; it is checked and copied")
    add.set_defaults(run=_add)


def _list(args: argparse.Namespace) -> int:
    from ..networks.zoo import list_models

    models = list_models()
    if args.json:
        print(json.dumps([_facts(model) for model in models], indent=1))
        return 0
    rows = [("MODEL", "WEIGHTS", "DOWNLOAD", "LICENCE", "NETWORK")]
    rows += [
        (model.name, _state(model), _megabytes(model), model.license, model.title)
        for model in models
    ]
    _print_table(rows)
    return 0


def _show(args: argparse.Namespace) -> int:
    from ..networks.zoo import get_model

    model = get_model(args.name)
    facts = _facts(model)
    if args.json:
        print(json.dumps(facts, indent=1))
        return 0
    _print_table([(key.replace("_", " "), _plain(value)) for key, value in facts.items() if value])
    if model.description:
        print("\n" + model.description)
    return 0


def _fetch(args: argparse.Namespace) -> int:
    from ..networks.install import fetch

    print(fetch(args.name, progress=not args.quiet and sys.stderr.isatty()))
    return 0


def _add(args: argparse.Namespace) -> int:
    from ..networks.install import add

    print(add(args.name, args.file))
    return 0


def _facts(model: Model) -> Dict[str, Any]:
    from ..networks.weights import record, weights_path

    path = weights_path(model)
    return {
        "name": model.name,
        "network": model.title,
        "prototxt": str(model.prototxt),
        "weights": str(path) if path else None,
        "state": _state(model),
        "sha256": record(model).get("sha256") if path else None,
        "source": list(model.urls),
        "checksum": model.checksum,
        "size": model.size,
        "license": model.license,
        "mean_bgr": list(model.mean),
        "content_layers": model.content_layers,
        "style_layers": model.style_layers,
        "content_weight": model.content_weight,
        "style_weight": model.style_weight,
        "tv_weight": model.tv_weight,
        "space": model.space,
        "pooling": model.pooling,
    }


def _state(model: Model) -> str:
    from ..networks.weights import weights_path

    if model.random:
        return "random"
    return "here" if weights_path(model) else "missing"


def _megabytes(model: Model) -> str:
    return "%.0f MB" % (model.size / 1e6) if model.urls and model.size else "-"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join("%s:%g" % pair for pair in value.items())
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return "%g" % value if isinstance(value, float) else str(value)


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows with aligned columns. The last column is not padded."""
    widths: List[int] = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        print("  ".join([*cells, row[-1]]))
