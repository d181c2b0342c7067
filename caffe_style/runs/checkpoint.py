"""Checkpoints: a run saves itself as it goes, and goes on from there as if it had never been interrupted.

What it takes to continue is the picture, the memory of L-BFGS and how far the run is; the loss and its
gradient are evaluated anew. SciPy hands out no such state, so runs with a checkpoint use
`caffe_style.optimise.lbfgs`.
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

#: Changes whenever an older file could no longer be understood.
FORMAT = 1
#: Parameters that say where things were, and who computed.
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


#: Called with the state of L-BFGS and the records so far.
Save = Callable[[State, List[Record]], None]


class Saved(NamedTuple):
    """What a checkpoint holds.

    Attributes
    ----------
    run : dict
        What the run is, JSON-able: `parameters` as in the picture's metadata, `identity` (digests of pictures
        and network), `network` (arguments of `open_network`), `threads`, `tiles` (of each size), `folder`
        (where relative paths begin), and what the one who started it notes.
    scale : int
        Which of the sizes, counted from 0.
    done : int
        Iterations at this size.
    history : list of Record
        Of the whole run so far.
    state : lbfgs.State
        Without the gradient.
    """

    run: Dict[str, Any]
    scale: int
    done: int
    history: List[Record]
    state: State


def write_checkpoint(path: PathLike, saved: Saved) -> None:
    """Write a checkpoint; a file that was there stays whole until the new one is.

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
        If it is missing, not whole, no checkpoint, or of a format unknown here.
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
    except Exception as error:  # zipfile, zlib and numpy raise what they like on broken files
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
    """The checkpoint of a run that does not save itself."""

    def held(self) -> ContextManager:
        """Return a context that holds nothing."""
        return contextlib.nullcontext()

    def begin(self, describe: Callable[[], Dict[str, Any]]) -> Optional[Saved]:
        """Return None: the run goes on from its start."""
        return None

    def saver(self, *scale: Any) -> Optional[Save]:
        """Return None: there is nothing to call."""
        return None

    def write(self) -> None:
        """Write nothing."""


class Checkpoint(Unsaved):
    """Where and how often a run saves itself, and what it goes on from.

    Parameters
    ----------
    path : path
        Ends in .npz. It holds the picture and twice `corrections` arrays of its size, in float64: 130 MB at
        512 x 512.
    every : float
        Seconds between two checkpoints; 0 saves each iteration.
    resume : path, optional
        A checkpoint to go on from; it may be the same file.

    Attributes
    ----------
    notes : dict
        JSON-able, for whoever resumes: kept in `Saved.run`.
    resumed : Saved or None

    Raises
    ------
    CheckpointError
        When it cannot be written there or `resume` cannot be read.
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
        """Keep other runs from saving themselves there until the context ends.

        Raises
        ------
        CheckpointError
            When another run does.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(files.held(self.path))
            except BlockingIOError:
                raise CheckpointError(
                    "%s: another run saves itself there: wait for its end, or name another file"
                    % self.path
                ) from None
            yield

    def begin(self, describe: Callable[[], Dict[str, Any]]) -> Optional[Saved]:
        """Hear what the run is; return where it goes on, None if from its start.

        Raises
        ------
        CheckpointError
            When the checkpoint is of another run.
        """
        self._run = json.loads(json.dumps({**describe(), **self.notes}, default=str))
        if self.resumed is not None:
            check_same_run(str(self._resume_path), self.resumed.run, self._run)
            if len(self.resumed.run["tiles"]) != len(self._run["tiles"]):
                raise CheckpointError("%s: its sizes are not those of its run" % self._resume_path)
            # The pictures keep the names that they had.
            self._run = {**self.resumed.run, **self.notes}
        return self.resumed

    def save(
        self, scale: int, done: int, history: Callable[[], List[Record]], state: State
    ) -> None:
        """Note where the run is, and write it down if it is time. A disk that is full does not end the run."""
        self._latest = lambda: Saved(self._run, scale, done, history(), state)
        if time.monotonic() - self._written >= self.every:
            self.write()

    def saver(
        self, scale: int, done: int, iterations: int, joined: Callable[[List[Record]], List[Record]]
    ) -> Save:
        """Return what an optimisation calls after each step.

        Parameters
        ----------
        scale : int
            Which of the sizes it is, counted from 0.
        done, iterations : int
            Steps that were taken at this size before it, and how many there will be.
        joined : callable
            Given the optimisation's records, returns those of the whole run.
        """

        def save(state: State, records: List[Record]) -> None:
            steps, count = done + records[-1].iteration, len(records)
            # After the last one there is nothing left to go on with.
            if steps < iterations:
                self.save(scale, steps, lambda: joined(records[:count]), state)

        return save

    def write(self) -> None:
        """Write down what was noted last."""
        if self._latest is None:
            return
        logger, saved = logging.getLogger("caffe_style"), self._latest()
        if saved.state.loss != saved.history[-1].loss:
            # An interruption came while the next step was being taken.
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
    """Raise CheckpointError, naming what differs, unless a run is the one that was saved.

    Names of files do not count, but what is in them does.
    """
    before, now = saved["identity"], run["identity"]
    for name in sorted(set(before) | set(now)):
        if before.get(name) != now.get(name):
            raise CheckpointError(
                "%s: this run began with another %s: restore that one, or begin anew" % (path, name)
            )
    before, now = saved["parameters"], run["parameters"]
    for name in now:
        # What an older version did not know had its default.
        if name in before and name not in _NAMES and before[name] != now[name]:
            raise CheckpointError(
                "%s: this run has %s %s, not %s: leave the option out, or begin anew"
                % (path, name.replace("_", " "), before.get(name), now[name])
            )


def digest(*values: np.ndarray) -> str:
    """A fingerprint of arrays: their shapes and what is in them."""
    found = hashlib.blake2b(digest_size=16)
    for value in values:
        found.update(repr((value.shape, value.dtype.str)).encode())
        found.update(np.ascontiguousarray(value))
    return found.hexdigest()
