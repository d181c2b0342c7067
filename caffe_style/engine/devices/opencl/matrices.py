"""Matrix products on an OpenCL device, and the panels that their right sides lie in."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Tuple

import numpy as np

from .programs import Programs


class Rows(NamedTuple):
    """Where a batch of matrices lies in a buffer: its first value, and the steps between rows and matrices.

    Of a right side, which lies in panels, `row` says nothing; with `batch` 0 its matrices follow each other.
    """

    buffer: Any
    row: int = 0
    batch: int = 0
    offset: int = 0


def panels_of(matrices: np.ndarray, panel: int) -> np.ndarray:
    """Matrices (batch, depth, columns) as (batch, panels, depth, panel), zeros behind the last column."""
    batch, depth, columns = matrices.shape
    count = -(-columns // panel)
    padded = np.zeros((batch, depth, count * panel), np.float32)
    padded[:, :, :columns] = matrices
    return np.ascontiguousarray(padded.reshape(batch, depth, count, panel).transpose(0, 2, 1, 3))


def multiply(
    programs: Programs,
    size: Tuple[int, int, int],
    left: Rows,
    right: Rows,
    out: Rows,
    *,
    batch: int = 1,
    bias: Optional[Any] = None,
    relu: bool = False,
) -> None:
    """out = left right (+ bias, rectified) for each of a batch, of `size` (rows, columns, depth).

    `bias` holds batch * columns values, and at least a vector's more behind them.
    """
    rows, columns, depth = size
    tuning = programs.tuning
    panels = -(-columns // tuning.panel)
    kernel = programs.kernel(
        "matmul",
        "matmul",
        VW=tuning.vector,
        NV=tuning.vectors,
        ROWS=tuning.rows,
        LANES=tuning.lanes,
        TEAM=tuning.team,
        BIAS=bias is not None,
        RELU=relu,
    )
    long = np.uint64
    programs.launch(
        kernel,
        (tuning.lanes, -(-rows // tuning.rows), panels * batch),
        (tuning.lanes, tuning.team, 1),
        *(rows, columns, depth, panels),
        *(left.buffer, long(left.offset), left.row, long(left.batch)),
        *(right.buffer, long(right.offset), long(right.batch or panels * depth * tuning.panel)),
        *(out.buffer, long(out.offset), out.row, long(out.batch)),
        out.buffer if bias is None else bias,
    )
