"""Animations of a run: GIF and WebP by pillow, MP4 by the program ffmpeg."""

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

#: Most frames of an animation. A long run gives at least half as many.
MOST_FRAMES = 120
FRAMES_PER_SECOND = 12
#: Seconds for which the last frame is shown.
LAST_SECONDS = 2
#: Longest edge in pixels by type of file. Larger frames would take minutes to encode.
LONGEST_EDGE = {".gif": 480, ".webp": 720, ".mp4": 1280}
#: Options of ffmpeg: a pixel format that all players know, which needs an even width and height.
ENCODER = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p"]
ENCODER += ["-c:v", "libx264", "-preset", "fast", "-crf", "18"]


class Animation(Watcher):
    """A watcher that writes an animation of a run.

    The frames are spread evenly over the run, whatever its length. Whenever there are too many, every second
    frame is dropped, and from then on half as many are kept. This bounds memory and disk space.

    Parameters
    ----------
    path : path
        File to write, which ends in .gif, .webp or .mp4.
    quiet : bool
        Whether to hide the progress bar while the file is written.

    Raises
    ------
    OptionError
        If the file cannot be written: it has another suffix, it is a folder, its folder does not exist, or
        there is no ffmpeg for .mp4.

    Examples
    --------
    >>> import numpy as np
    >>> import caffe_style as cs
    >>> style = np.random.RandomState(0).randint(0, 256, (32, 32, 3), np.uint8)
    >>> with cs.Animation("run.gif") as animation:
    ...     result = cs.texture(
    ...         style, cs.open_network("strokenet"), size=32, iterations=3, callback=animation
    ...     )
    ...     animation.write()
    >>> cs.read_image("run.gif").shape
    (32, 32, 3)
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
        """Keep the picture (H, W, 3) uint8 RGB, if it is one of the frames."""
        self._last = image
        if self._count % self._every == 0 and not self._failed:
            self._keep(image)
        self._count += 1

    def end(self, status: str, message: str, history: Sequence[Any] = ()) -> None:
        """Write the animation. If that fails, log a warning."""
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
            # The picture matters more than its animation, so the run continues.
            if lacks_descriptors(error):
                return  # the next frame may get one
            self._failed = True
            logging.getLogger("caffe_style").warning(
                "%s: no more frames (%s)", self.path, reason(error)
            )
        else:
            self._frames.append(frame)

    def write(self, progress: Callable[[List[Path]], Iterable[Path]] = iter) -> None:
        """Encode the frames so far. Without frames nothing is written.

        Parameters
        ----------
        progress : callable
            Function that wraps the list of frames and shows the progress, as tqdm does.

        Raises
        ------
        OptionError
            If the encoder fails, or the file cannot be written.
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
    """Find an ffmpeg program that can write MP4: the system's, or that of the package imageio-ffmpeg.

    Raises
    ------
    OptionError
        If there is none that encodes H.264. The message names the file `path`.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        try:
            from imageio_ffmpeg import get_ffmpeg_exe

            program = get_ffmpeg_exe()
        except (ImportError, RuntimeError):
            raise OptionError(
                "%s: MP4 needs ffmpeg: install it, or pip install imageio-ffmpeg, or choose a .gif"
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
    """Let ffmpeg encode PNG files, or one plain frame as a trial; raise OSError if it fails."""
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
            pass  # its message says why
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
    """Write a GIF or WebP that repeats forever."""
    from PIL import Image

    def read(frame: Path) -> Any:
        with Image.open(str(frame)) as image:
            image.load()
        # Each frame gets its own palette, since the colours change during the run.
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
