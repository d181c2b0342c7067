"""ImageData: pictures of a list, with a label each."""

from __future__ import annotations

from pathlib import Path
from typing import List, Sequence, Tuple

import numpy as np

from ..blob import Blob
from ..fillers import generator
from .base import register
from .reading import decode_picture, read_list, resize_picture
from .sources import Source
from .transformation import Transformation


@register("ImageData")
class ImageData(Source):
    """Serves the pictures of a list of lines "file label", round and round.

    Tops: (batch, channels, height, width), with the shape of the batch's first picture, and (batch,) labels.
    """

    tops = (2, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the list, and the first picture for the shape."""
        param = self.param.image_data_param
        if bool(param.new_height) != bool(param.new_width):
            self.fail("give both new_height and new_width, or none")
        if not param.batch_size:
            self.fail("batch_size must be positive")
        self.transformation = Transformation(self)
        self.items = self._read_items()
        self.position = 0
        if param.shuffle:
            generator().shuffle(self.items)
        if param.rand_skip:
            self.position = int(generator().randint(param.rand_skip))
            if self.position >= len(self.items):
                self.fail("rand_skip goes beyond the end of the list")
        self._shape_tops(self._read_picture(), top)

    def _read_items(self) -> List[Tuple[str, int]]:
        source = self.param.image_data_param.source
        items = []
        for number, line in enumerate(read_list(self, source).splitlines(), 1):
            if not line.strip():
                continue
            name, _, label = line.rstrip().rpartition(" ")
            try:
                items.append((name, int(label)))
            except ValueError:
                self.fail("%s, line %d: expected a file and a whole number" % (source, number))
        return items

    def _read_picture(self) -> np.ndarray:
        """The picture whose turn it is, (channels, height, width) uint8, before its transformation."""
        param = self.param.image_data_param
        path = param.root_folder + self.items[self.position][0]
        try:
            picture = decode_picture(Path(path).read_bytes(), param.is_color)
        except (OSError, ValueError) as error:
            self.fail("cannot read the picture %s: %s" % (path, error))
        if param.new_height:
            picture = resize_picture(picture, param.new_height, param.new_width)
        return picture

    def _shape_tops(self, picture: np.ndarray, top: Sequence[Blob]) -> None:
        batch = self.param.image_data_param.batch_size
        top[0].set_shape((batch,) + self.transformation.shape(picture.shape))
        top[1].set_shape((batch,))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Serve the next batch."""
        first = self._read_picture()
        self._shape_tops(first, top)
        pictures, labels = top[0].data_view, top[1].data_view
        for i in range(len(labels)):
            picture = self._read_picture() if i else first
            if self.transformation.shape(picture.shape) != pictures.shape[1:]:
                self.fail(
                    "%s is of another size than its batch's first: give new_height and new_width,"
                    " crop_size, or a batch_size of 1" % self.items[self.position][0]
                )
            pictures[i] = self.transformation(picture)
            labels[i] = self.items[self.position][1]
            self._advance()

    def _advance(self) -> None:
        self.position += 1
        if self.position == len(self.items):
            self.position = 0
            if self.param.image_data_param.shuffle:
                generator().shuffle(self.items)
