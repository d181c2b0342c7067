"""Checking the file of a checkpoint before it is used: members, header and arrays.

The file is an uncompressed .npz as numpy writes it, with a JSON member `header` and arrays of the picture's
shape. No memory is allocated for an array before the file is known to be large enough to hold it.
"""

from __future__ import annotations

import dataclasses
import os
import zipfile
from typing import Any, Dict, Tuple

import numpy as np

from ..optimise.evaluations import Record
from ..pictures import metadata as noted

_COUNT, _NUMBER, _TEXT = (int,), (int, float), (str,)
#: Entries of the header, apart from `run` and `history`.
_HEADER = {
    "scale": _COUNT,
    "done": _COUNT,
    "memory": _COUNT,
    "fresh_starts": _COUNT,
    "loss": _NUMBER,
    "step_length": _NUMBER,
}
_RUN = {
    "parameters": (dict,),
    "identity": (dict,),
    "network": (dict,),
    "threads": (int, type(None)),
    "tiles": (list,),
    "folder": _TEXT,
}
_RECORD = {
    "iteration": _COUNT,
    "loss": _NUMBER,
    "terms": (dict,),
    "seconds": _NUMBER,
    "evaluation": _NUMBER,
    "accepted": (bool,),
}
#: Arguments of `open_network`, whose types are in `caffe_style.pictures.metadata`.
_NETWORK = ("model", "backend", "device", "weights_file", "pooling", "mean", "seed")
#: Longest header in characters; the history of many iterations is long.
_LONGEST_HEADER = 1 << 26


def read_members(path: Any) -> Tuple[Dict[str, Any], Dict[str, np.ndarray]]:
    """Read the header and the arrays of a file, by the names of its members.

    Raises
    ------
    Exception
        An error of any kind if the file is not a checkpoint; OSError if it cannot be read.
    """
    with zipfile.ZipFile(str(path)) as archive:
        infos = archive.infolist()
        if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
            raise ValueError("it is compressed")
        if sum(info.file_size for info in infos) > os.path.getsize(str(path)):
            raise ValueError("its parts are larger than the file")
        members = {
            info.filename[:-4]: _read_array(archive, info)
            for info in infos
            if info.filename.endswith(".npy")
        }
    text = members.pop("header").astype(np.uint8, casting="no").tobytes()
    if len(text) > _LONGEST_HEADER:
        raise ValueError("its header is too long")
    return noted.parse_json(text.decode(), longest=_LONGEST_HEADER), members


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(info) as stream:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError("%s is in another format" % info.filename)
        shape, by_columns, kind = np.lib.format.read_array_header_1_0(stream)
        if kind.hasobject or by_columns:
            raise ValueError("%s is of another type" % info.filename)
        values = np.frombuffer(bytearray(stream.read()), kind)
    return values.reshape(shape)


def check_header(header: Dict[str, Any]) -> None:
    """Raise ValueError unless a header has all its entries in the right types."""
    _check(header, {**_HEADER, "run": (dict,), "history": (list,)})
    run = header["run"]
    _check(run, _RUN)
    network = run["network"]
    if sorted(network) != sorted(_NETWORK):
        raise ValueError("network must have %s" % ", ".join(_NETWORK))
    for part in (run, network, run["parameters"]):
        noted.check_run(part)
    for tile in run["tiles"]:
        if tile is not None and not (noted.is_a(tile, _COUNT) and tile > 0):
            raise ValueError("a tile cannot be %s" % noted.shortened(tile))
    if not header["scale"] < len(run["tiles"]):
        raise ValueError("its run has fewer sizes")
    names = {field.name for field in dataclasses.fields(Record)}
    # Files of older versions lack these.
    _check(header, {name: _COUNT for name in ("age", "first") if name in header})
    for record in header["history"]:
        if not isinstance(record, dict) or set(record) != names:
            raise ValueError("its history is broken")
        _check(record, _RECORD)
        if not all(noted.is_a(part, _NUMBER) for part in record["terms"].values()):
            raise ValueError("its history is broken")
    if not header["history"]:
        raise ValueError("its history is empty")


def _check(values: Dict[str, Any], types: Dict[str, tuple]) -> None:
    for name, allowed in types.items():
        value = values.get(name)
        if not noted.is_a(value, allowed) or (allowed == _COUNT and value < 0):
            raise ValueError("%s cannot be %s" % (name, noted.shortened(value)))


def check_arrays(header: Dict[str, Any], members: Dict[str, np.ndarray]) -> None:
    """Raise ValueError unless the file has the picture and the memory that its header describes."""
    drawn = ["drawn"] if "drawn" in members else []
    if 2 * header["memory"] + 1 + len(drawn) != len(members):
        raise ValueError("its memory is not complete")
    shape = members["point"].shape
    if len(shape) != 4 or shape[:2] != (1, 3) or 0 in shape:
        raise ValueError("its picture has the shape %s" % (shape,))
    for name in ["point", *drawn] + [
        kind % number for kind in ("step_%d", "change_%d") for number in range(header["memory"])
    ]:
        array = members[name]
        if array.dtype != np.float64 or array.shape != shape or not np.isfinite(array).all():
            raise ValueError("%s is not an array of finite numbers in the picture's shape" % name)
