"""Parameters as HDF5."""

from __future__ import annotations

import random as standard
import tempfile
from pathlib import Path
from typing import Iterator

import h5py
import numpy as np

from caffe_style.engine.formats.hdf5 import load_hdf5, save_hdf5

from .mutations import mutated


def saved() -> bytes:
    """A file that is whole."""
    params = {"conv1": [np.ones((4, 3, 3, 3)), np.zeros(4)], "fire2/conv": [np.ones((2, 2))]}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.h5")
        save_hdf5(str(path), params, params)
        return path.read_bytes()


def otherwise(random: standard.Random) -> bytes:
    """A file whose groups and data sets are others than Caffe's."""
    values = (
        np.ones(3, "i8"),
        np.array([b"text"]),
        np.array(1.0),
        np.zeros((0, 2)),
        np.array([1 + 2j]),
        np.array([(1, 2)], [("a", "i4"), ("b", "f4")]),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.h5")
        with h5py.File(str(path), "w") as file:
            for name in ("data/a/0", "data/a/1", "data/b", "data/c/x", "data/c/0/0", "other"):
                if random.random() < 0.6:
                    file[name] = random.choice(values)
            if random.random() < 0.3:
                file["data/d"] = random.choice(
                    (h5py.SoftLink("/data"), h5py.SoftLink("/nowhere"), h5py.ExternalLink("x", "/"))
                )
        return path.read_bytes()


def cases(random: standard.Random) -> Iterator[bytes]:
    whole = saved()
    yield whole
    while True:
        yield mutated(whole, random) if random.random() < 0.7 else otherwise(random)


def read(path: Path) -> None:
    load_hdf5(str(path))
