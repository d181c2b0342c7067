"""Caffemodel files: weights by layer name, read lazily, in the present and the V1 format."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np

from ...errors import WeightsError
from .wire import BYTES, Field, WireError, fields, floats, header, varints

#: NetParameter's layers, as (field of the net, field of the name, field of the blobs).
_FORMATS = {100: (1, 7), 2: (4, 6)}
#: A V1 layer's field 1 held the layer of the format before it.
_V0_LAYER = 1
_SHAPE, _DATA, _DOUBLE_DATA = 7, 5, 8
_LEGACY_AXES = (1, 2, 3, 4)
#: Caffe's own limit on the axes of a blob, and ours on what a few bytes may claim there is.
_MOST_AXES, _MOST_BLOBS, _MOST_LAYERS = 32, 1000, 100000

Shape = Tuple[int, ...]


class MissingWeightsError(WeightsError, RuntimeError):
    """There is no such file; a RuntimeError too, as in pycaffe."""


class _StoredBlob(NamedTuple):
    """A BlobProto: its shape and the pieces of its data, not yet joined."""

    shape: Shape
    pieces: List[np.ndarray]


def read_caffemodel(path: str, wanted: Optional[Set[str]] = None) -> Dict[str, List[np.ndarray]]:
    """Read parameters.

    Parameters
    ----------
    path : str
        A binary caffemodel.
    wanted : set of str, optional
        Layer names; the data of other layers is never touched. All by default.

    Returns
    -------
    dict of str to list of ndarray
        For each layer that has parameters, in the file's order: float32 arrays in the file's shape (four axes
        in old files).

    Raises
    ------
    WeightsError
        When the file is missing (then a RuntimeError too), broken, cut, or something else.
    """

    def read(data: memoryview) -> Dict[str, List[np.ndarray]]:
        found = {}
        for name, blobs in _layers(data, wanted):
            found[name] = [_join(name, blob) for blob in blobs]
        return found

    return _with_file(path, read)


def layer_shapes(path: str) -> Dict[str, List[Shape]]:
    """Shapes of the parameters of every layer that has some; reads no data. Errors as `read_caffemodel`."""

    def read(data: memoryview) -> Dict[str, List[Shape]]:
        shapes = {}
        for name, blobs in _layers(data, None):
            for blob in blobs:
                _check_count(name, blob)
            shapes[name] = [blob.shape for blob in blobs]
        return shapes

    return _with_file(path, read)


def write_caffemodel(
    path: str, net_name: str, layers: Sequence[Tuple[Any, Sequence[np.ndarray]]]
) -> None:
    """Write a binary caffemodel in the present format, one layer at a time.

    Parameters
    ----------
    path : str
    net_name : str
    layers : sequence of (LayerParameter, list of ndarray)
        The layer's message, and its parameters (float32), which replace the blobs in it.

    Raises
    ------
    WeightsError
        When the file cannot be written; what was there before is still there.
    """
    from ..proto.caffe_pb2 import BlobShape, LayerParameter, NetParameter

    target = Path(path)
    temporary = target.with_name(".%s.%d.part" % (target.name, os.getpid()))
    try:
        with open(str(temporary), "wb") as file:
            file.write(NetParameter(name=net_name).SerializeToString())
            for message, arrays in layers:
                layer = LayerParameter()
                layer.CopyFrom(message)
                del layer.blobs[:]
                pieces = [layer.SerializeToString()]
                for array in arrays:
                    shape = BlobShape(dim=array.shape).SerializeToString()
                    values = np.ascontiguousarray(array, "<f4")
                    # Lists of numbers, as the message wants them, would take nine times the memory.
                    data = header(_DATA, values.nbytes)
                    shape = header(_SHAPE, len(shape)) + shape
                    pieces.append(header(_FORMATS[100][1], len(data) + values.nbytes + len(shape)))
                    pieces += [data, memoryview(values).cast("B") if values.size else b"", shape]
                file.write(header(100, sum(len(piece) for piece in pieces)))
                for piece in pieces:
                    file.write(piece)
        os.replace(str(temporary), path)
    except OSError as error:
        raise WeightsError("%s: cannot be written (%s)" % (path, error.strerror)) from error
    finally:
        if temporary.exists():
            temporary.unlink()


def _with_file(path: str, read: Callable[[memoryview], Any]) -> Any:
    """Map a file into memory and read it; whatever is wrong with it becomes one line."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise WeightsError("%s: the file is empty" % path)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                return _read_mapped(path, mapped, read)
    except FileNotFoundError:
        raise MissingWeightsError("Could not open file %s" % path) from None
    except OSError as error:
        raise WeightsError("%s: cannot be read (%s)" % (path, error.strerror)) from error


