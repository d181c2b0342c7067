"""Whatever fails once iterations have been done: the picture is written, and nothing else is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from caffe_style import cli
from caffe_style.errors import OptionError
from caffe_style.pictures import images
from caffe_style.system import files, interrupts

posix = pytest.mark.skipif(os.name != "posix", reason="signals and descriptors are POSIX")
PROGRAM = [sys.executable, "-m", "caffe_style"]
FAST = ["--model", "strokenet", "--size", "64", "--threads", "1"]
SHORT = [*FAST, "--iterations", "2", "--quiet"]
ENDLESS = [*FAST, "--iterations", "100000", "--quiet"]


@pytest.fixture
def folder(tmp_path):
    for seed, name in enumerate(("a.png", "b.png")):
        images.write_image(tmp_path / name, images.coloured_noise(60, 80, 1.0, seed))
    return tmp_path


def run(folder: Path, *arguments: str, program=PROGRAM, **settings) -> subprocess.CompletedProcess:
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings}
    command = [*program, *map(str, arguments)]
    return subprocess.run(command, cwd=str(folder), timeout=120, text=True, **settings)


def start(folder: Path, *arguments: str, program=PROGRAM, **settings) -> subprocess.Popen:
    """Begin a run, and wait until it has kept a frame."""
    process = subprocess.Popen(
        [*program, "transfer", "a.png", "b.png", *ENDLESS, "--save-every", "1", *arguments],
        cwd=str(folder),
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )
    wait_for(lambda: list(folder.glob("out-*")) or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


def wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_picture(path: Path) -> bool:
    return images.read_image(path).shape == (48, 64, 3)


def line_of(result: subprocess.CompletedProcess, *words: str) -> str:
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and "Traceback" not in result.stderr, result.stderr
    for word in words:
        assert word in lines[0]
    return lines[0]


# -- refused before the run ---------------------------------------------------------------------------

LONG = "x" * 250


@pytest.mark.parametrize(
    "options, words",
    [
        (["-o", "x" * 300 + ".png"], ["cannot be written", "long"]),
        (["-o", LONG + ".png", "--save-every", "1"], ["-0002.png", "long"]),
        (["-o", "out.png", "--curve", LONG + "12345.csv"], ["long"]),
        (["-o", "out.webp", "--size", "16384"], ["out.webp", "16383", "write a .png"]),
        (["-o", "out.png", "--curve", "folder.csv"], ["folder.csv", "is a folder"]),
        (["-o", "out.png", "--animate", "folder.gif"], ["folder.gif", "is a folder"]),
        (["-o", "a.png"], ["a.png", "is read"]),
        (["-o", "./b.png"], ["b.png", "is read"]),
        (["-o", "link.png"], ["link.png", "is read"]),
        (["-o", "out.png", "--init", "out.png"], ["out.png", "is read"]),
        (["-o", "mask.png", "--style", "b.png:mask.png"], ["mask.png", "is read"]),
        (["-o", "out.png", "--curve", "out.png"], ["out.png", "twice"]),
        (["-o", "out.webp", "--animate", "../%s/out.webp"], ["out.webp", "twice"]),
        (["-o", "out.png", "--save-every", "1", "--curve", "out-0002.png"], ["--save-every"]),
        (["-o", "out.png", "--save-every", "2", "--init", "out-0002.png"], ["--save-every"]),
        (["-o", ""], ["end its name in"]),
        (["-o", "out.png", "--curve", ""], ["ends in .csv"]),
        (["-o", "out.png", "--animate", ""], ["ends in .gif"]),
        (["-o", "out.png", "--checkpoint", ""], ["ends in .npz"]),
        (["-o", "out.png", "--resume", "run.npz", "--like", "a.png"], ["--resume and --like"]),
    ],
)
def test_refused_before_anything_is_computed(folder, options, words, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "folder.csv").mkdir()
    (folder / "folder.gif").mkdir()
    for name in ("mask.png", "out-0002.png"):
        shutil.copy("a.png", name)
    if "--init" in options and "out.png" in options:
        shutil.copy("a.png", "out.png")
    if "link.png" in options:
        os.symlink("a.png", "link.png")
    options = [option.replace("%s", folder.name) for option in options]
    before = {path: path.read_bytes() for path in folder.glob("*.png")}
    monkeypatch.setattr("caffe_style.cli.request.open_asked", None)
    assert cli.main(["transfer", "a.png", "b.png", *SHORT, *options]) == 2
    told = capsys.readouterr().err.strip()
    assert told.startswith("caffe-style: error: ") and "\n" not in told
    for word in words:
        assert word in told
    assert {path: path.read_bytes() for path in folder.glob("*.png")} == before


def test_frames_that_are_not_kept_may_be_anything(folder):
    shutil.copy(str(folder / "a.png"), str(folder / "out-0003.png"))
    result = run(
        folder, "transfer", "out-0003.png", "b.png", *SHORT, "-o", "out.png", "--save-every", "2"
    )
    assert result.returncode == 0, result.stderr
    assert is_picture(folder / "out-0002.png")


def test_a_name_as_long_as_the_system_takes(folder):
    name = "x" * 251 + ".png"
    result = run(folder, "transfer", "a.png", "b.png", *SHORT, "-o", name)
    assert result.returncode == 0, result.stderr
    assert is_picture(folder / name)


def test_parameters_that_jpeg_has_no_room_for(folder):
    # The names of styles are parameters; JPEG takes 65,533 bytes of them.
    os.makedirs(str(folder / ("d" * 200) / ("e" * 200)))
    long = os.path.join("d" * 200, "e" * 200, "f" * 200 + ".png")
    shutil.copy(str(folder / "b.png"), str(folder / long))
    styles = ["--style", long] * 120
    small = ["--model", "strokenet", "--size", "32", "--iterations", "1", "--quiet"]
    result = run(folder, "transfer", "a.png", "b.png", *styles, *small, "-o", "out.jpg")
    assert result.returncode == 2
    line_of(result, "out.jpg", "JPEG has no room", "write a .png")
    assert not list(folder.glob("out*"))


def test_the_plot_of_statistics_is_not_the_picture(folder):
    before = (folder / "a.png").read_bytes()
    options = ["--model", "strokenet", "--plot", "a.png"]
    result = run(folder, "statistics", "a.png", *options)
    assert result.returncode == 2
    line_of(result, "a.png", "is read")
    assert (folder / "a.png").read_bytes() == before


def test_threads_out_of_range(folder):
    result = run(folder, "transfer", "a.png", "b.png", *SHORT, "--threads", "99999999999")
    assert result.returncode == 2
    assert "--threads: must be at least 1 and at most 4096" in result.stderr.splitlines()[-1]


@posix
@pytest.mark.parametrize("place", ["content", "style", "mask", "init", "device"])
def test_pipes_and_devices_are_not_waited_for(folder, place):
    os.mkfifo(str(folder / "pipe.png"))
    pipe = "/dev/zero" if place == "device" else "pipe.png"
    arguments = {
        "content": [pipe, "b.png"],
        "style": ["a.png", pipe],
        "device": ["a.png", pipe],
        "mask": ["a.png", "b.png:" + pipe],
        "init": ["a.png", "b.png", "--init", pipe],
    }[place]
    result = run(folder, "transfer", *arguments, *SHORT, "-o", "out.png")
    assert result.returncode == 2
    line_of(result, pipe, "a pipe or device, not a file")


@posix
@pytest.mark.parametrize(
    "arguments",
    [
        ["transfer", "--resume", "pipe.npz"],
        ["batch", "pipe.yaml"],
        ["batch", "pipe.csv"],
        ["show", "pipe.png"],
        ["transfer", "a.png", "b.png", "--model", "models"],
    ],
)
def test_no_other_input_is_a_pipe(folder, arguments):
    for name in ("pipe.npz", "pipe.yaml", "pipe.csv", "pipe.png"):
        os.mkfifo(str(folder / name))
    (folder / "models").mkdir()
    (folder / "models" / "readme.md").write_text("---\nname: net\n---\n")
    os.mkfifo(str(folder / "models" / "deploy.prototxt"))
    result = run(folder, *arguments)
    assert result.returncode == 2
    line_of(result)


# -- writing fails all the same -------------------------------------------------------------------------


@posix
def test_a_folder_in_the_picture_s_place(folder):
    process = start(folder, "-o", "out.png")
    (folder / "out.png").mkdir()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    found = [path for path in folder.glob("out-*.png") if len(path.stem) > len("out-123456")]
    assert process.returncode == 130
    assert len(found) == 1 and is_picture(found[0]) and "the picture is %s" % found[0].name in told


GONE = """
import shutil, sys
from caffe_style import cli, optimise
evaluations = []
def minimise(evaluate, *arguments, **settings):
    result = plain(evaluate, *arguments, **settings)
    shutil.rmtree("gone")
    return result
