"""Checkpoints: files from which an interrupted run continues as if it had not been interrupted.

A checkpoint holds the picture, the memory of L-BFGS and the progress of the run. The loss and its gradient are
evaluated again. SciPy does not expose this state, so runs with a checkpoint use `caffe_style.optimise.lbfgs`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import time
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, Iterator, List, NamedTuple, Optional

import numpy as np

from ..backends import arrays
from ..errors import CheckpointError, OptionError
from ..optimise.lbfgs import State
from ..optimise.minimise import Record
from ..pictures import metadata as noted
from ..system import files
from ..system.files import PathLike
from .checkpoint_format import check_arrays, check_header, read_members

#: Version of the file format. It changes when older files can no longer be read.
FORMAT = 1
#: Parameters that may differ when a run is resumed: names of files, and the backend.
_NAMES = (
    "content",
    "style",
    "model",
    "weights_file",
    "device",
    "network_seed",
    "threads",
    "version",
)
#: Seconds between two checkpoints.
EVERY = 60.0


#: Function called with the state of L-BFGS and the records so far.
Save = Callable[[State, List[Record]], None]


class Saved(NamedTuple):
    """The content of a checkpoint.

    Attributes
    ----------
    run : dict
        Description of the run, in values that JSON can hold: `parameters` as in the picture's metadata,
        `identity` (digests of pictures and network), `network` (arguments of `open_network`), `threads`,
        `tiles` (of each size), `folder` (to which paths are relative), and the checkpoint's `notes`.
    scale : int
        Index of the current size, from 0.
    done : int
        Number of iterations done at this size.
    history : list of Record
        Records of the whole run so far.
    state : lbfgs.State
        State of L-BFGS, without the gradient.
    """

    run: Dict[str, Any]
    scale: int
    done: int
    history: List[Record]
    state: State


def write_checkpoint(path: PathLike, saved: Saved) -> None:
    """Write a checkpoint. An existing file is replaced only when the new one is complete.

    Raises
    ------
    OSError
    """
    state = saved.state
    header = {
        "caffe_style": "checkpoint",
        "format": FORMAT,
        "run": saved.run,
        "scale": saved.scale,
        "done": saved.done,
        "history": [dataclasses.asdict(record) for record in saved.history],
        "loss": state.loss,
        "step_length": state.step_length,
        "fresh_starts": state.fresh_starts,
        "memory": len(state.steps),
    }
    text = json.dumps(header, default=str).encode()
    members = {"header": np.frombuffer(text, np.uint8), "point": arrays.to_numpy(state.point)}
    for number, (step, change) in enumerate(zip(state.steps, state.changes)):
        members["step_%d" % number] = arrays.to_numpy(step)
        members["change_%d" % number] = arrays.to_numpy(change)

    def write(temporary: Path) -> None:
        with open(str(temporary), "wb") as file:
            np.savez(file, **members)

    files.replace_file(path, write)


def read_checkpoint(path: PathLike) -> Saved:
    """Read a checkpoint.

    Raises
    ------
    CheckpointError
        If the file is missing, incomplete, no checkpoint, or in an unknown format.
    """
    try:
        files.check_regular(path)
        header, members = read_members(path)
        if header.get("caffe_style") != "checkpoint":
            raise ValueError("it holds another thing")
        if header.get("format") != FORMAT:
            raise CheckpointError(
                "%s: written by another version of caffe_style (format %s, here %d): continue it "
                "with that one" % (path, noted.shortened(header.get("format")), FORMAT)
            )
        check_header(header)
        check_arrays(header, members)
    except CheckpointError:
        raise
    except FileNotFoundError:
        raise CheckpointError("%s: no such checkpoint" % path) from None
    except OSError as error:
        raise CheckpointError("%s: cannot be read (%s)" % (path, error.strerror or error)) from None
    except Exception as error:  # zipfile, zlib and numpy raise errors of any kind for broken files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CheckpointError(
            "%s: not a checkpoint, or not a whole one (%s)" % (path, reason)
        ) from None
    numbers = range(header["memory"])
    state = State(
        members["point"],
        header["step_length"],
        [members["step_%d" % number] for number in numbers],
        [members["change_%d" % number] for number in numbers],
        header["loss"],
        fresh_starts=header["fresh_starts"],
    )
    history = [Record(**record) for record in header["history"]]
    return Saved(header["run"], header["scale"], header["done"], history, state)


class Unsaved:
    """The checkpoint of a run that is not saved: its methods do nothing."""

    def held(self) -> ContextManager:
        """Return a context that locks nothing."""
        return contextlib.nullcontext()

    def begin(self, describe: Callable[[], Dict[str, Any]]) -> Optional[Saved]:
        """Return None: the run starts from the beginning."""
        return None

    def saver(self, *scale: Any) -> Optional[Save]:
        """Return None: there is nothing to call."""
        return None

    def write(self) -> None:
        """Write nothing."""


class Checkpoint(Unsaved):
    """A file to which a run is saved regularly, and optionally one from which it continues.

    Parameters
    ----------
    path : path
        File to write, which ends in .npz. It holds the picture and twice `corrections` arrays of its size, in
        float64: 130 MB for 512 x 512 pixels.
    every : float
        Seconds between two checkpoints; 0 saves every iteration.
    resume : path, optional
        Checkpoint to continue from. It may be the same file.

    Attributes
    ----------
    notes : dict
        Notes for the caller that resumes the run, in values that JSON can hold; saved in `Saved.run`.
    resumed : Saved or None
        The checkpoint that the run continues from.

    Raises
    ------
    CheckpointError
        If the file cannot be written, or `resume` cannot be read.

    Examples
    --------
    >>> checkpoint = Checkpoint("run.npz", every=300)
    >>> Checkpoint("run.txt")
    Traceback (most recent call last):
    ...
    caffe_style.errors.CheckpointError: 'run.txt': a checkpoint is a file that ends in .npz
    """

    def __init__(
        self, path: PathLike, every: float = EVERY, resume: Optional[PathLike] = None
    ) -> None:
        self.path, self.every = Path(path), every
        if self.path.suffix != ".npz":
            raise CheckpointError("'%s': a checkpoint is a file that ends in .npz" % path)
        try:
            files.check_writable(self.path)
        except OptionError as error:
            raise CheckpointError(str(error)) from None
        self.resumed = None if resume is None else read_checkpoint(resume)
        self._resume_path = resume
        self._run: Dict[str, Any] = {}
        self.notes: Dict[str, Any] = {}
        self._latest: Optional[Callable[[], Saved]] = None
        self._written, self._failed = time.monotonic(), False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Lock the file, so that no other run is saved to it, until the context ends.

        Raises
        ------
        CheckpointError
            If another run is being saved to it.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(files.held(self.path))
            except BlockingIOError:
                raise CheckpointError(
                    "%s: another run saves itself there: wait until it ends, or name another file"
                    % self.path
                ) from None
            yield

    def begin(self, describe: Callable[[], Dict[str, Any]]) -> Optional[Saved]:
        """Take the run's description; return the state to continue from, or None to start from the beginning.

        Raises
        ------
        CheckpointError
            If the checkpoint belongs to another run.
        """
        self._run = json.loads(json.dumps({**describe(), **self.notes}, default=str))
        if self.resumed is not None:
            check_same_run(str(self._resume_path), self.resumed.run, self._run)
            if len(self.resumed.run["tiles"]) != len(self._run["tiles"]):
                raise CheckpointError("%s: its sizes are not those of its run" % self._resume_path)
            # Metadata keeps the original names of the pictures.
            self._run = {**self.resumed.run, **self.notes}
        return self.resumed

    def save(
        self, scale: int, done: int, history: Callable[[], List[Record]], state: State
    ) -> None:
        """Record the state of the run, and write it if it is time. A full disk does not end the run."""
        self._latest = lambda: Saved(self._run, scale, done, history(), state)
        if time.monotonic() - self._written >= self.every:
            self.write()

    def saver(
        self, scale: int, done: int, iterations: int, joined: Callable[[List[Record]], List[Record]]
    ) -> Save:
        """Return the function that an optimisation calls after each step.

        Parameters
        ----------
        scale : int
            Index of the current size, from 0.
        done, iterations : int
            Number of steps taken at this size before the optimisation, and their total.
        joined : callable
            Function that turns the optimisation's records into those of the whole run.
        """

        def save(state: State, records: List[Record]) -> None:
            steps, count = done + records[-1].iteration, len(records)
            # After the last step there is nothing to continue.
            if steps < iterations:
                self.save(scale, steps, lambda: joined(records[:count]), state)

        return save

    def write(self) -> None:
        """Write the state that was recorded last."""
        if self._latest is None:
            return
        logger, saved = logging.getLogger("caffe_style"), self._latest()
        if saved.state.loss != saved.history[-1].loss:
            # The run was interrupted during the next step.
            return
        try:
            write_checkpoint(self.path, saved)
        except (OSError, MemoryError) as error:
            if not self._failed:
                kept = "the last one is kept" if self.path.exists() else "there is none yet"
                logger.warning(
                    "%s: cannot be written (%s); %s", self.path, files.reason(error), kept
                )
            self._failed = True
        else:
            if self._failed:
                logger.warning("%s: written again", self.path)
            self._failed = False
        self._latest, self._written = None, time.monotonic()


def check_same_run(path: str, saved: Dict[str, Any], run: Dict[str, Any]) -> None:
    """Raise CheckpointError, naming the difference, unless a run is the saved one.

    Files may have other names, but must have the same content.
    """
    before, now = saved["identity"], run["identity"]
    for name in sorted(set(before) | set(now)):
        if before.get(name) != now.get(name):
            raise CheckpointError(
                "%s: this run began with another %s: restore that one, or begin anew" % (path, name)
            )
    before, now = saved["parameters"], run["parameters"]
    for name in now:
        # A setting that an older version did not have had its default.
        if name in before and name not in _NAMES and before[name] != now[name]:
            raise CheckpointError(
                "%s: this run has %s %s, not %s: leave the option out, or begin anew"
                % (path, name.replace("_", " "), before.get(name), now[name])
            )


def digest(*values: np.ndarray) -> str:
    """Return a fingerprint of the shapes and values of arrays."""
    found = hashlib.blake2b(digest_size=16)
    for value in values:
        found.update(repr((value.shape, value.dtype.str)).encode())
        found.update(np.ascontiguousarray(value))
    return found.hexdigest()
