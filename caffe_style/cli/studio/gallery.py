"""The gallery: what the page shows of each picture. It is read from the files, so it survives a restart."""

from __future__ import annotations

import functools
import io
import os
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from ...errors import CaffeStyleError, ImageError
from ...pictures import encoding, images
from ...runs.recipe import recipe_of
from ...watch.page.shown import LONGEST_SHOWN, as_jpeg
from ..show import in_words
from .again import Find, fill_in
from .folder import Picture

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
            made["again"] = fill_in(request, find)
    except CaffeStyleError:
        pass  # it is shown without
    return made


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