from caffe_style.runs import synthesis
plain, synthesis.minimise = synthesis.minimise, minimise
sys.exit(cli.main(sys.argv[1:]))
"""


def test_a_folder_that_goes_away(folder):
    """The run is over, the picture is in the temporary folder: status 1, one line says where."""
    (folder / "gone").mkdir()
    (folder / "temporary").mkdir()
    result = run(
        folder,
        *("transfer", "a.png", "b.png", *SHORT, "-o", "gone/out.png"),
        program=[sys.executable, "-c", GONE],
        env=dict(os.environ, TMPDIR=str(folder / "temporary"), TEMP=str(folder / "temporary")),
    )
    assert result.returncode == 1
    found = list((folder / "temporary").iterdir())
    assert len(found) == 1 and is_picture(found[0])
    line_of(result, "gone/out.png", "the picture is %s" % found[0])
    assert images.read_metadata(found[0])["iterations"] == 2


def test_frames_that_cannot_be_written_cost_one_warning(folder):
    for number in (1, 2):
        (folder / ("out-000%d.png" % number)).mkdir()
    options = [*FAST, "--iterations", "3", "--quiet", "--save-every", "1", "-o", "out.png"]
    result = run(folder, "transfer", "a.png", "b.png", *options)
    assert result.returncode == 0 and is_picture(folder / "out.png")
    assert is_picture(folder / "out-0003.png")
    line_of(result, "out-0001.png", "the run goes on")


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
    assert run(folder, *common, "-o", "whole.jpg", "--curve", "whole.csv").returncode == 0
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


FAILS = """
import sys
from caffe_style import cli
from caffe_style.optimise import evaluations
plain, calls = evaluations.Run.evaluate, []
def evaluate(self, trial):
    calls.append(1)
    if len(calls) == int(sys.argv[1]):
        raise errors[sys.argv[2]]
    return plain(self, trial)
