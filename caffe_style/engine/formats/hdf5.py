"""Parameters as HDF5, in Caffe's layout: group `data`, in it a group a layer, in it data sets "0", "1", ...

A layer whose name has slashes ("fire2/conv1x1_1") lies in nested groups. h5py is needed and only imported here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Collection, Dict, Iterable, List, Optional

import numpy as np

from ...errors import BackendError, WeightsError
from ...system.files import replace_file
from .caffemodel import MissingWeightsError


def save_hdf5(
    path: str,
    params: Dict[str, Iterable[np.ndarray]],
    diffs: Optional[Dict[str, Iterable[np.ndarray]]] = None,
) -> None:
    """Write parameters, to a temporary name first.

    Parameters
    ----------
    path : str
        The file.
    params : dict of str to iterable of ndarray
        Parameters of each layer, written as float32.
    diffs : dict of str to iterable of ndarray, optional
        Their diffs, written into a group `diff` beside `data`.

    Raises
    ------
    WeightsError
        Where the file cannot be written.
    BackendError
        Where h5py is not installed.
    """
    h5py = import_h5py()

    def write(temporary: Path) -> None:
        with h5py.File(str(temporary), "w") as file:
            for kind, layers in (("data", params), ("diff", diffs)):
                if layers is not None:
                    _write_layers(file.create_group(kind), layers)

    try:
        replace_file(path, write)
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError("cannot write %s: %s" % (path, error)) from None


def _write_layers(parent: Any, layers: Dict[str, Iterable[np.ndarray]]) -> None:
    for name, arrays in layers.items():
        group = parent.require_group(name)
        for i, array in enumerate(arrays):
            group.create_dataset(str(i), data=np.asarray(array, np.float32))


def load_hdf5(path: str, wanted: Optional[Collection[str]] = None) -> Dict[str, List[np.ndarray]]:
    """Read parameters.

    Parameters
    ----------
    path : str
        The file.
    wanted : set of str, optional
        Names of the layers to read; all by default.

    Returns
    -------
    dict of str to list of ndarray
        float32 parameters of each wanted layer that the file has.

    Raises
    ------
    MissingWeightsError
        Where the file cannot be opened; it is a RuntimeError too.
    WeightsError
        Where it is not HDF5, or not in Caffe's layout.
    BackendError
        Where h5py is not installed.
    """
    h5py = import_h5py()
    if not os.path.isfile(path):
        raise MissingWeightsError("Could not open file %s" % path)
    limit = os.path.getsize(path)
    try:
        with h5py.File(path, "r") as file:
            data = file["data"]
            names = _layer_names(h5py, data) if wanted is None else [n for n in wanted if n in data]
            return {name: _read_layer(h5py, data[name], limit) for name in names}
    except WeightsError as error:
        raise WeightsError("%s is broken: %s" % (path, error)) from None
    except (
        Exception
    ) as error:  # h5py raises OSError, KeyError, RuntimeError and more for broken files
        reason = " ".join(str(error).split())
        raise WeightsError(
            "%s holds no parameters in Caffe's HDF5 layout (%s)" % (path, reason)
        ) from None


def import_h5py() -> Any:
    """The module h5py.

    Raises
    ------
    BackendError
        Where it is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise BackendError("HDF5 files need h5py: pip install h5py") from None
    return h5py


def _layer_names(h5py: Any, data: Any) -> List[str]:
    """Groups that hold data sets."""
    names: Dict[str, None] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            names[name.rpartition("/")[0]] = None

    data.visititems(note)
    return list(names)


def _read_layer(h5py: Any, group: Any, limit: int) -> List[np.ndarray]:
    arrays: List[np.ndarray] = []
    while isinstance(group, h5py.Group) and str(len(arrays)) in group:
        item = group[str(len(arrays))]
        if not isinstance(item, h5py.Dataset):
            break
        # A data set that was never filled may claim any size: its zeros would be made on reading.
        if item.dtype.kind != "f" or item.size * item.dtype.itemsize > limit:
            raise WeightsError("%s is no array of floats that fits into the file" % item.name)
        arrays.append(np.asarray(item[()], np.float32))
    return arrays
