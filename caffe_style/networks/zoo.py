"""The model zoo: the known networks, the sources of their weights, and their default settings.

A model is a folder with a ``readme.md`` whose front matter follows the Caffe Model Zoo (name, caffemodel,
caffemodel_url, sha1, license), with a few keys of our own: prototxt, mean, pooling, space, and the default
content and style layers and weights.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Tuple, Union

from ..errors import ModelError
from ..settings.transfer import SPACES
from . import resources
from .front_matter import (
    as_text,
    checksum_of,
    file_name,
    mapping,
    mean_of,
    number,
    one_of,
    prototxt_of,
    size_of,
    split,
    text,
    texts,
)

IMAGENET_MEAN = (103.939, 116.779, 123.68)


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
    space : {"pixels", "smooth", "whitened"}
        Space that is optimised by default (see `caffe_style.scene.spaces`).
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
    space: str = "pixels"
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
    front, description = split(readme)
    try:
        return Model(
            name=folder.name,
            title=text(front, "name", folder.name),
            prototxt=prototxt_of(folder, text(front, "prototxt", "deploy.prototxt")),
            folder=folder,
            own=own,
            mean=mean_of(front.get("mean", IMAGENET_MEAN)),
            content_layers=mapping(front, "content_layers", number),
            style_layers=mapping(front, "style_layers", number),
            content_weight=number(front.get("content_weight", 1), "content_weight"),
            style_weight=number(front.get("style_weight", 1), "style_weight"),
            tv_weight=number(front.get("tv_weight", 0), "tv_weight"),
            space=one_of(front.get("space", SPACES[0]), SPACES, "space"),
            pooling=one_of(front.get("pooling", "max"), ("max", "average"), "pooling"),
            random=one_of(front.get("weights", "trained"), ("trained", "random"), "weights")
            == "random",
            caffemodel=file_name(text(front, "caffemodel", folder.name + ".caffemodel")),
            urls=texts(front.get("caffemodel_url", []), "caffemodel_url"),
            checksum=checksum_of(front),
            size=size_of(front.get("size")),
            replaced=texts(front.get("replaced", []), "replaced"),
            renames=mapping(front, "layer_names", as_text),
            license=text(front, "license", "unknown"),
            description=description,
        )
    except ValueError as error:
        raise ModelError("%s: %s" % (readme, " ".join(str(error).split()))) from None
