"""Signals at any time: the picture is written, and nothing is left over."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from helpers.program import (
    PROGRAM,
    SHORT,
    is_picture,
    line_of,
    posix,
    run,
    start,
    wait_for,
)

from caffe_style.pictures import images


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
@pytest.mark.parametrize("pause", [0, 0.005, 0.05])
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
