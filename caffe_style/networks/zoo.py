"""The model zoo: which networks there are, where their weights come from, and how to use them.

A model is a folder with a ``readme.md`` whose front matter follows the Caffe Model Zoo (name,
caffemodel, caffemodel_url, sha1, license) with a few keys of ours: prototxt, mean, the default
content and style layers and weights, pooling.
"""

from __future__ import annotations

import difflib
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

from ..errors import ModelError
from ..pictures import metadata as noted
from . import resources

IMAGENET_MEAN = (103.939, 116.779, 123.68)

# Strongest first: the first one a readme states is the one a download is checked against.
CHECKSUMS = ("sha384", "sha256", "sha1", "md5")


@dataclass(frozen=True)
class Model:
    """A network of the zoo, or of the user's own.

    Attributes
    ----------
    name : str
        What the command line calls it: its folder's name.
    title : str
        Its full name.
    prototxt : Path
        The network definition.
    folder : Path
        Where its description is.
    own : bool
        Not of the zoo: its weights lie in `folder`, not in the cache.
    mean : tuple of 3 floats
        Subtracted from the image, in BGR order, on the 0 to 255 scale.
    content_layers, style_layers : dict of str to float
        Blob names and their weights; empty where nothing is known.
    content_weight, style_weight, tv_weight : float
        Default weights of the two sums and of the total variation, relative (see
        `caffe_style.scene.terms`).
    pooling : {"max", "average"}
        The pooling that suits style transfer with this model; the prototxt keeps the published one.
    random : bool
        It has no trained weights: its filters are drawn from a seed.
    caffemodel : str
        File name of its weights.
    urls : tuple of str
        Where to download them, tried in order.
    checksum : str, optional
        Of the download, as ``algorithm:hex``.
    size : int, optional
        Of the download, in bytes.
    replaced : tuple of str
        SHA-256 of the weights that came with earlier versions of the package.
    renames : dict of str to str
        Parts of published layer names -> the prototxt's, where they differ.
    license : str
        Of the weights.
    description : str
        The readme's text, Markdown.
    """

    name: str
    title: str
    prototxt: Path
    folder: Path
    own: bool = False
    mean: Tuple[float, float, float] = IMAGENET_MEAN
    content_layers: Dict[str, float] = field(default_factory=dict)
    style_layers: Dict[str, float] = field(default_factory=dict)
    content_weight: float = 1.0
    style_weight: float = 1.0
    tv_weight: float = 0.0
    pooling: str = "max"
    random: bool = False
    caffemodel: str = ""
    urls: Tuple[str, ...] = ()
    checksum: Optional[str] = None
    size: Optional[int] = None
    replaced: Tuple[str, ...] = ()
    renames: Dict[str, str] = field(default_factory=dict)
    license: str = "unknown"
    description: str = ""


def list_models() -> List[Model]:
    """Return every model of the zoo, sorted by name.

    Returns
    -------
    list of Model
    """
    readmes = sorted(resources.folder("models").glob("*/readme.md"))
    return [_read(readme, own=False) for readme in readmes]


def get_model(name: Union[str, Path]) -> Model:
    """Return a model of the zoo by name, or one of the user's own by path.

    Parameters
    ----------
    name : str or Path
        ``vgg19``; or a folder with a ``readme.md``; or such a file; or a prototxt, whose weights
        are then expected beside it, under its name with the ending ``.caffemodel``.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        If there is no such model, or its description is broken.
    """
    readme = resources.folder("models") / str(name) / "readme.md"
    # Path.is_file and its like raise OSError for names that are too long.
    if Path(name).name == str(name) and os.path.isfile(readme):
        return _read(readme, own=False)
    path = Path(os.path.expanduser(name))
    if os.path.isfile(path / "readme.md"):
        return _read(path / "readme.md", own=True)
    if os.path.isfile(path) and path.suffix == ".md":
        return _read(path, own=True)
    if os.path.isfile(path) and path.suffix == ".prototxt":
        return _bare(path)
    raise ModelError(_unknown(str(name), path))


def _unknown(name: str, path: Path) -> str:
    known = [readme.parent.name for readme in resources.folder("models").glob("*/readme.md")]
    if os.path.isdir(path):
        return "%s has no readme.md: give its .prototxt, or describe the model there" % path
    if os.path.isfile(path):
        return "%s is no model: give a .prototxt, a readme.md or a folder with one" % path
    near = difflib.get_close_matches(name.lower(), known, n=1)
    if near:
        return "unknown model %r: did you mean %s?" % (name, near[0])
    return "unknown model %r: there are %s" % (name, ", ".join(sorted(known)))


def _bare(prototxt: Path) -> Model:
    return Model(
        name=prototxt.stem,
        title=prototxt.stem,
        prototxt=prototxt.resolve(),
        folder=prototxt.resolve().parent,
        own=True,
        caffemodel=prototxt.stem + ".caffemodel",
    )