from caffe_style.errors import BackendError
errors = {"memory": MemoryError(), "bug": ValueError("a bug"), "backend": BackendError("the device is lost")}
evaluations.Run.evaluate = evaluate
sys.exit(cli.main(sys.argv[3:]))
"""


@pytest.mark.parametrize(
    "what, status, words",
    [("memory", 2, "not enough memory"), ("backend", 2, "the device is lost"), ("bug", 1, "a bug")],
)
def test_an_error_after_iterations_leaves_the_last_good_picture(folder, what, status, words):
    result = run(
        folder,
        *("8", what, "transfer", "a.png", "b.png", *ENDLESS, "-o", "out.png"),
        program=[sys.executable, "-c", FAILS],
    )
    assert result.returncode == status
    assert words + "; the last good picture is out.png" in result.stderr
    assert is_picture(folder / "out.png")
    assert words in images.read_metadata(folder / "out.png")["ended"] or what == "memory"


def test_an_error_at_the_second_scale_leaves_the_first_one_s_picture(folder):
    options = ["--iterations", "4", "--quiet", "--scales", "2", "-o", "out.png"]
    evaluations = run(folder, "transfer", "a.png", "b.png", *FAST, *options, "--curve", "c.csv")
    assert evaluations.returncode == 0
    rows = (folder / "c.csv").read_text().splitlines()[1:]
    (folder / "out.png").unlink()
    first = next(place for place, row in enumerate(rows, 1) if row.split(",")[1] == "2")
    # The scale's own start is the evaluation after its two steps.
    result = run(
        folder,
        *(str(first + 1), "backend", "transfer", "a.png", "b.png", *FAST, *options),
        program=[sys.executable, "-c", FAILS],
    )
    assert result.returncode == 2
    line_of(result, "the last good picture is out.png")
    assert is_picture(folder / "out.png")


def test_an_error_before_any_iteration_leaves_nothing(folder):
    result = run(
        folder,
        *("1", "backend", "transfer", "a.png", "b.png", *ENDLESS, "-o", "out.png"),
        program=[sys.executable, "-c", FAILS],
    )
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


# -- signals ------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_each_signal_keeps_the_picture(folder, name):
    temporary = folder / "temporary"
    temporary.mkdir()
    process = start(
        folder, "-o", "out.png", "--animate", "out.gif", "--checkpoint", "run.npz",
        env=dict(os.environ, TMPDIR=str(temporary)),
    )  # fmt: skip
    assert list(temporary.iterdir())
    process.send_signal(getattr(signal, name))
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in told
    assert "interrupted after" in told and "--resume run.npz" in told
    assert is_picture(folder / "out.png") and (folder / "out.gif").stat().st_size
    assert not list(temporary.iterdir()) and not list(folder.glob(".*"))
    assert "interrupted" in images.read_metadata(folder / "out.png")["ended"]


@posix
@pytest.mark.parametrize("pause", [0, 0.002, 0.01, 0.05])
def test_a_second_signal_at_once_loses_nothing(folder, pause):
    process = start(folder, "-o", "out.tif")
    for name in ("SIGINT", "SIGHUP", "SIGTERM", "SIGINT"):
        process.send_signal(getattr(signal, name))
        time.sleep(pause)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in told
    assert is_picture(folder / "out.tif") and not list(folder.glob(".*"))


#: Interrupts itself when the last iteration is done: as the picture is written, and before that.
LATE = """
import os, signal, sys
from caffe_style import cli
from caffe_style.pictures import images
from caffe_style.runs import synthesis
where = sys.argv[1]
def interrupting(function):
    def wrapped(*arguments, **settings):
        if interrupting.ready:
            interrupting.ready = False
            os.kill(os.getpid(), signal.SIGINT)
        return function(*arguments, **settings)
    return wrapped
