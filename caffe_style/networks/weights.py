"""Trained weights of models: finding, downloading, adding and checking them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Dict, Optional, Union

from ..errors import WeightsError
from ..system import files
from .download import retrieve
from .fit import check_fit, copy_renamed
from .zoo import Model, get_model


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
    places = _place(model), model.folder / model.caffemodel
    return next((path for path in places if path.is_file()), None)


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
    name = str(model.folder) if model.own else model.name
    give = "caffe-style models add %s FILE" % name
    if not model.urls:
        return "the weights of %s are not here: give a file with `%s`" % (model.name, give)
    fetch = "caffe-style models fetch %s" % name
    return "the weights of %s are not here: `%s`, or `%s`" % (model.name, fetch, give)


def fetch(model: Union[str, Model], progress: bool = True) -> Path:
    """Download a model's weights, unless they are on this machine already.

    An interrupted download is resumed. The mirrors are tried in order. The checksum, layer names and shapes are
    checked before the file gets its final name.

    Parameters
    ----------
    model : str or Model
        Model, or its name.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    Path
        The caffemodel.

    Raises
    ------
    WeightsError
        If the model has no address, or no server can be reached or sends the right file.
    """
    model = get_model(model) if isinstance(model, str) else model
    _refuse_random(model)
    here = weights_path(model)
    if here:
        return here
    place, reasons = _place(model), []
    with contextlib.ExitStack() as stack:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(files.held(place))
        except BlockingIOError:
            raise WeightsError(
                "%s is being downloaded by another process: wait for its end" % place
            ) from None
        except OSError as error:
            raise WeightsError(
                "cannot write to %s: %s" % (place.parent, files.reason(error))
            ) from None
        for url in model.urls:
            try:
                downloaded = retrieve(url, model.checksum, place, progress)
            except WeightsError as error:
                reasons.append(str(error))
                continue
            try:
                return _install(model, downloaded, url)
            finally:
                downloaded.unlink()
    name = model.folder if model.own else model.name
    raise WeightsError(
        "cannot download %s (%s); with a file from elsewhere: `caffe-style models add %s FILE`"
        % (model.name, "; ".join(reasons) or "no address is known", name)
    )


def add(model: Union[str, Model], file: Union[str, Path]) -> Path:
    """Add a local caffemodel as a model's weights.

    Parameters
    ----------
    model : str or Model
        Model, or its name.
    file : str or Path
        The caffemodel, which is checked and then copied.

    Returns
    -------
    Path
        The copy.

    Raises
    ------
    WeightsError
        If the file is missing, broken, or belongs to another network.
    """
    model = get_model(model) if isinstance(model, str) else model
    _refuse_random(model)
    file = Path(file).expanduser()
    if not file.is_file():
        raise WeightsError("there is no file %s" % file)
    return _install(model, file, str(file.resolve()))


def refuse_replaced(model: Model, file: Path) -> None:
    """Check that weights are not those of an earlier version of the package.

    Parameters
    ----------
    model : Model
    file : Path

    Raises
    ------
    WeightsError
        If they are: the model's layers and weights are chosen for those that took their place.
    """
    if model.replaced and file.is_file() and _sha256(file) in model.replaced:
        raise WeightsError(
            "%s is an old %s, of an earlier version of this package: leave it out or remove it; the "
            "package has the new one" % (file, model.name)
        )


def record(model: Model) -> Dict[str, object]:
    """Return what was recorded when a model's weights were fetched or added.

    Parameters
    ----------
    model : Model
        Model of the zoo, or the user's own.

    Returns
    -------
    dict
        ``source``, ``sha256`` and ``size`` in bytes of the file; empty if nothing was recorded.
    """
    note = _note(_place(model))
    try:
        return dict(json.loads(note.read_text(encoding="utf-8"))) if note.is_file() else {}
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError("the note %s is broken (%s): remove it" % (note, error)) from None


def _place(model: Model) -> Path:
    if model.own:
        return model.folder / model.caffemodel
    return cache_folder() / (model.name + ".caffemodel")


def _note(weights: Path) -> Path:
    return weights.with_name(weights.name + ".json")


def _refuse_random(model: Model) -> None:
    if model.random:
        raise WeightsError("%s needs no weights: its filters are drawn from a seed" % model.name)


def _install(model: Model, file: Path, source: str) -> Path:
    """Check a file, and copy it to its final name in one step."""
    refuse_replaced(model, file)
    check_fit(model, file)
    place = _place(model)
    note: Dict[str, object] = {"source": source}

    def write(copy: Path) -> None:
        copy_renamed(model, file, copy)
        note.update(sha256=_sha256(copy), size=copy.stat().st_size)

    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        files.replace_file(place, write)
        text = json.dumps(note, indent=1) + "\n"
        files.replace_file(_note(place), lambda path: path.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise WeightsError("cannot write %s: %s" % (place, files.reason(error))) from None
    return place


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()
