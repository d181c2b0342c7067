"""Checkpoints: files from which an interrupted run continues as if it had not been interrupted.

A checkpoint holds the picture, the memory of L-BFGS and the progress of the run. The loss and its gradient are
evaluated again. SciPy does not expose this state, so runs with a checkpoint use `caffe_style.optimise.lbfgs`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, Iterator, List, Optional

from ..errors import CheckpointError, OptionError
from ..optimise.lbfgs import State
from ..optimise.minimise import Record
from ..system import files
from ..system.files import PathLike
from .checkpoint_file import Saved, read_checkpoint, write_checkpoint
from .same_run import check_same_run

#: Seconds between two checkpoints.
EVERY = 60.0


#: Function called with the state of L-BFGS and the records so far.
Save = Callable[[State, List[Record]], None]


class Unsaved:
    """The checkpoint of a run that is not saved. Its methods do nothing."""

    resumed: Optional[Saved] = None

    def held(self) -> ContextManager:
        """Return a context that locks nothing."""
        return contextlib.nullcontext()

    def begin(self, describe: Callable[[], Dict[str, Any]]) -> Optional[Saved]:
        """Return None: the run starts from the beginning."""
        return None

    def saver(self, *scale: Any) -> Optional[Save]:
        """Return None: the optimisation calls no function."""
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
                    "%s: another run is saved to it: wait until it ends, or name another file"
                    % self.path
                ) from None
            yield

    def begin(self, describe: Callable[[], Dict[str, Any]]) -> Optional[Saved]:
        """Record the run's description; return the checkpoint to continue from, or None for a new run.

        Raises
        ------
        CheckpointError
            If the checkpoint belongs to another run.
        """
        self._run = json.loads(json.dumps({**describe(), **self.notes}, default=str))
        if self.resumed is not None:
            check_same_run(str(self._resume_path), self.resumed.run, self._run)
            if len(self.resumed.run["tiles"]) != len(self._run["tiles"]):
                raise CheckpointError("%s: its run has another number of sizes" % self._resume_path)
            # Metadata keeps the original names of the pictures.
            self._run = {**self.resumed.run, **self.notes}
        return self.resumed

    def save(
        self, scale: int, done: int, history: Callable[[], List[Record]], state: State
    ) -> None:
        """Record the state of the run, and write it every `every` seconds. A full disk does not end the run."""
        self._latest = lambda: Saved(self._run, scale, done, history(), state)
        if time.monotonic() - self._written >= self.every:
            self.write()

    def saver(
        self,
        scale: int,
        done: int,
        last: Optional[int],
        joined: Callable[[List[Record]], List[Record]],
    ) -> Save:
        """Return the function that an optimisation calls after each step.

        Parameters
        ----------
        scale : int
            Index of the current size, from 0.
        done : int
            Number of steps taken at this size before the optimisation.
        last : int or None
            Number of the step at this size that ends the run; None if larger sizes follow.
        joined : callable
            Function that turns the optimisation's records into those of the whole run.
        """

        def save(state: State, records: List[Record]) -> None:
            steps, count = done + records[-1].iteration, len(records)
            # After the run's last step there is nothing to continue.
            if steps != last:
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
                kept = "the last one is kept" if self.path.exists() else "nothing is saved yet"
                logger.warning(
                    "%s: cannot be written (%s); %s", self.path, files.reason(error), kept
                )
            self._failed = True
        else:
            if self._failed:
                logger.warning("%s: can be written again", self.path)
            self._failed = False
        self._latest, self._written = None, time.monotonic()
