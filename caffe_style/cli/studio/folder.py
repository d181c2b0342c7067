"""The pictures of the studio: those of its folder, of the folder's uploads, and the examples of the package.

The page knows a picture by its id only. A path never comes from a request.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple

from ...networks import resources

#: Folder of uploaded pictures, in the studio's folder.
UPLOADS = "uploads"
EXAMPLES = tuple(
    name + ".jpg" for name in ("cat", "mountains", "strokes", "fractal", "autumn", "evening")
)
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif", ".bmp")
#: Ending of the checkpoint of an unfinished picture, as the batch machinery names it.
UNFINISHED = ".unfinished.npz"
#: Most pictures of a folder that are shown. The newest are.
MOST = 500


class Picture(NamedTuple):
    """A picture that the page may show and use.

    Attributes
    ----------
    id : str
        Name of the picture in requests.
    path : Path
        The file, without symbolic links.
    name : str
        The file's name on a command line that runs in the studio's folder.
    place : {"folder", "uploads", "examples"}
    changed : int
        Time of the file's last change, in nanoseconds.
    """

    id: str
    path: Path
    name: str
    place: str
    changed: int


def find_pictures(folder: Path) -> Dict[str, Picture]:
    """Return the pictures by id, the newest of each place first.

    Parameters
    ----------
    folder : Path
        The studio's folder, without symbolic links. Links that lead out of it are left out.
    """
    examples = resources.folder("examples")
    found = _newest(folder, folder, "folder") + _newest(folder, folder / UPLOADS, "uploads")
    found += [_picture(str(examples / name), examples / name, "examples") for name in EXAMPLES]
    return {picture.id: picture for picture in found}


def find_unfinished(folder: Path) -> Dict[str, str]:
    """Return the names of pictures that have a checkpoint, by id of the picture."""
    names = [
        entry.name[: -len(UNFINISHED)]
        for entry in _files(folder, folder)
        if entry.name.endswith(UNFINISHED)
    ]
    return {id_of(_safe(name)): name for name in sorted(names)}


def id_of(name: str) -> str:
    """Return the id of a picture, by its name on the command line."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _newest(folder: Path, place: Path, kind: str) -> List[Picture]:
    found = []
    for entry in _files(folder, place):
        if entry.name.lower().endswith(SUFFIXES):
            name = Path(entry.path).relative_to(folder).as_posix()
            with contextlib.suppress(OSError):  # removed meanwhile
                found.append(_picture(_safe(name), Path(os.path.realpath(entry.path)), kind))
    return sorted(found, key=lambda picture: picture.changed, reverse=True)[:MOST]


def _files(folder: Path, place: Path) -> Iterator[os.DirEntry]:
    """Yield the files of a place that are inside the folder."""
    if not place.is_dir() or not _inside(folder, place):
        return
    with os.scandir(place) as entries:
        for entry in entries:
            inside = not entry.is_symlink() or _inside(folder, Path(entry.path))
            if inside and entry.is_file() and not entry.name.startswith("."):
                yield entry


def _inside(folder: Path, path: Path) -> bool:
    """Return whether a path leads to the folder or into it, through symbolic links too."""
    real = Path(os.path.realpath(path))
    return real == folder or folder in real.parents


def _safe(name: str) -> str:
    """Return a file's name that the command line does not take for an option."""
    return "./" + name if name.startswith("-") else name


def _picture(name: str, path: Path, place: str) -> Picture:
    return Picture(id_of(name), path, name, place, path.stat().st_mtime_ns)
