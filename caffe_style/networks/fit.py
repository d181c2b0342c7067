"""Checking that a caffemodel fits a model: the same layers, perhaps with published names, and shapes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from ..errors import WeightsError
from .zoo import Model

Shapes = Dict[str, List[Sequence[int]]]


def check_fit(model: Model, file: Path) -> None:
    """Check that a caffemodel has every layer of a model's prototxt, in the same shapes.

    Parameters
    ----------
    model : Model
        Model of the zoo, or the user's own.
    file : Path
        The caffemodel.

    Raises
    ------
    WeightsError
        If a layer does not fit. The message names the first one.
    """
    from ..engine import TEST, Net
    from ..engine.formats.caffemodel import layer_shapes

    wanted = {
        name: [tuple(blob.shape) for blob in blobs]
        for name, blobs in Net(str(model.prototxt), TEST).params.items()
    }
    found = {
        _renamed(name, model.renames): shapes for name, shapes in layer_shapes(str(file)).items()
    }
    problem = _misfit(wanted, found)
    if problem:
        raise WeightsError("%s does not fit %s: %s" % (file, model.name, problem))


def copy_renamed(model: Model, file: Path, copy: Path) -> None:
    """Copy a caffemodel, and rename published layer names to those of the prototxt.

    Parameters
    ----------
    model : Model
        Model that the caffemodel fits.
    file : Path
        The caffemodel.
    copy : Path
        Where to write the copy.
    """
    from ..engine import TEST, Net
    from ..engine.formats.caffemodel import layer_shapes, read_caffemodel

    names = set(layer_shapes(str(file)))
    if all(_renamed(name, model.renames) == name for name in names):
        shutil.copyfile(file, copy)
        return
    net = Net(str(model.prototxt), TEST)
    for name, arrays in read_caffemodel(str(file), names).items():
        for blob, array in zip(net.params.get(_renamed(name, model.renames), []), arrays):
            blob.data[...] = array.reshape(tuple(blob.shape))
    net.save(str(copy))


def _misfit(wanted: Shapes, found: Shapes) -> Optional[str]:
    missing = [name for name in wanted if name not in found]
    if missing:
        return "it lacks layer %s (and %d more of %d)" % (
            missing[0],
            len(missing) - 1,
            len(wanted),
        )
    for name, shapes in wanted.items():
        if [_trimmed(shape) for shape in shapes] != [_trimmed(shape) for shape in found[name]]:
            return "layer %s has shapes %s where %s are needed" % (
                name,
                _text(found[name]),
                _text(shapes),
            )
    return None


def _trimmed(shape: Sequence[int]) -> List[int]:
    # Old files pad every shape with ones to four axes: a bias of 64 is (1, 1, 1, 64) there.
    shape = list(shape)
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _text(shapes: Sequence[Sequence[int]]) -> str:
    return " and ".join("x".join(str(size) for size in shape) for shape in shapes) or "none"


def _renamed(layer: str, renames: Dict[str, str]) -> str:
    folder, slash, last = layer.rpartition("/")
    return folder + slash + renames.get(last, last)
