"""HDF5Data and HDF5Output: arrays of HDF5 files."""

from __future__ import annotations

from pathlib import Path
from typing import List, Sequence

import numpy as np

from ...errors import BackendError
from ...system.files import replace_file
from ..blob import Blob
from ..fillers import generator
from ..formats.hdf5 import import_h5py
from .base import Layer, register
from .reading import read_list
from .sources import Source


@register("HDF5Data")
class HDF5Data(Source):
    """Serves the rows of the files in a list, round and round; each top is the data set of its name."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the list and its first file."""
        param = self.param.hdf5_data_param
        if self.param.HasField("transform_param"):
            self.fail("does not transform data: remove transform_param")
        if not param.batch_size:
            self.fail("batch_size must be positive")
        self.files = read_list(self, param.source).split()
        if param.shuffle:
            generator().shuffle(self.files)
        self.current = 0
        self._load()
        for blob, rows in zip(top, self.arrays):
            blob.set_shape((param.batch_size,) + rows.shape[1:])

    def _load(self) -> None:
        """Read the current file."""
        path = self.files[self.current]
        try:
            with import_h5py().File(path, "r") as file:
                self.arrays = [np.asarray(file[name][()], np.float32) for name in self.param.top]
        except BackendError as error:
            self.fail(str(error))
        except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
            self.fail("cannot read %s: %s" % (path, " ".join(str(error).split())))
        lengths = {rows.shape[:1] for rows in self.arrays}
        if len(lengths) > 1 or () in lengths or (0,) in lengths:
            self.fail("the data sets of %s must have rows, and equally many" % path)
        self._order_rows()

    def _order_rows(self) -> None:
        self.row = 0
        self.order = np.arange(len(self.arrays[0]))
        if self.param.hdf5_data_param.shuffle:
            generator().shuffle(self.order)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Serve the next batch."""
        targets: List[np.ndarray] = [blob.data_view for blob in top]
        for i in range(self.param.hdf5_data_param.batch_size):
            for target, rows in zip(targets, self.arrays):
                if rows.shape[1:] != target.shape[1:]:
                    self.fail("%s has rows of another shape" % self.files[self.current])
                target[i] = rows[self.order[self.row]]
            self._advance()

    def _advance(self) -> None:
        self.row += 1
        if self.row < len(self.order):
            return
        if len(self.files) == 1:
            self._order_rows()
            return
        self.current += 1
        if self.current == len(self.files):
            self.current = 0
            if self.param.hdf5_data_param.shuffle:
                generator().shuffle(self.files)
        self._load()


@register("HDF5Output")
class HDF5Output(Layer):
    """Writes its two bottoms to a file, as data sets "data" and "label"; only once, as in Caffe."""

    bottoms = (2, 2)
    tops = (0, 0)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Nothing is written yet."""
        self.written = False
        if not self.param.hdf5_output_param.file_name:
            self.fail("needs hdf5_output_param { file_name }")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """As many labels as items."""
        if bottom[0].shape[:1] != bottom[1].shape[:1]:
            self.fail(
                "its bottoms differ in batch size: shapes %s and %s"
                % (bottom[0].shape, bottom[1].shape)
            )

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Write the file."""
        path = self.param.hdf5_output_param.file_name
        if self.written:
            self.fail("has written %s already: it holds one batch" % path)

        def write(temporary: Path) -> None:
            with import_h5py().File(str(temporary), "w") as file:
                for name, blob in zip(("data", "label"), bottom):
                    file[name] = blob.data_view

        try:
            replace_file(path, write)
        except (BackendError, OSError) as error:
            self.fail("cannot write %s: %s" % (path, error))
        self.written = True

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Nothing flows back."""
