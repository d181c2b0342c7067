"""Saving pictures during a run."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from ..errors import CaffeStyleError
from ..pictures import images
from .watcher import Watcher


def frame_name(output: Path, iteration: int) -> Path:
    """Return the name of an iteration's picture, such as `out-0050.png` in the folder of `out.png`.

    Examples
    --------
    >>> frame_name(Path("out.png"), 50).name
    'out-0050.png'
    """
    return output.with_name("%s-%04d%s" % (output.stem, iteration, output.suffix))


class Frames(Watcher):
    """A watcher that writes the picture of every N-th iteration. If that fails, it logs a warning.

    Parameters
    ----------
    output : Path
        File of the final picture, which determines the names of the others.
    every : int
        Number N of iterations between two pictures.
    """

    def __init__(self, output: Path, every: int) -> None:
        self._output, self._every, self._failed = output, every, False

    def wants_image(self, record: Any) -> bool:
        """Return whether the iteration's picture is saved."""
        return record.iteration % self._every == 0

    def step(self, record: Any, image: Any) -> None:
        """Write the iteration's picture (H, W, 3) uint8 RGB, if it is one to save."""
        if not self.wants_image(record):
            return
        try:
            images.write_image(frame_name(self._output, record.iteration), image)
        except CaffeStyleError as error:
            if not self._failed:
                logging.getLogger("caffe_style").warning("%s; the run continues", error)
            self._failed = True
        else:
            self._failed = False
