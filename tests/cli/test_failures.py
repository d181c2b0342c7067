"""Whatever fails during a run: the picture is written, and nothing else is lost."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile

import pytest
from helpers.program import (
    ENDLESS,
    FAST,
    SHORT,
    call,
    is_picture,
    line_of,
    posix,
    run,
    start,
)

from caffe_style.errors import BackendError
from caffe_style.optimise import evaluations
from caffe_style.pictures import images
from caffe_style.runs import synthesis


@posix
def test_a_folder_in_the_picture_s_place(folder):
    process = start(folder, "-o", "out.png")
    (folder / "out.png").mkdir()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    found = [path for path in folder.glob("out-*.png") if len(path.stem) > len("out-123456")]
    assert process.returncode == 130
    assert len(found) == 1 and is_picture(found[0]) and "the picture is %s" % found[0].name in told


def test_a_folder_that_goes_away(folder, monkeypatch):
    """The run is over, the picture is in the temporary folder: status 1, one line says where."""
    (folder / "gone").mkdir()
    (folder / "temporary").mkdir()
    plain = synthesis.minimise

    def minimise(*arguments, **settings):
        result = plain(*arguments, **settings)
        shutil.rmtree("gone")
        return result

    monkeypatch.setattr(synthesis, "minimise", minimise)
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "temporary"))
    result = call(folder, "transfer", "a.png", "b.png", *SHORT, "-o", "gone/out.png")
    assert result.returncode == 1
    found = list((folder / "temporary").iterdir())
    assert len(found) == 1 and is_picture(found[0])
    line_of(result, "gone/out.png", "the picture is %s" % found[0])
    assert images.read_metadata(found[0])["iterations"] == 2


def test_frames_that_cannot_be_written_cost_one_warning(folder):
    for number in (1, 2):
        (folder / ("out-000%d.png" % number)).mkdir()
    options = [*FAST, "--iterations", "3", "--quiet", "--save-every", "1", "-o", "out.png"]
    result = call(folder, "transfer", "a.png", "b.png", *options)
    assert result.returncode == 0 and is_picture(folder / "out.png")
    assert is_picture(folder / "out-0003.png")
    line_of(result, "out-0001.png", "the run continues")


FULL = """
import resource, signal, sys
from caffe_style import cli
from caffe_style.watch import curves
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
plain = curves.check_curve
def check_curve(path):
    plain(path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
curves.check_curve = check_curve
sys.exit(cli.main(sys.argv[2:]))
"""


@posix
def test_a_full_disk_costs_the_curve_and_the_frames_alone(folder):
    """The system takes no file that is larger than the picture."""
    common = ["transfer", "a.png", "b.png", *FAST, "--iterations", "40", "--quiet"]
    assert call(folder, *common, "-o", "whole.jpg", "--curve", "whole.csv").returncode == 0
    size = (folder / "whole.jpg").stat().st_size
    assert (folder / "whole.csv").stat().st_size > size + 100
    result = run(
        folder,
        *(str(size + 50), *common, "-o", "out.jpg", "--curve", "out.csv"),
        program=[sys.executable, "-c", FULL],
    )
    assert result.returncode == 0, result.stderr
    line_of(result, "out.csv", "File too large")
    assert sorted(path.name for path in folder.glob("*out*")) == ["out.jpg"]
    assert is_picture(folder / "out.jpg")


@pytest.fixture
def fail(monkeypatch):
    """A function that lets the evaluation of this number, from 1, fail."""
    plain, calls = evaluations.Run.evaluate, []

    def begin(number, error):
        def evaluate(self, trial):
            calls.append(1)
            if len(calls) == number:
                raise error
            return plain(self, trial)

        monkeypatch.setattr(evaluations.Run, "evaluate", evaluate)

    return begin


LOST = BackendError("the device is lost")


@pytest.mark.parametrize(
    "error, status, words",
    [
        (MemoryError(), 2, "not enough memory"),
        (LOST, 2, "the device is lost"),
        (ValueError("a bug"), 1, "a bug"),
    ],
)
def test_an_error_after_iterations_leaves_the_last_good_picture(folder, fail, error, status, words):
    fail(8, error)
    result = call(folder, "transfer", "a.png", "b.png", *ENDLESS, "-o", "out.png")
    assert result.returncode == status
    assert words + "; the last good picture is out.png" in result.stderr
    assert is_picture(folder / "out.png")
    ended = images.read_metadata(folder / "out.png")["ended"]
    assert words in ended or isinstance(error, MemoryError)


def test_an_error_at_the_second_scale_leaves_the_first_one_s_picture(folder, fail):
    options = ["--iterations", "4", "--quiet", "--scales", "2", "-o", "out.png"]
    evaluated = call(folder, "transfer", "a.png", "b.png", *FAST, *options, "--curve", "c.csv")
    assert evaluated.returncode == 0
    rows = (folder / "c.csv").read_text().splitlines()[1:]
    (folder / "out.png").unlink()
    first = next(place for place, row in enumerate(rows, 1) if row.split(",")[1] == "2")
    # The scale's own start is the evaluation after its two steps.
    fail(first + 1, LOST)
    result = call(folder, "transfer", "a.png", "b.png", *FAST, *options)
    assert result.returncode == 2
    line_of(result, "the last good picture is out.png")
    assert is_picture(folder / "out.png")


def test_an_error_before_any_iteration_leaves_nothing(folder, fail):
    fail(1, LOST)
    result = call(folder, "transfer", "a.png", "b.png", *ENDLESS, "-o", "out.png")
    assert result.returncode == 2
    line_of(result, "error: the device is lost")
    assert not list(folder.glob("*out*"))


HOG = """
import os, resource, sys, threading
from caffe_style import cli
from caffe_style.watch import frames
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
plain, kept = frames.Frames.step, []
def hog():
    try:
        while True:
            kept.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
def let_go():
    while kept:
        os.close(kept.pop())
def write(self, record, image):
    if record.iteration == 2:
        hog()
        if sys.argv[1] == "passing":
            threading.Timer(0.5, let_go).start()
    plain(self, record, image)
frames.Frames.step = write
sys.exit(cli.main(sys.argv[2:]))
"""


@posix
@pytest.mark.parametrize("how", ["passing", "lasting"])
def test_no_file_descriptors(folder, how):
    """Frames are retried; the picture has descriptors put aside."""
    result = run(
        folder,
        *(how, "transfer", "a.png", "b.png", *SHORT, "--iterations", "3", "-o", "out.png"),
        *("--save-every", "1"),
        program=[sys.executable, "-c", HOG],
    )
    assert result.returncode == 0 and is_picture(folder / "out.png")
    frames = sorted(path.name for path in folder.glob("out-*.png"))
    if how == "passing":
        assert result.stderr == "" and len(frames) == 3
    else:
        line_of(result, "out-0002.png", "Too many open files")
        assert frames == ["out-0001.png"]
