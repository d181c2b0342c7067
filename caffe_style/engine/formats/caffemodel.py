"""caffemodel: a network's trained parameters, a binary NetParameter.

Reading walks the file in place: VGG-19's 550 MB cost what its wanted layers hold, because the others are
skipped unread, and the arrays are views of the mapped file. Protobuf's own parser would copy all of it.
"""

from __future__ import annotations

import mmap
import os
import stat
from itertools import repeat
from pathlib import Path
from typing import Any, Collection, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from ...errors import WeightsError
from ...system.files import replace_file
from ..proto.caffe_pb2 import LayerParameter, NetParameter
from .blobs import BlobViews, blob_array, blob_field, field_of_pieces, find_blob
from .wire import BYTES, BrokenWire, Truncated, Walker


class MissingWeightsError(WeightsError, RuntimeError):
    """A caffemodel that cannot be opened; genuine pycaffe raises RuntimeError."""


class _Format(NamedTuple):
    """Numbers of the fields of a layer message."""

    name: int
    blobs: int


_CURRENT, _V1 = _Format(name=1, blobs=7), _Format(name=4, blobs=6)
#: NetParameter's field of layers -> what its messages look like.
_LAYER_FIELDS = {100: _CURRENT, 2: _V1}


def read_caffemodel(
    path: str, wanted: Optional[Collection[str]] = None
) -> Dict[str, List[np.ndarray]]:
    """The parameters of a caffemodel, in the current or the V1 format.

    Parameters
    ----------
    path : str
        The file.
    wanted : set of str, optional
        Names of the layers to read; all by default. The others are skipped.

    Returns
    -------
    dict of str to list of ndarray
        For each wanted layer of the file, also one without parameters, its arrays: float32, of the shape in the
        file (legacy files have four axes). They are read-only views of the mapped file where its layout allows,
        so copy what must outlive it.

    Raises
    ------
    MissingWeightsError
        Where the file cannot be opened; it is a RuntimeError too.
    WeightsError
        Where it is not a caffemodel, or a truncated or broken one.
    """
    return {name: [blob_array(blob) for blob in blobs] for name, blobs in _layers(path, wanted)}


def layer_shapes(path: str) -> Dict[str, List[Tuple[int, ...]]]:
    """The layers of a caffemodel and their parameters' shapes, without reading the values.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    dict of str to list of tuple of int

    Raises
    ------
    MissingWeightsError, WeightsError
        As `read_caffemodel`.
    """
    return {name: [blob.shape for blob in blobs] for name, blobs in _layers(path, None)}


def _layers(path: str, wanted: Optional[Collection[str]]) -> Iterator[Tuple[str, List[BlobViews]]]:
    buffer = _map_file(path)
    walker = Walker(buffer)
    found = False
    try:
        for number, wire_type, value in walker.fields(0, len(buffer)):
            if number not in _LAYER_FIELDS or wire_type != BYTES:
                continue
            found = True
            name, ranges = _layer(walker, _LAYER_FIELDS[number], *value)
            if wanted is None or name in wanted:
                # A broken file's name may be megabytes, or several lines.
                where = "layer %r, parameter " % name[:80]
                yield (
                    name,
                    [find_blob(walker, where + str(i), *span) for i, span in enumerate(ranges)],
                )
    except Truncated as error:
        if not found and error.number not in _LAYER_FIELDS:
            raise WeightsError("%s is not a caffemodel%s" % (path, _looks_like(buffer))) from None
        raise WeightsError("%s is truncated: %s; fetch or copy it again" % (path, error)) from None
    except BrokenWire as error:
        if not found:
            raise WeightsError("%s is not a caffemodel%s" % (path, _looks_like(buffer))) from None
        raise WeightsError("%s is broken: %s" % (path, error)) from None
    if not found:
        raise WeightsError("%s is not a caffemodel: it has no layers" % path)


def _map_file(path: str) -> mmap.mmap:
    try:
        # A pipe would block where it is opened.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise WeightsError("%s is not a caffemodel: it is no file" % path)
        with open(path, "rb") as stream:
            if not os.fstat(stream.fileno()).st_size:
                raise WeightsError("%s is not a caffemodel: it is empty" % path)
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MissingWeightsError("Could not open file %s (%s)" % (path, reason)) from None


def _looks_like(buffer: Any) -> str:
    """What a file that is no protobuf message begins with, if that is text."""
    start = bytes(buffer[:40])
    if start.strip() and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in start):
        return ": it is text that begins with '%s'" % start.decode().strip().splitlines()[0]
    return ", or broken from the start"


def _layer(walker: Walker, form: _Format, start: int, end: int) -> Tuple[str, List[Any]]:
    """Name of a layer message, and where its blobs are."""
    name, ranges = "", []
    for number, wire_type, value in walker.fields(start, end):
        if wire_type != BYTES:
            continue
        if number == form.name:
            name = bytes(walker.buffer[value[0] : value[1]]).decode("utf-8", "replace")
        elif number == form.blobs:
            ranges.append(value)
        elif form is _V1 and number == 1:
            raise BrokenWire("it is of Caffe's V0 format; upgrade it with upgrade_net_proto_binary")
    return name, ranges


def write_caffemodel(
    path: str,
    net_name: str,
    layers: Iterable[Tuple[Any, Iterable[np.ndarray]]],
    diffs: Optional[Iterable[Iterable[np.ndarray]]] = None,
) -> None:
    """Write a caffemodel in the current format, layer by layer, to a temporary name first.

    Parameters
    ----------
    path : str
        The file.
    net_name : str
        Name of the net.
    layers : iterable of (LayerParameter, iterable of ndarray)
        Each layer's message, whose own blobs are left out, and its parameters, written as float32.
    diffs : iterable of iterable of ndarray, optional
        For each layer the diffs of its parameters, to be written beside them.

    Raises
    ------
    WeightsError
        Where it cannot be written.
    """

    def write(temporary: Path) -> None:
        with open(str(temporary), "wb") as stream:
            stream.write(NetParameter(name=net_name).SerializeToString())
            for (message, arrays), of_layer in zip(layers, diffs or repeat(repeat(None))):
                for piece in _layer_field(message, zip(arrays, of_layer)):
                    stream.write(piece)

    try:
        replace_file(path, write)
    except OSError as error:
        raise WeightsError("cannot write %s: %s" % (path, error.strerror or error)) from None


def _layer_field(message: Any, blobs: Iterable[Tuple[np.ndarray, Optional[np.ndarray]]]) -> List:
    """One `layer` entry: the message without blobs, then a `blobs` entry for each (data, diff)."""
    head = LayerParameter()
    head.CopyFrom(message)
    head.ClearField("blobs")
    pieces = [head.SerializeToString()]
    for data, diff in blobs:
        pieces += blob_field(_CURRENT.blobs, np.asarray(data), diff)
    return field_of_pieces(100, pieces)