def _read(readme: Path, own: bool) -> Model:
    folder = readme.resolve().parent
    front, description = _split(readme)
    try:
        return Model(
            name=folder.name,
            title=_text(front, "name", folder.name),
            prototxt=_prototxt(folder, _text(front, "prototxt", "deploy.prototxt")),
            folder=folder,
            own=own,
            mean=_mean(front.get("mean", IMAGENET_MEAN)),
            content_layers=_mapping(front, "content_layers", _number),
            style_layers=_mapping(front, "style_layers", _number),
            content_weight=_number(front.get("content_weight", 1), "content_weight"),
            style_weight=_number(front.get("style_weight", 1), "style_weight"),
            tv_weight=_number(front.get("tv_weight", 0), "tv_weight"),
            pooling=_one_of(front.get("pooling", "max"), ("max", "average"), "pooling"),
            random=_one_of(front.get("weights", "trained"), ("trained", "random"), "weights")
            == "random",
            caffemodel=_file_name(_text(front, "caffemodel", folder.name + ".caffemodel")),
            urls=_texts(front.get("caffemodel_url", []), "caffemodel_url"),
            checksum=_checksum(front),
            size=_size(front.get("size")),
            replaced=_texts(front.get("replaced", []), "replaced"),
            renames=_mapping(front, "layer_names", _as_text),
            license=_text(front, "license", "unknown"),
            description=description,
        )
    except ValueError as error:
        raise ModelError("%s: %s" % (readme, " ".join(str(error).split()))) from None


def _split(readme: Path) -> Tuple[Dict[str, Any], str]:
    """Return a readme's front matter and the text below it."""
    try:
        head, opening, rest = readme.read_text(encoding="utf-8").partition("---\n")
        front_text, closing, description = rest.partition("\n---\n")
        front = noted.parse_yaml(front_text) if closing else None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ModelError("cannot read the model description %s: %s" % (readme, reason)) from None
    if head.strip() or not isinstance(front, dict):
        raise ModelError("%s does not begin with front matter between two lines ---" % readme)
    return front, description.strip()


def _prototxt(folder: Path, name: str) -> Path:
    for parent in (folder, resources.folder("prototxt")):
        if os.path.isfile(parent / name):
            return parent / name
    raise ValueError(
        "there is no prototxt %s, neither beside it nor in the package" % noted.shortened(name)
    )


def _as_text(value: Any, key: str) -> str:
    if isinstance(value, (dict, list)) or value is None:
        raise ValueError("%s must be a text, not %s" % (key, noted.shortened(value)))
    return str(value)


def _text(front: Dict[str, Any], key: str, default: str) -> str:
    return _as_text(front.get(key, default), key)


def _file_name(name: str) -> str:
    """A caffemodel lies beside its readme, or in the cache: a path would lead elsewhere."""
    if not name or "\0" in name or Path(name).name != name:
        raise ValueError("caffemodel must be the name of a file, not %s" % noted.shortened(name))
    return name


def _number(value: Any, key: str) -> float:
    try:
        # YAML takes 1e3 for a text.
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("%s must be a number, not %s" % (key, noted.shortened(value)))
    return number


def _size(value: Any) -> Optional[int]:
    if value is not None and not (noted.is_a(value, (int,)) and value >= 0):
        raise ValueError("size must be a number of bytes, not %s" % noted.shortened(value))
    return value


def _mean(value: Any) -> Tuple[float, float, float]:
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise ValueError("mean must be three numbers (B, G, R), not %s" % noted.shortened(value))
    blue, green, red = (_number(channel, "mean") for channel in value)
    return blue, green, red


def _mapping(front: Dict[str, Any], key: str, read: Callable) -> Dict[str, Any]:
    """A mapping from names of layers to what `read(value, key)` makes of each value."""
    value = front.get(key, {})
    if not isinstance(value, dict):
        what = "weights, as {conv4_2: 1}" if read is _number else "names, as {conv1: conv1_1}"
        raise ValueError("%s must map layers to %s, not %s" % (key, what, noted.shortened(value)))
    return {str(layer): read(part, key) for layer, part in value.items()}


def _one_of(value: Any, allowed: Tuple[str, ...], key: str) -> str:
    if value not in allowed:
        raise ValueError(
            "%s must be %s, not %s" % (key, " or ".join(allowed), noted.shortened(value))
        )
    return str(value)


def _texts(value: Any, key: str) -> Tuple[str, ...]:
    """One text or a list of them."""
    texts = value if isinstance(value, list) else [value]
    return tuple(_as_text(text, key) for text in texts)


def _checksum(front: Dict[str, Any]) -> Optional[str]:
    for algorithm in CHECKSUMS:
        if algorithm in front:
            return "%s:%s" % (algorithm, _text(front, algorithm, ""))
    return None