interrupting.ready = False
plain = synthesis.minimise
def minimise(*arguments, **settings):
    result = plain(*arguments, **settings)
    interrupting.ready = True
    return result
synthesis.minimise = minimise
if where == "converting":
    synthesis.from_caffe = interrupting(synthesis.from_caffe)
else:
    images.encode = interrupting(images.encode)
sys.exit(cli.main(sys.argv[2:]))
"""


@posix
@pytest.mark.parametrize("where", ["converting", "writing"])
def test_a_first_signal_after_the_last_iteration_loses_nothing(folder, where):
    result = run(
        folder,
        *(where, "transfer", "a.png", "b.png", *SHORT, "-o", "out.png"),
        program=[sys.executable, "-c", LATE],
    )
    assert result.returncode == 130
    line_of(result, "interrupted")
    assert is_picture(folder / "out.png") and not list(folder.glob(".*"))


@posix
def test_nohup_holds(folder):
    process = start(
        folder, "-o", "out.png", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    process.send_signal(signal.SIGHUP)
    frames = len(list(folder.glob("out-*")))
    wait_for(lambda: len(list(folder.glob("out-*"))) > frames + 2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    process.stderr.close()


#: Interrupts itself when a module is about to be loaded, from the first one of the command line on.
EARLY = """
import os, runpy, signal, sys, time
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            # As text, in which a KeyboardInterrupt counts as not caught.
            exec("os.kill(os.getpid(), getattr(signal, number)); time.sleep(1)")
