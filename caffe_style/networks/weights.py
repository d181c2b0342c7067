"""Trained weights of models: their files on this machine, and the record of their source."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Dict, Optional

from ..errors import WeightsError
from .zoo import Model


def cache_folder() -> Path:
    """Return the folder that keeps the zoo's weights.

    It is ``CAFFE_STYLE_HOME`` if that is set, else the user's cache (``~/.cache/caffe_style`` on Linux).

    Returns
    -------
    Path
        The folder, which may not exist yet.
    """
    home = os.environ.get("CAFFE_STYLE_HOME")
    if home:
        return Path(home).expanduser()
    import pooch

    return Path(pooch.os_cache("caffe_style"))


def place(model: Model) -> Path:
    """Return the path that a model's weights get when they are fetched or added."""
    if model.own:
        return model.folder / model.caffemodel
    return cache_folder() / (model.name + ".caffemodel")


def note(model: Model) -> Path:
    """Return the path of the file, next to the weights, that records their source."""
    weights = place(model)
    return weights.with_name(weights.name + ".json")


def weights_path(model: Model) -> Optional[Path]:
    """Return the caffemodel of a model: the one that was fetched or added, else the one in the package.

    Parameters
    ----------
    model : Model
        Model of the zoo, or the user's own.

    Returns
    -------
    Path or None
        None if there are no weights on this machine, or if the model has random filters.

    Examples
    --------
    >>> from caffe_style.networks.zoo import get_model
    >>> weights_path(get_model("strokenet")).suffix
    '.caffemodel'
    >>> weights_path(get_model("vgg16-random")) is None
    True
    """
    if model.random:
        return None
    places = place(model), model.folder / model.caffemodel
    return next((path for path in places if path.is_file()), None)


def add_command(model: Model) -> str:
    """Return the command that adds a model's weights from a file."""
    return "`caffe-style models add %s FILE`" % _argument(model)


def how_to_get(model: Model) -> str:
    """Return one line that says that a model's weights are missing, and how to get them.

    Parameters
    ----------
    model : Model
        Model whose weights are missing.

    Returns
    -------
    str
    """
    missing = "the weights of %s are not here" % model.name
    if not model.urls:
        return "%s: give a file with %s" % (missing, add_command(model))
    return "%s: `caffe-style models fetch %s`, or %s" % (
        missing,
        _argument(model),
        add_command(model),
    )


def refuse_replaced(model: Model, file: Path) -> None:
    """Check that weights are not those of an earlier version of the package.

    Parameters
    ----------
    model : Model
    file : Path

    Raises
    ------
    WeightsError
        If they are. The default layers and weights of the model suit the new weights only.
    """
    if not model.replaced or not file.is_file():
        return
    import pooch

    if pooch.file_hash(str(file)) in model.replaced:
        raise WeightsError(
            "%s has old weights of %s, from an earlier version of this package: leave it out or remove "
            "it; the package has the new weights" % (file, model.name)
        )


def record(model: Model) -> Dict[str, object]:
    """Return the record that was made when a model's weights were fetched or added.

    Parameters
    ----------
    model : Model
        Model of the zoo, or the user's own.

    Returns
    -------
    dict
        ``source``, ``sha256`` and ``size`` in bytes of the file; empty if nothing was recorded.
    """
    path = note(model)
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError("the note %s is broken (%s): remove it" % (path, error)) from None


def _argument(model: Model) -> str:
    """Return the name under which `caffe-style models` finds a model."""
    return str(model.folder) if model.own else model.name
