"""Running the program, in this process or in one of its own, in a folder with two small pictures."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

import pytest
from threadpoolctl import threadpool_limits

from caffe_style import cli
from caffe_style.backends import threads
from caffe_style.engine import native
from caffe_style.engine.native.cpus import available_cpus
from caffe_style.pictures import images

posix = pytest.mark.skipif(os.name != "posix", reason="signals and descriptors are POSIX")
PROGRAM = [sys.executable, "-m", "caffe_style"]
FAST = ["--model", "strokenet", "--size", "64", "--threads", "1"]
SHORT = [*FAST, "--iterations", "2", "--quiet"]
ENDLESS = [*FAST, "--iterations", "100000", "--quiet"]


@contextlib.contextmanager
def threads_as_before() -> Iterator[None]:
    """Restore the number of threads, of our kernels and of BLAS, when the context ends."""
    before = threads.get_threads()
    with threadpool_limits():
        try:
            yield
        finally:
            threads.set_threads(before)


def call(folder: Path, *arguments: Any) -> subprocess.CompletedProcess:
    """Run the program to its end in this process, which need not be started and has the modules."""
    out, err, before = io.StringIO(), io.StringIO(), os.getcwd()
    os.chdir(str(folder))
    try:
        with threads_as_before(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            # As in a process of its own; a test before may have left another number.
            if native.available:
                native.set_threads(available_cpus())
            status = cli.main(list(map(str, arguments)))
    except SystemExit as end:  # argparse's
        status = end.code
    except Exception:  # as in a process of its own
        traceback.print_exc(file=err)
        status = 1
    finally:
        os.chdir(before)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def run(
    folder: Path, *arguments: str, program: Sequence[str] = PROGRAM, **settings: Any
) -> subprocess.CompletedProcess:
    """Run the program, or another one, to its end in a process of its own."""
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings}
    command = [*program, *map(str, arguments)]
    return subprocess.run(command, cwd=str(folder), timeout=120, text=True, **settings)


def start(
    folder: Path, *arguments: str, program: Sequence[str] = PROGRAM, **settings: Any
) -> subprocess.Popen:
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


def wait_for(condition: Callable[[], Any]) -> None:
    """Wait until something holds; on a busy machine that may take minutes."""
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def is_picture(path: Path) -> bool:
    """Return whether a file is a picture of the size that `FAST` makes."""
    return images.read_image(path).shape == (48, 64, 3)


def line_of(result: subprocess.CompletedProcess, *words: str) -> str:
    """Return the one line of standard error, which has these words."""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and "Traceback" not in result.stderr, result.stderr
    for word in words:
        assert word in lines[0]
    return lines[0]