module, number = sys.argv[1:3]
sys.argv[1:3] = []
sys.meta_path.insert(0, Finder())
runpy.run_module("caffe_style", run_name="__main__", alter_sys=True)
"""


@posix
@pytest.mark.parametrize(
    "module, name",
    [
        ("caffe_style.cli", "SIGINT"),
        ("argparse", "SIGINT"),
        ("caffe_style.cli.transfer", "SIGTERM"),
        ("numpy", "SIGHUP"),
    ],
)
def test_while_the_program_starts(folder, module, name):
    arguments = [module, name, "transfer", "a.png", "b.png", *SHORT]
    (folder / "early.py").write_text(EARLY)
    result = run(folder, *arguments, program=[sys.executable, "-m", "early"])
    assert result.returncode == 130
    assert line_of(result) == "caffe-style: interrupted"


@posix
def test_compare_and_figure_end_and_leave_no_temporary_folder(folder):
    for arguments in (
        ["compare", "a.png", "b.png", "--backends", "numpy", "--model", "strokenet"],
        ["figure", "2", "--content", "a.png", "--style", "b.png", "--model", "strokenet"],
    ):
        temporary = folder / "temporary"
        temporary.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [*PROGRAM, *arguments, "--size", "64", "--iterations", "100000", "-q", "-o", "made"],
            cwd=str(folder),
            env=dict(os.environ, TMPDIR=str(temporary)),
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for((folder / "made").exists)
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 130 and "interrupted" in told, told
        assert "Traceback" not in told
        assert not list(temporary.iterdir())
        shutil.rmtree(str(folder / "made"))


@posix
def test_kept_back_until_the_next_evaluation():
    with interrupts.handled():
        interrupts.guard()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)  # still here
        with pytest.raises(KeyboardInterrupt), interrupts.within():
            pytest.fail("the evaluation began")
        os.kill(os.getpid(), signal.SIGTERM)
        interrupts.release()  # the same wish
    with interrupts.handled():
        interrupts.guard()
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0.01)
        with pytest.raises(KeyboardInterrupt):
            interrupts.release()
    with interrupts.handled(), pytest.raises(KeyboardInterrupt):
        interrupts.guard()
        with interrupts.within():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


# -- streams ------------------------------------------------------------------------------------------

needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
LOUD = [*FAST, "--iterations", "3", "-o", "out.png"]


@needs_full
@pytest.mark.parametrize("redirection", ["2>/dev/full", ">/dev/full", ">/dev/full 2>&1"])
def test_full_streams(folder, redirection):
    line = "exec %s -m caffe_style transfer a.png b.png %s %s"
    line %= (sys.executable, " ".join(LOUD), redirection)
    assert subprocess.run(["sh", "-c", line], cwd=str(folder), timeout=120).returncode == 0
    assert is_picture(folder / "out.png")


@posix
@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams(folder, redirection):
    line = "exec %s -m caffe_style transfer a.png b.png %s --curve c.csv --animate c.gif %s"
    line %= (sys.executable, " ".join(LOUD), redirection)
    assert subprocess.run(["sh", "-c", line], cwd=str(folder), timeout=120).returncode == 0
    assert is_picture(folder / "out.png")
    assert (folder / "c.csv").read_text().startswith("evaluation,")


@posix
@pytest.mark.parametrize("redirection", ["2>&1 >/dev/null | true", "| true", "2>&1 | true"])
def test_a_reader_that_goes_away(folder, redirection):
    line = "{ %s -m caffe_style transfer a.png b.png %s; echo $? >status; } %s"
    line %= (sys.executable, " ".join(LOUD), redirection)
    subprocess.run(["sh", "-c", line], cwd=str(folder), timeout=120)
    assert (folder / "status").read_text() == "0\n" and is_picture(folder / "out.png")


def test_names_that_ascii_has_not(folder):
    environment = dict(os.environ, PYTHONIOENCODING="ascii")
    result = run(
        folder, "transfer", "a.png", "b.png", *FAST, "--iterations", "2", "-o", "grün.png",
        env=environment,
    )  # fmt: skip
    assert result.returncode == 0 and result.stdout == "gr\\xfcn.png\n"
    assert is_picture(folder / "grün.png")


@needs_full
def test_streams_never_turn_failure_into_success(folder):
    line = "exec %s -m caffe_style %s >/dev/full 2>/dev/full"
    for arguments, status in (
        ("transfer none.png b.png", 2),
        ("models list", 1),
        ("show a.png", 2),
    ):
        command = ["sh", "-c", line % (sys.executable, arguments)]
        assert subprocess.run(command, cwd=str(folder), timeout=120).returncode == status
    with open("/dev/full", "w") as full:
        result = run(folder, "models", "list", stdout=full)
    assert result.returncode == 1
    line_of(result, "standard output", "No space left")


# -- files ----------------------------------------------------------------------------------------------


def test_two_runs_on_one_checkpoint(folder):
    process = start(folder, "-o", "out.png", "--checkpoint", "run.npz", "--checkpoint-every", "0")
    try:
        result = run(
            folder, "transfer", "a.png", "b.png", *SHORT, "-o", "2.png", "--checkpoint", "run.npz"
        )
        assert result.returncode == 2
        line_of(result, "run.npz", "another run saves itself there")
        assert not (folder / "2.png").exists()
    finally:
        process.kill()
        process.communicate()
    # The dead hold nothing.
    result = run(folder, "transfer", "--resume", "run.npz", "--iterations", "100000", "--quiet",
                 "-o", "3.png", "--size", "48")  # fmt: skip
    assert "another run" not in result.stderr and "size 64, not 48" in result.stderr


WRITER = """
import sys
from caffe_style.system.files import replace_file
letter = sys.argv[1]
for _ in range(200):
    replace_file("shared.txt", lambda path: path.write_text(letter * 100000))
