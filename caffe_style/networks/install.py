"""Installing trained weights of models, from a download or from a local file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Union

from ..errors import WeightsError
from ..system import files
from .download import retrieve
from .fit import check_fit, copy_renamed
from .weights import add_command, note, place, refuse_replaced, weights_path
from .zoo import Model, get_model


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
    model = _with_weights(model)
    here = weights_path(model)
    if here:
        return here
    path = place(model)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.held(path):
            return _download(model, progress)
    except BlockingIOError:
        raise WeightsError(
            "%s is being downloaded by another process: wait until it ends" % path
        ) from None
    except OSError as error:
        raise WeightsError("cannot write to %s: %s" % (path.parent, files.reason(error))) from None


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
    model = _with_weights(model)
    file = Path(file).expanduser()
    if not file.is_file():
        raise WeightsError("there is no file %s" % file)
    return _install(model, file, str(file.resolve()))


def _with_weights(model: Union[str, Model]) -> Model:
    """Return a model, also by name, after checking that it has weights that can be fetched or added."""
    model = get_model(model) if isinstance(model, str) else model
    if model.random:
        raise WeightsError("%s needs no weights: its filters are drawn from a seed" % model.name)
    return model


def _download(model: Model, progress: bool) -> Path:
    """Download weights from the first mirror that has them."""
    reasons = []
    for url in model.urls:
        try:
            downloaded = retrieve(url, model.checksum, place(model), progress)
        except WeightsError as error:
            reasons.append(str(error))
            continue
        try:
            return _install(model, downloaded, url)
        finally:
            downloaded.unlink()
    raise WeightsError(
        "cannot download %s (%s); if you have the file: %s"
        % (model.name, "; ".join(reasons) or "no address is known", add_command(model))
    )


def _install(model: Model, file: Path, source: str) -> Path:
    """Check a file, and copy it to its final name in one step."""
    refuse_replaced(model, file)
    check_fit(model, file)
    import pooch

    path = place(model)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace_file(path, lambda copy: copy_renamed(model, file, copy))
        about = {
            "source": source,
            "sha256": pooch.file_hash(str(path)),
            "size": path.stat().st_size,
        }
        text = json.dumps(about, indent=1) + "\n"
        files.replace_file(note(model), lambda copy: copy.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise WeightsError("cannot write %s: %s" % (path, files.reason(error))) from None
    return path
