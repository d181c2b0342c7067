"""Data: pictures of an LMDB database."""

from __future__ import annotations

import os
from typing import Any, Sequence, Tuple
from weakref import WeakValueDictionary

import numpy as np

from ..blob import Blob
from .base import register
from .reading import decode_picture
from .sources import Source
from .transformation import Transformation

#: A process may open a database only once; the nets of a solver often share one.
_open: WeakValueDictionary = WeakValueDictionary()


@register("Data")
class Data(Source):
    """Serves the Datums of a database in the order of their keys, round and round.

    Tops: (batch, channels, height, width), with the shape of the batch's first picture, and (batch,) labels.
    """

    tops = (1, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Open the database, and look at its first picture for the shape."""
        param = self.param.data_param
        if param.backend != param.LMDB:
            self.fail("LevelDB databases are not read here: convert it to LMDB, backend: LMDB")
        if not param.batch_size:
            self.fail("batch_size must be positive")
        self.transformation = Transformation(self)
        self.environment = self._open_environment(param.source)
        self.cursor = self.environment.begin().cursor()
        if not self.cursor.first():
            self.fail("the database %s is empty" % param.source)
        self._shape_tops(self._read()[0], top)

    def _open_environment(self, source: str) -> Any:
        try:
            import lmdb
        except ImportError:
            self.fail("LMDB databases need the package lmdb: pip install lmdb")
        path = os.path.realpath(source)
        environment = _open.get(path)
        if environment is None:
            try:
                environment = lmdb.open(
                    path, readonly=True, lock=False, create=False, subdir=os.path.isdir(path)
                )
            except lmdb.Error as error:
                self.fail("cannot open the database: %s" % error)
            _open[path] = environment
        return environment

    def _read(self) -> Tuple[np.ndarray, int]:
        """The picture whose turn it is, (channels, height, width), and its label."""
        from ..io import datum_to_array
        from ..proto.caffe_pb2 import Datum

        param = self.param.transform_param
        color = True if param.force_color else False if param.force_gray else None
        try:
            datum = Datum.FromString(self.cursor.value())
            picture = decode_picture(datum.data, color) if datum.encoded else datum_to_array(datum)
        except Exception as error:  # protobuf's own, of no common base
            self.fail("the item of key %r cannot be read: %s" % (bytes(self.cursor.key()), error))
        return picture, datum.label

    def _shape_tops(self, picture: np.ndarray, top: Sequence[Blob]) -> None:
        batch = self.param.data_param.batch_size
        top[0].set_shape((batch,) + self.transformation.shape(picture.shape))
        for blob in top[1:]:
            blob.set_shape((batch,))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Serve the next batch."""
        for i in range(self.param.data_param.batch_size):
            picture, label = self._read()
            if not i:
                self._shape_tops(picture, top)
                values = [blob.data_view for blob in top]
            if self.transformation.shape(picture.shape) != values[0].shape[1:]:
                self.fail("the pictures of a batch differ in size: give crop_size")
            for target, value in zip(values, (self.transformation(picture), label)):
                target[i] = value
            if not self.cursor.next():
                self.cursor.first()