"""


def test_of_several_writers_the_last_wins_whole(tmp_path):
    command = [sys.executable, "-c", WRITER]
    writers = [subprocess.Popen([*command, letter], cwd=str(tmp_path)) for letter in "abc"]
    path, seen = tmp_path / "shared.txt", 0
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            text = path.read_text()
            assert len(text) == 100000 and len(set(text)) == 1
            seen += 1
    assert [writer.wait() for writer in writers] == [0, 0, 0] and seen
    assert os.listdir(str(tmp_path)) == ["shared.txt"]


def test_nothing_is_left_of_a_write_that_fails_or_is_interrupted(tmp_path):
    path = tmp_path / "kept.txt"
    files.write_whole(path, lambda temporary: temporary.write_text("old"))
    for error, expected in (
        (OSError(28, "No space left on device"), OptionError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (ValueError("a bug"), ValueError),
    ):

        def write(temporary: Path, error: BaseException = error) -> None:
            temporary.write_text("half")
            raise error

        with pytest.raises(expected):
            files.write_whole(path, write)
        assert path.read_text() == "old" and os.listdir(str(tmp_path)) == ["kept.txt"]


def test_held_by_one_at_a_time(tmp_path):
    pytest.importorskip("fcntl", reason="no locks of this kind here")
    path = tmp_path / "run.npz"
    with files.held(path):
        with pytest.raises(BlockingIOError), files.held(path):
            pass
    leftover = tmp_path / ".run.1-ab.part.npz"
    leftover.write_bytes(b"half")
    with files.held(path):
        assert not leftover.exists()
    assert not os.listdir(str(tmp_path))


def test_fetched_by_one_process_at_a_time(tmp_path, monkeypatch):
    pytest.importorskip("fcntl", reason="no locks of this kind here")
    from caffe_style.errors import WeightsError
    from caffe_style.networks import install

    monkeypatch.setenv("CAFFE_STYLE_HOME", str(tmp_path))
    with files.held(tmp_path / "vgg19.caffemodel"):
        with pytest.raises(WeightsError, match="being downloaded by another process"):
            install.fetch("vgg19", progress=False)


def test_each_format_has_its_room(tmp_path):
    big = np.zeros((2, 70000, 3), np.uint8)
    for suffix, most in ((".webp", 16383), (".jpg", 65500)):
        images.check_fits(tmp_path / ("a" + suffix), most)
        images.write_image(tmp_path / ("a" + suffix), big[:, :most])
        with pytest.raises(images.ImageError, match="has room for %d pixels" % most):
            images.check_fits(tmp_path / ("a" + suffix), most + 1)
        with pytest.raises(images.ImageError, match="cannot be written"):
            images.write_image(tmp_path / ("a" + suffix), big[:, : most + 1])
    images.check_fits(tmp_path / "a.png", 70000)
