"""Where the prototxt, model and example folders are, in a source checkout as in an installed package."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelError

_PACKAGE = Path(__file__).resolve().parent.parent


def folder(name: str) -> Path:
    """Find a folder of data that travels with the package.

    Parameters
    ----------
    name : {"prototxt", "models", "examples"}
        An installed package carries it inside; a source checkout has it beside the package.

    Returns
    -------
    Path

    Raises
    ------
    ModelError
        If the installation lacks it.
    """
    for parent in (_PACKAGE, _PACKAGE.parent):
        if (parent / name).is_dir():
            return parent / name
    raise ModelError("the folder %r of caffe_style is missing: install the package again" % name)
