"""Kernels: built once a device and set of constants, launched by name."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Dict, NamedTuple, Sequence, Union

import numpy as np

from .platforms import is_gpu

FOLDER = Path(__file__).resolve().parent
#: Only what changes no result: NaN and infinity must pass through.
OPTIONS = ["-cl-std=CL1.2", "-cl-mad-enable"]

#: Floats in OpenCL's vectors.
WIDTHS = (16, 8, 4, 3, 2, 1)


class Tuning(NamedTuple):
    """How work is cut up on a kind of device.

    A CPU's work-item is a loop over its widest vectors, by itself. A GPU's is one of many lanes that read
    neighbouring vectors of 4 in step.

    Attributes
    ----------
    vector : int
        Floats in a vector.
    group : int
        Work-items in a work-group of kernels that go along a line.
    rows, vectors : int
        Of the block of a matrix product that one work-item keeps in registers.
    lanes, team : int
        Work-items in a work-group of a matrix product, along a row and down.
    scratch : int
        Bytes of an intermediate result that are worked on before the next ones are begun.
    """

    vector: int
    group: int
    rows: int
    vectors: int
    lanes: int
    team: int
    scratch: int

    @property
    def panel(self) -> int:
        """Columns of a matrix that lie together."""
        return self.lanes * self.vectors * self.vector


def tuning_for(cl: Any, device: Any) -> Tuning:
    """What suits a device."""
    if is_gpu(cl, device):
        return Tuning(vector=4, group=64, rows=8, vectors=1, lanes=16, team=8, scratch=64 << 20)
    vector = min(max(device.native_vector_width_float, 4), 16)
    return Tuning(vector, group=16, rows=6, vectors=2, lanes=1, team=1, scratch=16 << 20)


class Programs:
    """The kernels of one context."""

    def __init__(self, cl: Any, context: Any, queue: Any, tuning: Tuning) -> None:
        self._cl, self._context, self._queue = cl, context, queue
        self.tuning = tuning
        self._kernels: Dict[tuple, Any] = {}

    def vector_for(self, *lengths: int) -> int:
        """The widest vector that divides all of these."""
        widths = (width for width in WIDTHS if width <= self.tuning.vector)
        return next(width for width in widths if not any(length % width for length in lengths))

    def kernel(self, file: str, name: str, **constants: Any) -> Any:
        """Kernel `name` of `file`.cl, compiled with these constants (True: defined, False: not)."""
        key = (file, name, tuple(sorted(constants.items())))
        if key not in self._kernels:
            text = "".join((FOLDER / (part + ".cl")).read_text() for part in ("common", file))
            defines = dict(constants, GROUP=self.tuning.group, PANEL=self.tuning.panel)
            options = OPTIONS + [
                "-D%s" % define if value is True else "-D%s=%s" % (define, value)
                for define, value in sorted(defines.items())
                if value is not False
            ]
            with warnings.catch_warnings():
                # A compiler that has something to say about correct kernels is not the user's concern.
                warnings.simplefilter("ignore", self._cl.CompilerWarning)
                program = self._cl.Program(self._context, text).build(options=options)
            self._kernels[key] = self._cl.Kernel(program, name)
        return self._kernels[key]

    def launch(
        self, kernel: Any, size: Sequence[int], group: Sequence[int], *arguments: Any
    ) -> None:
        """Run a kernel on at least `size` work-items; the kernel leaves out those beyond."""
        whole = [-(-length // part) * part for length, part in zip(size, group)]
        if all(whole):
            kernel(self._queue, whole, group, *map(_typed, arguments))

    def run(self, file: str, name: str, size: int, *arguments: Any, **constants: Any) -> None:
        """Launch a kernel of `size` work-items in a line."""
        kernel = self.kernel(file, name, **constants)
        self.launch(kernel, (size,), (self.tuning.group,), *arguments)


def _typed(argument: Any) -> Union[np.generic, Any]:
    """Python's numbers as OpenCL's int and float; what else there is has its type."""
    if isinstance(argument, (bool, int)):
        return np.int32(argument)
    return np.float32(argument) if isinstance(argument, float) else argument
