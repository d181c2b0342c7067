"""A run as an animation: GIF and WebP by pillow, MP4 by the program ffmpeg."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, List, Optional, Union

import numpy as np

from .errors import OptionError

#: Frames kept: at most this many, at least half as many of a run that has them.
MOST_FRAMES = 120
FRAMES_PER_SECOND = 12
#: The last frame stays for this many seconds.
LAST_SECONDS = 2
#: Longest edge in pixels by type of file: larger ones would take minutes to encode and more to send.
LONGEST_EDGE = {".gif": 480, ".webp": 720, ".mp4": 1280}


class Animation:
    """Collects a run's pictures as files and writes them as one; use it as the run's callback.

    The frames are spread evenly over the run, however long: whenever there are too many, every second one
    goes, and from then on half as many are taken. Memory and disk are bounded.

    Parameters
    ----------
    path : path
        Ends in .gif, .webp or .mp4.

    Raises
    ------
    OptionError
        When it could not be written: another suffix, no such folder, no ffmpeg for .mp4.
    """

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = Path(path)
        self._suffix = self.path.suffix.lower()
        if self._suffix not in LONGEST_EDGE:
            raise OptionError("%s: an animation ends in .gif, .webp or .mp4" % path)
        if not self.path.parent.is_dir() or not os.access(str(self.path.parent), os.W_OK):
            raise OptionError(
                "%s: the folder %s is not there or not writable" % (path, self.path.parent)
            )
        self._ffmpeg = find_ffmpeg(self.path) if self._suffix == ".mp4" else None
        self._folder = tempfile.TemporaryDirectory(prefix="caffe-style-")
        self._frames: List[Path] = []
        self._count, self._every, self._failed = 0, 1, False
        self._last: Optional[np.ndarray] = None

    def __enter__(self) -> Animation:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._folder.cleanup()

    def __call__(self, record: Any, image: np.ndarray) -> None:
        """Take a frame, (H, W, 3) uint8 RGB, if its turn has come."""
        self._last = image
        if self._count % self._every == 0 and not self._failed:
            self._keep(image)
        self._count += 1

    def _keep(self, image: np.ndarray) -> None:
        if len(self._frames) == MOST_FRAMES:
            for frame in self._frames[1::2]:
                frame.unlink()
            self._frames = self._frames[::2]
            self._every *= 2
        frame = Path(self._folder.name) / ("%09d.png" % self._count)
        try:
            _shrunk(image, LONGEST_EDGE[self._suffix]).save(str(frame), compress_level=1)
        except OSError as error:
            # The picture is worth more than its animation: the run goes on.
            self._failed = True
            logging.getLogger("caffe_style").warning(
                "%s: no more frames (%s)", self.path, error.strerror or error
            )
        else:
            self._frames.append(frame)

    def write(self) -> None:
        """Encode the frames there are; without any, nothing is written.

        Raises
        ------
        OptionError
            When the encoder fails or the file cannot be written.
        """
        if self._last is not None and (self._count - 1) % self._every and not self._failed:
            self._keep(self._last)
        if not self._frames:
            return
        logging.getLogger("caffe_style").info("%s: %d frames", self.path, len(self._frames))
        temporary = self.path.with_name(
            ".%s.%d.part%s" % (self.path.stem, os.getpid(), self._suffix)
        )
        try:
            if self._ffmpeg is not None:
                _write_mp4(temporary, self._frames, self._ffmpeg)
            else:
                _write_frames(temporary, self._frames)
            os.replace(str(temporary), str(self.path))
        except OSError as error:
            raise OptionError(
                "%s: cannot be written (%s)" % (self.path, error.strerror or error)
            ) from error
        finally:
            if temporary.exists():
                temporary.unlink()


def find_ffmpeg(path: Union[str, Path]) -> str:
    """The ffmpeg program that can write MP4: the system's, or the one of the package imageio-ffmpeg.

    Raises
    ------
    OptionError
        When there is none that encodes H.264; `path` names the file that needs it.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        try:
            from imageio_ffmpeg import get_ffmpeg_exe

            program = get_ffmpeg_exe()
        except (ImportError, RuntimeError):
            raise OptionError(
                "%s: MP4 needs ffmpeg: install it, or pip install imageio-ffmpeg, or ask for a .gif"
                % path
            ) from None
    trial = ["-f", "lavfi", "-i", "color=size=64x64", "-frames:v", "1"]
    try:
        _run(program, [*trial, *ENCODER, "-f", "null", "-"])
    except OSError as error:
        raise OptionError("%s: %s cannot encode it (%s)" % (path, program, error)) from None
    return program


#: Pixels as all players know them, which takes an even width and height.
ENCODER = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-c:v", "libx264", "-crf", "18"]
ENCODER += ["-pix_fmt", "yuv420p"]


def _write_mp4(path: Path, frames: List[Path], ffmpeg: str) -> None:
    listing = frames[0].parent / "frames.txt"
    shown = frames + frames[-1:] * (LAST_SECONDS * FRAMES_PER_SECOND - 1)
    listing.write_text("".join("file %s\n" % frame.name for frame in shown))
    source = ["-r", str(FRAMES_PER_SECOND), "-f", "concat", "-i", str(listing)]
    _run(ffmpeg, [*source, *ENCODER, "-movflags", "+faststart", str(path)])


def _run(ffmpeg: str, arguments: List[str]) -> None:
    """Run ffmpeg; a failure is an OSError with the last line it said."""
    done = subprocess.run(
        [ffmpeg, "-nostdin", "-y", "-loglevel", "error", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise OSError(said[-1] if said else "exit status %d" % done.returncode)


def _write_frames(path: Path, frames: List[Path]) -> None:
    """Write a GIF or WebP that repeats for ever."""
    from PIL import Image

    def read(frame: Path) -> Any:
        with Image.open(str(frame)) as image:
            image.load()
        # Colours of its own for each frame: those of a start are not those of the end.
        return image.quantize(256) if path.suffix == ".gif" else image

    read(frames[0]).save(
        str(path),
        save_all=True,
        append_images=(read(frame) for frame in frames[1:]),
        duration=[1000 // FRAMES_PER_SECOND] * (len(frames) - 1) + [1000 * LAST_SECONDS],
        loop=0,
        **({"quality": 85, "method": 2} if path.suffix == ".webp" else {}),
    )


def _shrunk(image: np.ndarray, longest: int) -> Any:
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((longest, longest), Image.LANCZOS)
    return picture
