"""Writing and reading the file of a checkpoint."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import numpy as np

from ..backends import arrays
from ..errors import CheckpointError
from ..optimise.lbfgs import State
from ..optimise.memory import Pair
from ..optimise.minimise import Record
from ..pictures import metadata as noted
from ..system import files
from ..system.files import PathLike
from .checkpoint_format import check_arrays, check_header, read_members

#: Version of the file format. It changes when older files can no longer be read.
FORMAT = 1


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
        "age": state.age,
        "memory": len(state.pairs),
        "first": state.first,
    }
    text = json.dumps(header, default=str).encode()
    members = {"header": np.frombuffer(text, np.uint8), "point": arrays.to_numpy(state.point)}
    for number, pair in enumerate(state.pairs):
        members["step_%d" % number] = arrays.to_numpy(pair.step)
        members["change_%d" % number] = arrays.to_numpy(pair.change)
    if state.drawn is not None:
        members["drawn"] = arrays.to_numpy(state.drawn)

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
            raise ValueError("it is a file of another kind")
        if header.get("format") != FORMAT:
            raise CheckpointError(
                "%s: written by another version of caffe_style (format %s, here %d): continue it "
                "with that version" % (path, noted.shortened(header.get("format")), FORMAT)
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
            "%s: not a checkpoint, or not a complete one (%s)" % (path, reason)
        ) from None
    numbers = range(header["memory"])
    state = State(
        members["point"],
        header["step_length"],
        [Pair(members["step_%d" % i], members["change_%d" % i]) for i in numbers],
        header.get("first", 0),
        header["loss"],
        fresh_starts=header["fresh_starts"],
        drawn=members.get("drawn"),
        age=header.get("age", 0),
    )
    history = [Record(**record) for record in header["history"]]
    return Saved(header["run"], header["scale"], header["done"], history, state)
