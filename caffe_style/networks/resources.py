"""The folders of prototxts, models and examples, in a source checkout or an installed package."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelError

_PACKAGE = Path(__file__).resolve().parent.parent


def folder(name: str) -> Path:
    """Find a folder of data that belongs to the package.

    An installed package has the folder inside, and a source checkout next to the package.

    Parameters
    ----------
    name : {"prototxt", "models", "examples"}
        Name of the folder.

    Returns
    -------
    Path

    Raises
    ------
    ModelError
        If the folder is missing.

    Examples
    --------
    >>> (folder("prototxt") / "vgg19.prototxt").exists()
    True
    """
    for parent in (_PACKAGE, _PACKAGE.parent):
        if (parent / name).is_dir():
            return parent / name
    raise ModelError("the folder %r of caffe_style is missing: install the package again" % name)
