"""solverstate: where a training run stands, a binary SolverState or, by its suffix .h5, the same as HDF5."""

from __future__ import annotations

import os
from typing import List, NamedTuple

import numpy as np

from ...errors import CheckpointError
from ...system.files import replace_file
from ..proto.caffe_pb2 import SolverState as Message
from .blobs import blob_array, blob_field, find_blob
from .hdf5 import import_h5py
from .wire import BYTES, VARINT, BrokenWire, Walker, as_int

#: Numbers of SolverState's fields.
_ITER, _LEARNED_NET, _HISTORY, _CURRENT_STEP = 1, 2, 3, 4


class SolverState(NamedTuple):
    """What a solver continues from: updates done, weights' file, history arrays, steps of the rate done."""

    iteration: int
    learned_net: str
    history: List[np.ndarray]
    current_step: int


def read_solverstate(path: str) -> SolverState:
    """Read a solverstate.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    SolverState
        Its `learned_net` is empty where the file names none.

    Raises
    ------
    CheckpointError
        Where the file is missing, or is no solverstate.
    BackendError
        Where it is HDF5 and h5py is not installed.
    """
    if not os.path.isfile(path):
        raise CheckpointError("%s: there is no such solverstate" % path)
    try:
        return _read_hdf5(path) if path.endswith(".h5") else _read_binary(path)
    # h5py raises OSError, KeyError, RuntimeError and more for broken files.
    except (BrokenWire, OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError("%s is no solverstate (%s)" % (path, reason)) from None


def write_solverstate(path: str, state: SolverState) -> None:
    """Write a solverstate, whole or not at all.

    Parameters
    ----------
    path : str
        The file.
    state : SolverState
        Its history is written as float32.

    Raises
    ------
    CheckpointError
        Where the file cannot be written.
    BackendError
        Where it is HDF5 and h5py is not installed.
    """
    write = _write_hdf5 if path.endswith(".h5") else _write_binary
    try:
        replace_file(path, lambda temporary: write(str(temporary), state))
    except OSError as error:
        raise CheckpointError("cannot write %s: %s" % (path, error.strerror or error)) from None


def _read_binary(path: str) -> SolverState:
    with open(path, "rb") as stream:
        content = stream.read()
    walker = Walker(content)
    found = {_ITER: 0, _LEARNED_NET: b"", _CURRENT_STEP: 0}
    history = []
    for number, wire_type, value in walker.fields(0, len(content)):
        if number in (_ITER, _CURRENT_STEP) and wire_type == VARINT:
            found[number] = as_int(value, 32)
        elif number == _LEARNED_NET and wire_type == BYTES:
            found[number] = content[slice(*value)]
        elif number == _HISTORY and wire_type == BYTES:
            where = "history %d" % len(history)
            history.append(blob_array(find_blob(walker, where, *value)))
        else:
            raise BrokenWire("it has a field %d" % number)
    return SolverState(
        found[_ITER], os.fsdecode(found[_LEARNED_NET]), history, found[_CURRENT_STEP]
    )


def _write_binary(path: str, state: SolverState) -> None:
    head = Message(
        iter=state.iteration, learned_net=state.learned_net, current_step=state.current_step
    )
    with open(path, "wb") as stream:
        stream.write(head.SerializeToString())
        for array in state.history:
            for piece in blob_field(_HISTORY, array):
                stream.write(piece)


def _read_hdf5(path: str) -> SolverState:
    with import_h5py().File(path, "r") as file:
        group = file["history"]
        history = [np.asarray(group[str(i)][()], np.float32) for i in range(len(group))]
        learned_net = bytes(file["learned_net"][()]) if "learned_net" in file else b""
        iteration, current_step = (int(file[name][0]) for name in ("iter", "current_step"))
    return SolverState(iteration, os.fsdecode(learned_net), history, current_step)


def _write_hdf5(path: str, state: SolverState) -> None:
    with import_h5py().File(path, "w") as file:
        file["iter"] = np.array([state.iteration], np.int32)
        file["current_step"] = np.array([state.current_step], np.int32)
        # A C string, whose end Caffe looks for.
        name = os.fsencode(state.learned_net)
        file["learned_net"] = np.array(name, "S%d" % (len(name) + 1))
        group = file.create_group("history")
        for i, array in enumerate(state.history):
            group[str(i)] = np.asarray(array, np.float32)