def _read_mapped(path: str, mapped: Any, read: Callable[[memoryview], Any]) -> Any:
    message = None
    with memoryview(mapped) as data:
        try:
            found = read(data)
        except WireError as error:
            # Kept without its traceback, whose frames hold views that would keep the map open.
            message = _describe(path, error, bytes(data[:512]))
    if message:
        raise WeightsError(message)
    if not found:
        raise WeightsError("%s: holds no layer's parameters: no caffemodel, or an empty one" % path)
    return found


def _describe(path: str, error: WireError, head: bytes) -> str:
    if head.lstrip()[:1] == b"<":
        return "%s: is a web page, not a caffemodel: the download failed" % path
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return "%s: is an HDF5 file: give it the ending .h5" % path
    if b"layer" in head and not any(byte > 126 for byte in head):
        return "%s: is text, not a caffemodel: is it the prototxt?" % path
    if error.truncated:
        return "%s: is cut short (%s): download or copy it again" % (path, error)
    return "%s: is no caffemodel, or a broken one (%s)" % (path, error)


def _layers(
    data: memoryview, wanted: Optional[Set[str]]
) -> Iterator[Tuple[str, List[_StoredBlob]]]:
    """Name and stored blobs of the layers that have some."""
    layers = 0
    for entry in fields(data):
        if entry.number not in _FORMATS:
            continue
        layers += 1
        if layers > _MOST_LAYERS:
            raise WireError("more than %d layers" % _MOST_LAYERS)
        if entry.wire_type != BYTES:
            raise WireError("a layer that is no message")
        name_field, blobs_field = _FORMATS[entry.number]
        name, blobs = "", []
        for field in fields(entry.value):
            if field.wire_type != BYTES:
                continue
            if field.number == name_field:
                name = _text(field)
            elif field.number == blobs_field:
                blobs.append(field)
                if len(blobs) > _MOST_BLOBS:
                    raise WireError("a layer with more than %d parameters" % _MOST_BLOBS)
            elif field.number == _V0_LAYER and entry.number == 2:
                raise WireError("it is in the format of 2013, before V1: upgrade it with old Caffe")
        if blobs and (wanted is None or name in wanted):
            yield name, [_stored(name, field) for field in blobs]


def _text(field: Field) -> str:
    try:
        return bytes(field.value).decode("utf-8")
    except UnicodeDecodeError:
        raise WireError("a layer name that is no text") from None


def _stored(layer: str, entry: Field) -> _StoredBlob:
    shape: Optional[Shape] = None
    legacy = [0, 0, 0, 0]
    pieces: List[np.ndarray] = []
    for field in fields(entry.value):
        if field.number == _SHAPE and field.wire_type == BYTES:
            shape = _read_shape(layer, field)
        elif field.number == _DATA:
            pieces.append(floats(field, "<f4"))
        elif field.number == _DOUBLE_DATA:
            pieces.append(floats(field, "<f8"))
        elif field.number in _LEGACY_AXES:
            for value in varints(field):
                legacy[field.number - 1] = value
    shape = tuple(legacy) if shape is None else shape
    if any(size < 0 for size in shape):
        raise WireError("layer '%s' has a parameter of the shape %s" % (layer, shape))
    return _StoredBlob(shape, pieces)


def _read_shape(layer: str, entry: Field) -> Shape:
    dims: List[int] = []
    for axis in fields(entry.value):
        for size in varints(axis) if axis.number == 1 else ():
            dims.append(size)
            if len(dims) > _MOST_AXES:
                raise WireError("layer '%s' has a parameter of too many axes" % layer)
    return tuple(dims)


def _check_count(layer: str, blob: _StoredBlob) -> None:
    count = 1
    for size in blob.shape:
        count *= size
    stored = sum(piece.size for piece in blob.pieces)
    if count != stored:
        raise WireError(
            "layer '%s' has a parameter of shape %s with %d numbers" % (layer, blob.shape, stored)
        )


def _join(layer: str, blob: _StoredBlob) -> np.ndarray:
    """The data as one array of its own: nothing refers to the file any more."""
    # Before anything is allocated: a shape may claim any size, the data is bounded by the file.
    _check_count(layer, blob)
    if not blob.pieces:
        return np.zeros(blob.shape, np.float32)
    return np.concatenate(blob.pieces).astype(np.float32, copy=False).reshape(blob.shape)
