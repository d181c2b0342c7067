"""The files that a run writes: they are checked before the run, and the picture is never lost."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, Optional

from ..errors import CaffeStyleError, OptionError
from ..pictures import images
from ..system import files, interrupts
from ..watch.frames import frame_name
from ..watch.watcher import Watcher

#: Number of file descriptors that are reserved for the picture.
_RESERVE = 4
#: Length of the longest remark that is added to the metadata at the end of a run, in characters.
_LATER = 500


def check_outputs(
    args: argparse.Namespace, output: Path, iterations: int, inputs: Iterable[Optional[str]]
) -> None:
    """Check, before a run, that its files can be written.

    Parameters
    ----------
    args : Namespace
    output : Path
        File of the picture.
    iterations : int
    inputs : iterable of str or None
        Files that the run reads.

    Raises
    ------
    CaffeStyleError
        If a name is too long, is that of a folder, or has an unknown suffix, if the format has no room for the
        picture, or if a file is also read or would be written twice.
    """
    from ..watch.curves import check_curve

    images.check_writable(output)
    images.check_fits(output, getattr(args, "size", 1))
    if args.curve is not None:
        check_curve(args.curve)
    others = (
        args.curve,
        args.animate,
        *(getattr(args, name, None) for name in ("checkpoint", "show_regions")),
    )
    outputs = [path for path in others if path is not None]
    sources = [path for path in inputs if path is not None]
    files.check_apart([output, *outputs], sources)
    if args.save_every:
        steps = range(args.save_every, iterations + 1, args.save_every)
        if steps:
            images.check_writable(frame_name(output, steps[-1]))
        for path in [*sources, *outputs]:
            _check_no_frame(output, steps, Path(os.path.realpath(path)), path)


def _check_no_frame(output: Path, steps: range, real: Path, path: str) -> None:
    """Check that no frame would replace a file that the run reads or writes."""
    number = real.stem.rpartition("-")[2]
    if not number.isdecimal() or int(number) not in steps:
        return
    frame = frame_name(output, int(number))
    if Path(os.path.realpath(frame)) == real:
        raise OptionError("%s: --save-every would overwrite it; choose another name" % path)


class Picture(Watcher):
    """The picture of a run, which is written even if its own name fails.

    Parameters
    ----------
    path : Path
        File to write.

    Attributes
    ----------
    path : Path
        File that was written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reserve = contextlib.ExitStack()

    def __enter__(self) -> Picture:
        with contextlib.suppress(OSError):
            for _ in range(_RESERVE):
                self._reserve.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        return self

    def __exit__(self, *exception: Any) -> None:
        self._reserve.close()

    def begin(self, parameters: Dict[str, Any]) -> None:
        """Check, before the first iteration, that the file has room for the picture's size and parameters.

        Raises
        ------
        ImageError
        """
        images.check_fits(self.path, parameters["size"], {**parameters, "ended": " " * _LATER})

    def wants_image(self, record: Any) -> bool:
        """Return False."""
        return False

    def step(self, record: Any, image: Any) -> None:
        """Delay interruptions from the first iteration on, so that no picture is lost."""
        interrupts.guard()

    def write(self, image: Any, metadata: Dict[str, Any]) -> bool:
        """Write the picture; if that fails, write it under another name.

        Parameters
        ----------
        image : ndarray, (H, W, 3) uint8 RGB
        metadata : dict

        Returns
        -------
        bool
            Whether the picture has its own name. If not, a warning gives the other name.

        Raises
        ------
        CaffeStyleError
            If it cannot be written anywhere.
        """
        self._reserve.close()
        wanted = self.path
        for path in _places(wanted):
            try:
                images.write_image(path, image, metadata)
            except (CaffeStyleError, MemoryError) as error:
                if path == wanted:
                    first = error
                continue
            self.path = path
            if path != wanted:
                logging.getLogger("caffe_style").warning("%s; the picture is %s", first, path)
            return path == wanted
        raise first


def _places(path: Path) -> Iterator[Path]:
    """Yield a picture's own name, then names that are likely to work."""
    yield path
    name = "%s-%s.png" % (path.stem[:40], os.urandom(4).hex())
    yield path.with_name(name)
    with contextlib.suppress(OSError):  # there may be no temporary folder
        yield Path(tempfile.gettempdir()) / name
