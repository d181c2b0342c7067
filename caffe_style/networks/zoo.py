"""The model zoo: the known networks, the sources of their weights, and their default settings.

A model is a folder with a ``readme.md`` whose front matter follows the Caffe Model Zoo (name, caffemodel,
caffemodel_url, sha1, license), with a few keys of our own: prototxt, mean, pooling, and the default content and
style layers and weights.
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

# Strongest first: a download is checked against the first one that a readme states.
CHECKSUMS = ("sha384", "sha256", "sha1", "md5")


@dataclass(frozen=True)
class Model:
    """A network of the zoo, or the user's own.

    Attributes
    ----------
    name : str
        Name on the command line, which is the name of the model's folder.
    title : str
        Full name.
    prototxt : Path
        Path of the network definition.
    folder : Path
        Folder of the model's description.
    own : bool
        Whether the model is the user's own. Its weights are then in `folder`, not in the cache.
    mean : tuple of 3 floats
        Mean to subtract from the image, in BGR order, from 0 to 255.
    content_layers, style_layers : dict of str to float
        Default layers and their weights; empty if the description does not say.
    content_weight, style_weight, tv_weight : float
        Default weights of content, style and total variation, relative (see `caffe_style.scene.terms.scale`).
    pooling : {"max", "average"}
        Pooling that suits style transfer with this model. The prototxt keeps the published one.
    random : bool
        Whether the model has random filters, drawn from a seed, instead of trained weights.
    caffemodel : str
        File name of the weights.
    urls : tuple of str
        Addresses of the weights, tried in order.
    checksum : str, optional
        Checksum of the download, as ``algorithm:hex``.
    size : int, optional
        Size of the download in bytes.
    replaced : tuple of str
        SHA-256 of the weights that came with earlier versions of the package.
    renames : dict of str to str
        Maps parts of published layer names to those of the prototxt, where they differ.
    license : str
        License of the weights.
    description : str
        Text of the readme, in Markdown.
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

    Examples
    --------
    >>> "vgg19" in [model.name for model in list_models()]
    True
    """
    readmes = sorted(resources.folder("models").glob("*/readme.md"))
    return [_read(readme, own=False) for readme in readmes]


def get_model(name: Union[str, Path]) -> Model:
    """Return a model of the zoo by name, or the user's own by path.

    Parameters
    ----------
    name : str or Path
        Name of a model, such as ``vgg19``, or the path of a ``readme.md``, of a folder with one, or of a
        prototxt. The weights of ``net.prototxt`` are then expected in ``net.caffemodel`` in the same folder.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        If there is no such model, or its description is broken.

    Examples
    --------
    >>> get_model("vgg19").mean
    (103.939, 116.779, 123.68)
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
    """Check that a caffemodel's name is no path: the file is in the readme's folder or in the cache."""
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
    """Return a mapping of layer names to `read(value, key)` of each value."""
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
