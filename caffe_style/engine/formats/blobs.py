"""BlobProto: one array of a caffemodel or solverstate, found in the file and written without copying it."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from ..proto.caffe_pb2 import BlobProto, BlobShape
from .wire import (
    BYTES,
    FIXED32,
    FIXED64,
    VARINT,
    BrokenWire,
    Walker,
    as_int,
    key,
    read_varint,
    write_varint,
)

#: Caffe's limits for a blob.
MAX_AXES, MAX_COUNT = 32, 2**31 - 1

#: BlobProto's fields of values -> bytes of one value: data is float, double_data double.
_DATA, _DIFF, _DOUBLE_DATA = 5, 6, 8
_SIZES = {_DATA: 4, _DOUBLE_DATA: 8}
_SHAPE = 7


class BlobViews(NamedTuple):
    """A BlobProto: its shape and the pieces its values lie in, as uint8 views of the file."""

    shape: Tuple[int, ...]
    dtype: str
    pieces: List[np.ndarray]


def find_blob(walker: Walker, where: str, start: int, end: int) -> BlobViews:
    """The blob whose message is in [start, end), its shape checked against its values as Caffe does.

    Raises
    ------
    BrokenWire
        Where the message is broken, or shape and values do not match; the text begins with `where`.
    """
    legacy: Dict[int, int] = {}
    dims: List[int] = []
    pieces: Dict[int, List[np.ndarray]] = {_DATA: [], _DOUBLE_DATA: []}
    for number, wire_type, value in walker.fields(start, end):
        if number <= 4 and wire_type == VARINT:
            legacy[number] = as_int(value, 32)
        elif number == _SHAPE and wire_type == BYTES:
            dims += _dims(walker, *value)
        elif number in pieces and wire_type == BYTES:
            size = value[1] - value[0]
            if size % _SIZES[number]:
                raise BrokenWire("%s ends within a value, at byte %d" % (where, value[1]))
            pieces[number].append(np.frombuffer(walker.buffer, np.uint8, size, value[0]))
        elif (number, wire_type) in ((_DATA, FIXED32), (_DOUBLE_DATA, FIXED64)):
            pieces[number].append(value)
    shape = tuple(legacy.get(i, 0) for i in range(1, 5)) if legacy else tuple(dims)
    field = _DOUBLE_DATA if any(piece.size for piece in pieces[_DOUBLE_DATA]) else _DATA
    count = sum(piece.size for piece in pieces[field]) // _SIZES[field]
    _check_shape(shape, count, where)
    return BlobViews(shape, "<f%d" % _SIZES[field], pieces[field])


def _dims(walker: Walker, start: int, end: int) -> List[int]:
    dims: List[int] = []
    for number, wire_type, value in walker.fields(start, end):
        if number != 1:
            continue
        if wire_type == VARINT:
            dims.append(as_int(value, 64))
        elif wire_type == BYTES:
            position, stop = value
            while position < stop and len(dims) <= MAX_AXES:
                dim, position = read_varint(walker.buffer, position, stop)
                dims.append(as_int(dim, 64))
    return dims


def _check_shape(shape: Tuple[int, ...], count: int, where: str) -> None:
    if len(shape) > MAX_AXES:
        raise BrokenWire("%s has more than %d axes" % (where, MAX_AXES))
    wanted = largest = 1
    for dim in shape:
        wanted *= dim
        largest *= max(dim, 1)
        if dim < 0 or largest > MAX_COUNT:
            raise BrokenWire("%s has the impossible shape %s" % (where, shape))
    if wanted != count:
        raise BrokenWire("%s has shape %s but %d value(s)" % (where, shape, count))


def blob_array(blob: BlobViews) -> np.ndarray:
    """The blob's values as float32: a view of the file where they lie there in one piece."""
    numbers = [np.ascontiguousarray(piece).reshape(-1).view(blob.dtype) for piece in blob.pieces]
    if len(numbers) == 1:
        values = numbers[0]
    else:
        values = np.concatenate(numbers) if numbers else np.empty(0, np.float32)
    return values.astype(np.float32, copy=False).reshape(blob.shape)


def field_of_pieces(number: int, pieces: Sequence[Union[bytes, np.ndarray]]) -> List:
    """A field of a message, whose content is in pieces, as pieces to be written one after the other."""
    return [key(number, BYTES) + write_varint(sum(map(len, pieces))), *pieces]


def blob_field(number: int, data: np.ndarray, diff: Optional[np.ndarray] = None) -> List:
    """A field of a message that holds a BlobProto, as pieces to be written one after the other.

    Parameters
    ----------
    number : int
        The field's.
    data, diff : ndarray
        Written as float32; of one shape.

    Returns
    -------
    list of bytes and of uint8 arrays, which are views of the values where they are C-contiguous float32
    """
    pieces: List[Union[bytes, np.ndarray]] = [
        BlobProto(shape=BlobShape(dim=data.shape)).SerializeToString()
    ]
    for field, values in ((_DATA, data), (_DIFF, diff)):
        if values is not None:
            flat = np.ascontiguousarray(values, "<f4").reshape(-1)
            pieces += field_of_pieces(field, [flat.view(np.uint8)])
    return field_of_pieces(number, pieces)
