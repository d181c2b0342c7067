"""Animations: which frames they hold, that they are written whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image, features

from caffe_style import Animation
from caffe_style.errors import OptionError
from caffe_style.pictures import images
from caffe_style.watch import animation as animate


@pytest.fixture(scope="module")
def ffmpeg():
    try:
        return animate.find_ffmpeg("test.mp4")
    except OptionError as error:
        pytest.skip(str(error))


def shade(value, height=24, width=33):
    return np.full((height, width, 3), value, np.uint8)


def shades(path):
    """The brightness of each frame, and how long each is shown."""
    with Image.open(str(path)) as animation:
        found = []
        for frame in range(animation.n_frames):
            animation.seek(frame)
            found.append(
                (int(np.asarray(animation.convert("L")).mean()), animation.info["duration"])
            )
        return found


def record_shades(path, values):
    with Animation(path) as animation:
        for value in values:
            animation(None, shade(value))
        animation.write()
        folder = animation._folder.name
    assert not os.path.exists(folder)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_frames_in_order_and_the_last_one_stays(tmp_path, suffix):
    if suffix == ".webp" and not features.check("webp"):
        pytest.skip("this pillow has no WebP")
    values = [10, 60, 120, 180, 240]
    record_shades(tmp_path / ("run" + suffix), values)
    seen = shades(tmp_path / ("run" + suffix))
    np.testing.assert_allclose([value for value, _ in seen], values, atol=2)
    assert seen[-1][1] >= 1900 > 100 > seen[0][1]
    assert [path.name for path in tmp_path.iterdir()] == ["run" + suffix]


def test_a_long_run_is_thinned_evenly_and_ends_with_its_last_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(animate, "MOST_FRAMES", 8)
    record_shades(tmp_path / "run.gif", range(100, 143))
    values = [value for value, _ in shades(tmp_path / "run.gif")]
    assert values == [100, 108, 116, 124, 132, 140, 142]


def test_frames_on_disk_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(animate, "MOST_FRAMES", 8)
    with Animation(tmp_path / "run.gif") as animation:
        most = 0
        for _ in range(200):
            animation(None, shade(1))
            most = max(most, len(os.listdir(animation._folder.name)))
    assert most == 8


def test_large_pictures_are_shrunk(tmp_path):
    with Animation(tmp_path / "run.gif") as animation:
        animation(None, shade(7, 300, 1200))
        animation.write()
    with Image.open(str(tmp_path / "run.gif")) as written:
        assert written.size == (480, 120)


def test_mp4_of_any_size(tmp_path, ffmpeg):
    """33 x 24: players want even numbers."""
    record_shades(tmp_path / "run.mp4", [10, 120, 240])
    told = subprocess.run(
        [ffmpeg, "-i", str(tmp_path / "run.mp4"), "-f", "rawvideo", "-pix_fmt", "gray", "-"],
        capture_output=True,
    )
    frames = np.frombuffer(told.stdout, np.uint8).reshape(-1, 24, 34)
    held = animate.LAST_SECONDS * animate.FRAMES_PER_SECOND
    assert len(frames) == 2 + held
    np.testing.assert_allclose(frames[[0, 1, 2, -1], 12, 16], [10, 120, 240, 240], atol=4)
    assert b"12 fps" in told.stderr and b"yuv420p" in told.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["run.mp4"]


@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
def test_progress_sees_each_frame(tmp_path, suffix, ffmpeg):
    seen = []

    def show(frames):
        for frame in frames:
            seen.append(len(frames))
            yield frame

    with Animation(tmp_path / ("run" + suffix)) as animation:
        for value in (10, 20, 30):
            animation(None, shade(value))
        animation.write(show)
    assert seen == [3, 3, 3]


def test_an_ffmpeg_that_breaks_off_says_why(tmp_path, ffmpeg):
    with Animation(tmp_path / "run.mp4") as animation:
        for _ in range(3):
            animation(None, shade(10))
        animation._frames[0].write_bytes(b"this is no PNG")
        animation._frames[1].write_bytes(b"this is no PNG")
        animation._frames[2].write_bytes(b"this is no PNG")
        with pytest.raises(OptionError, match="cannot be written"):
            animation.write()
    assert not list(tmp_path.iterdir())


def test_a_run_without_iterations_writes_nothing(tmp_path):
    record_shades(tmp_path / "run.gif", [])
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_told_before_the_run(tmp_path, monkeypatch):
    with pytest.raises(OptionError, match="ends in .gif, .webp or .mp4"):
        Animation(tmp_path / "run.avi")
    with pytest.raises(OptionError, match="no/such"):
        Animation("no/such/run.gif")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(OptionError, match="pip install imageio-ffmpeg, or choose a .gif"):
        Animation(tmp_path / "run.mp4")


def test_an_ffmpeg_that_cannot_encode_is_told_before_the_run(tmp_path, monkeypatch):
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho 'Unknown encoder' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OptionError, match="Unknown encoder"):
        Animation(tmp_path / "run.mp4")


def test_a_failed_encoder_leaves_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "run.gif").write_bytes(b"the old one")

    def fail(path, frames, count):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(animate, "_write_frames", fail)
    with pytest.raises(OptionError, match="No space left"):
        record_shades(tmp_path / "run.gif", [1, 2])
    assert (tmp_path / "run.gif").read_bytes() == b"the old one"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_during_the_run_does_not_end_it(tmp_path, monkeypatch, caplog):
    with Animation(tmp_path / "run.gif") as animation:
        animation(None, shade(50))
        monkeypatch.setattr(Image.Image, "save", lambda *a, **k: (_ for _ in ()).throw(OSError(28)))
        animation(None, shade(60))
        monkeypatch.undo()
        animation(None, shade(70))
        animation.write()
    assert len(caplog.records) == 1 and "no more frames" in caplog.text
    assert [value for value, _ in shades(tmp_path / "run.gif")] == [50]


def test_an_interrupted_run_leaves_an_animation(tmp_path):
    for seed, name in enumerate(("content.png", "style.png")):
        images.write_image(tmp_path / name, images.coloured_noise(60, 80, 1.0, seed))
    process = subprocess.Popen(
        [sys.executable, "-m", "caffe_style", "transfer", "content.png", "style.png"]
        + ["-o", "out.png", "--model", "strokenet", "--size", "48", "--iterations", "100000"]
        + ["--save-every", "1", "--animate", "run.gif", "--quiet"],
        cwd=str(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 300
    while len(list(tmp_path.glob("out-*.png"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in error
    kept = len(list(tmp_path.glob("out-*.png")))
    frames = len(shades(tmp_path / "run.gif"))
    assert frames >= min(kept, animate.MOST_FRAMES // 2)
    with Image.open(str(tmp_path / "run.gif")) as animation:
        assert animation.size == (48, 36)
    assert json.dumps(images.read_metadata(tmp_path / "out.png"))
