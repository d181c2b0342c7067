"""The pictures of a run that are kept on its way."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from ..errors import CaffeStyleError
from ..pictures import images
from .watcher import Watcher


def frame_name(output: Path, iteration: int) -> Path:
    """`out-0050.png` beside `out.png`."""
    return output.with_name("%s-%04d%s" % (output.stem, iteration, output.suffix))


class Frames(Watcher):
    """Writes the picture of every so many iterations. What cannot be written costs a warning.

    Parameters
    ----------
    output : Path
        The picture beside which they go.
    every : int
        How many iterations lie between two.
    """

    def __init__(self, output: Path, every: int) -> None:
        self._output, self._every, self._failed = output, every, False

    def wants_image(self, record: Any) -> bool:
        """Return whether an iteration's picture is kept."""
        return record.iteration % self._every == 0

    def step(self, record: Any, image: Any) -> None:
        """Write an iteration's picture, (H, W, 3) uint8 RGB, if it is one of those that are kept."""
        if not self.wants_image(record):
            return
        try:
            images.write_image(frame_name(self._output, record.iteration), image)
        except CaffeStyleError as error:
            if not self._failed:
                logging.getLogger("caffe_style").warning("%s; the run goes on", error)
            self._failed = True
        else:
            self._failed = False
