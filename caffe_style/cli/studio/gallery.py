"""The gallery: what the page shows of each picture. It is read from the files, so it survives a restart."""

from __future__ import annotations

import functools
import io
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from ...errors import CaffeStyleError, ImageError
from ...experiments.presets import PRESETS, PURPOSES
from ...networks import zoo
from ...pictures import encoding, images
from ...runs.recipe import recipe_of
from ...settings.transfer import TransferSettings
from ...watch.page.shown import LONGEST_SHOWN, as_jpeg
from ..show import changed_settings, in_words
from .folder import Picture
from .form import written

#: Settings that may differ from those of a preset, of which the rest make the look.
_ADJUSTED = ("size", "iterations", "style_weight", "style_scale", "colors")
#: Function that returns the id of a file's picture, or None if the studio does not have it.
Find = Callable[[Optional[str]], Optional[str]]
#: Long edge of a small picture in pixels.
THUMBNAIL = 320


def gallery(
    folder: Path, pictures: Mapping[str, Picture], unfinished: Mapping[str, str]
) -> List[Dict[str, Any]]:
    """Return all pictures as the page shows them, in values that JSON can hold.

    Pictures that caffe_style made have `made`: how they were made, and the ids of the pictures they were made
    from, as far as these are among the studio's.

    Parameters
    ----------
    folder : Path
        The studio's folder, to which names in metadata are relative.
    pictures : dict of str to Picture
    unfinished : dict of str to str
        Names of pictures that can be continued, by id. Those without a file are listed too.
    """
    by_path = {str(picture.path): picture.id for picture in pictures.values()}

    def find(name: Optional[str]) -> Optional[str]:
        return None if name is None else by_path.get(os.path.realpath(os.path.join(folder, name)))

    shown = []
    for picture in pictures.values():
        noted = _metadata(picture.path, picture.changed)
        if noted is None:
            continue  # not a picture
        entry = {"id": picture.id, "name": picture.name, "place": picture.place}
        entry.update(changed=picture.changed // 10**6, unfinished=picture.id in unfinished)
        entry["made"] = _made(noted, picture, find) if noted else None
        shown.append(entry)
    shown += [
        {"id": each, "name": name, "place": "folder", "unfinished": True, "made": None}
        for each, name in unfinished.items()
        if each not in pictures
    ]
    return shown


@functools.lru_cache(maxsize=4096)
def _metadata(path: Path, changed: int) -> Optional[Dict[str, Any]]:
    """Return a picture's metadata, empty if it has none of ours; None if the file is no picture."""
    try:
        return images.read_metadata(path)
    except ImageError as error:
        return {} if "its parameters are broken" in str(error) else None


def _made(noted: Dict[str, Any], picture: Picture, find: Find) -> Dict[str, Any]:
    """Return how a picture was made; with `again`, what a form needs to make it again, if that is possible."""
    made: Dict[str, Any] = {
        "ended": noted.get("ended"),
        "parameters": {name.replace("_", " "): in_words(value) for name, value in noted.items()},
        "content": None,
        "again": None,
    }
    try:
        request = recipe_of(noted, picture.path).request
        made["content"] = find(request.content)
        if request.command == "transfer":
            made["again"] = _again(request, find)
    except CaffeStyleError:
        pass  # it is shown without
    return made


def _again(request: Any, find: Find) -> Dict[str, Any]:
    """Return what the form needs to make a picture again."""
    look, settings = _look_of(request)
    return {
        "content": find(request.content),
        "styles": [
            {"id": find(str(style.picture)), "weight": style.weight} for style in request.styles
        ],
        "look": look,
        "model": request.network["model"],
        "backend": request.network["backend"],
        "settings": settings,
    }


def _look_of(request: Any) -> Tuple[str, Dict[str, str]]:
    """Return the name of a picture's look, and the settings that differ from it, as the form shows them."""
    changed = {one.name: value for one, value in changed_settings(request)}
    # The form chooses the optimizer itself.
    changed.pop("optimizer", None)
    if request.settings.get("seed"):
        changed["seed"] = request.settings["seed"]
    given, everything = written(changed), written(request.settings)
    for name, preset in {**PURPOSES, **PRESETS}.items():
        settings = written(preset.settings(zoo.get_model(request.network["model"])))
        network = {
            key: list(value) if key == "mean" else value for key, value in preset.network.items()
        }
        fixed = {key: text for key, text in settings.items() if key not in _ADJUSTED}
        if fixed.items() <= everything.items() and network.items() <= request.network.items():
            others = {key: text for key, text in given.items() if key not in settings}
            adjusted = {
                key: everything[key] for key in settings if everything[key] != settings[key]
            }
            return name, {**others, **adjusted}
    return given.pop("style_loss", TransferSettings().style_loss), given


@functools.lru_cache(maxsize=256)
def small(path: Path, changed: int) -> bytes:
    """Return a small picture as JPEG."""
    return as_jpeg(images.read_image(path), THUMBNAIL)


@functools.lru_cache(maxsize=8)
def large(path: Path, changed: int) -> bytes:
    """Return a picture as JPEG, as large as a page shows it."""
    return as_jpeg(images.read_image(path), LONGEST_SHOWN)


def download(path: Path, suffix: str) -> bytes:
    """Return a picture as a file with its parameters: the file itself, if it has this suffix already.

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    if path.suffix.lower() == suffix:
        return path.read_bytes()
    file = io.BytesIO()
    noted = images.read_metadata(path)
    encoding.encode(file, images.read_image(path), Path("picture" + suffix), noted)
    return file.getvalue()
