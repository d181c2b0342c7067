"""A run as an animation: GIF and WebP by pillow, MP4 by the program ffmpeg."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterable, List, Optional, Sequence, Union

import numpy as np

from ..errors import CaffeStyleError, OptionError
from ..system.files import (
    await_descriptors,
    check_writable,
    lacks_descriptors,
    reason,
    write_whole,
)
from .watcher import Watcher

#: Frames kept: at most this many, at least half as many of a run that has them.
MOST_FRAMES = 120
FRAMES_PER_SECOND = 12
#: The last frame stays for this many seconds.
LAST_SECONDS = 2
#: Longest edge in pixels by type of file: larger ones would take minutes to encode and more to send.
LONGEST_EDGE = {".gif": 480, ".webp": 720, ".mp4": 1280}
#: Of ffmpeg: pixels as all players know them, which takes an even width and height.
ENCODER = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p"]
ENCODER += ["-c:v", "libx264", "-preset", "fast", "-crf", "18"]


class Animation(Watcher):
    """Collects a run's pictures as files and writes them as one; use it as the run's callback.

    The frames are spread evenly over the run, however long: whenever there are too many, every second one
    goes, and from then on half as many are taken. Memory and disk are bounded.

    Parameters
    ----------
    path : path
        Ends in .gif, .webp or .mp4.
    quiet : bool
        Show no progress bar while `end` writes it.

    Raises
    ------
    OptionError
        When it could not be written: another suffix, a folder, no such folder, no ffmpeg for .mp4.
    """

    def __init__(self, path: Union[str, Path], quiet: bool = True) -> None:
        self.path, self._quiet = Path(path), quiet
        self._suffix = self.path.suffix.lower()
        if self._suffix not in LONGEST_EDGE:
            raise OptionError("%s: an animation ends in .gif, .webp or .mp4" % path)
        check_writable(self.path)
        self._ffmpeg = find_ffmpeg(self.path) if self._suffix == ".mp4" else None
        self._folder = tempfile.TemporaryDirectory(prefix="caffe-style-")
        self._frames: List[Path] = []
        self._count, self._every, self._failed = 0, 1, False
        self._last: Optional[np.ndarray] = None

    def __enter__(self) -> Animation:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._folder.cleanup()

    def step(self, record: Any, image: np.ndarray) -> None:
        """Take a frame, (H, W, 3) uint8 RGB, if its turn has come."""
        self._last = image
        if self._count % self._every == 0 and not self._failed:
            self._keep(image)
        self._count += 1

    def end(self, status: str, message: str, history: Sequence[Any] = ()) -> None:
        """Write the animation. What cannot be written costs a warning: the picture is there."""
        from tqdm import tqdm

        try:
            self.write(
                lambda frames: tqdm(
                    frames, "animation", disable=self._quiet, unit="frame", file=sys.stderr
                )
            )
        except CaffeStyleError as error:
            logging.getLogger("caffe_style").warning("%s", error)

    def _keep(self, image: np.ndarray) -> None:
        if len(self._frames) == MOST_FRAMES:
            for frame in self._frames[1::2]:
                frame.unlink()
            self._frames = self._frames[::2]
            self._every *= 2
        frame = Path(self._folder.name) / ("%09d.png" % self._count)
        await_descriptors()
        try:
            _shrunk(image, LONGEST_EDGE[self._suffix]).save(str(frame), compress_level=1)
        except OSError as error:
            # The picture is worth more than its animation: the run goes on.
            if lacks_descriptors(error):
                return  # the next frame may have one
            self._failed = True
            logging.getLogger("caffe_style").warning(
                "%s: no more frames (%s)", self.path, reason(error)
            )
        else:
            self._frames.append(frame)

    def write(self, progress: Callable[[List[Path]], Iterable[Path]] = iter) -> None:
        """Encode the frames there are; without any, nothing is written.

        Parameters
        ----------
        progress : callable
            Given the list of frames, yields them while it shows how far they are, as tqdm does.

        Raises
        ------
        OptionError
            When the encoder fails or the file cannot be written.
        """
        if self._last is not None and (self._count - 1) % self._every and not self._failed:
            self._keep(self._last)
        if not self._frames:
            return
        frames = progress(self._frames)

        def write(temporary: Path) -> None:
            if self._ffmpeg is not None:
                _write_mp4(temporary, frames, self._ffmpeg)
            else:
                _write_frames(temporary, frames, len(self._frames))

        write_whole(self.path, write)


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
    try:
        _encode(program, [], ["-f", "null", "-"], trial=True)
    except OSError as error:
        raise OptionError("%s: %s cannot encode it (%s)" % (path, program, error)) from None
    return program


def _write_mp4(path: Path, frames: Iterable[Path], ffmpeg: str) -> None:
    _encode(ffmpeg, frames, ["-movflags", "+faststart", str(path)])


def _encode(ffmpeg: str, frames: Iterable[Path], output: List[str], trial: bool = False) -> None:
    """Have ffmpeg encode PNG files, or in a trial one plain frame; a failure is an OSError in its words."""
    source = ["-f", "image2pipe", "-c:v", "png", "-r", str(FRAMES_PER_SECOND), "-i", "-"]
    if trial:
        source = ["-f", "lavfi", "-i", "color=size=64x64", "-frames:v", "1"]
    with tempfile.TemporaryFile() as said:
        encoder = subprocess.Popen(
            [ffmpeg, "-y", "-loglevel", "error", *source, *ENCODER, *output],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        try:
            with encoder.stdin:
                for frame in frames:
                    picture = frame.read_bytes()
                    encoder.stdin.write(picture)
                for _ in range(0 if trial else LAST_SECONDS * FRAMES_PER_SECOND - 1):
                    encoder.stdin.write(picture)
        except BrokenPipeError:
            pass  # it says why
        except BaseException:
            encoder.kill()
            raise
        finally:
            status = encoder.wait()
        if status:
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").strip().splitlines()
            raise OSError(lines[-1] if lines else "exit status %d" % status)


def _write_frames(path: Path, frames: Iterable[Path], count: int) -> None:
    """Write a GIF or WebP that repeats for ever."""
    from PIL import Image

    def read(frame: Path) -> Any:
        with Image.open(str(frame)) as image:
            image.load()
        # Colours of its own for each frame: those of a start are not those of the end.
        return image.quantize(256) if path.suffix == ".gif" else image

    pictures = map(read, frames)
    next(pictures).save(
        str(path),
        save_all=True,
        append_images=pictures,
        duration=[1000 // FRAMES_PER_SECOND] * (count - 1) + [1000 * LAST_SECONDS],
        loop=0,
        **({"quality": 85, "method": 2} if path.suffix == ".webp" else {}),
    )


def _shrunk(image: np.ndarray, longest: int) -> Any:
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((longest, longest), Image.LANCZOS)
    return picture
