"""Convolution on an OpenCL device: Winograd's filtering for 3x3 of stride 1, products of windows otherwise."""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ...blob import Blob
from .matrices import Rows, multiply, panels_of

POSITIONS = 36  # of a transformed 6x6 patch
#: With fewer channels Winograd's transforms cost more than they save.
WINOGRAD_CHANNELS = 8
#: Planes that lie a power of two apart would all fall into the same few lines of a cache.
GAP = 16


def serves(layer: Any, bottom: Sequence[Blob], top: Sequence[Blob]) -> bool:
    """Whether a layer convolves (N, C, H, W) pictures, none of them empty."""
    return layer.axis == 1 and all(len(b.shape) == 4 and b.count for b in (*bottom, *top))


def forward(device: Any, layer: Any, below: Blob, above: Blob, relu: bool = False) -> None:
    """Convolve, add the bias and, with `relu`, rectify."""
    x, y = device.read(below.data_memory), device.overwrite(above.data_memory)
    bias = None
    if len(layer.blobs) > 1:
        # Kernels read whole vectors, also behind the last value.
        bias = device.derived(layer, "bias", 1, lambda values: np.append(values, np.zeros(64)))
    if _suits_winograd(layer, below.shape[1]):
        pad = layer.geometry.pad
        _winograd(device, layer, False, x, below.shape, y, above.shape, pad, None, bias, relu)
    else:
        _forward_by_windows(device, _Windows(layer, below, above), x, y, bias, relu)


def backward(
    device: Any, layer: Any, above: Blob, below: Blob, rectified: Optional[Any] = None
) -> None:
    """Gradient to the input; with the `rectified` responses that of the ReLU behind as well."""
    dx = device.overwrite(below.diff_memory)
    if _suits_winograd(layer, below.shape[1]):
        dy = device.read(above.diff_memory)
        pad = tuple(2 - length for length in layer.geometry.pad)
        _winograd(device, layer, True, dy, above.shape, dx, below.shape, pad, rectified)
        return
    if rectified is not None:
        dy = device.write(above.diff_memory)
        device.along("elementwise", "relu_gradient", above.count, rectified, dy, dy, 0.0)
    dy = device.read(above.diff_memory)
    _backward_by_windows(device, _Windows(layer, below, above), dy, dx)


# -- Winograd ----------------------------------------------------------------------------------------


def _suits_winograd(layer: Any, channels: int) -> bool:
    window = layer.geometry
    narrowest = min(channels, layer.outputs) // layer.group
    return (
        window.kernel == (3, 3)
        and window.stride == window.dilation == (1, 1)
        and narrowest >= WINOGRAD_CHANNELS
    )


def _winograd(
    device: Any,
    layer: Any,
    reversed_: bool,
    x: Any,
    x_shape: Sequence[int],
    y: Any,
    y_shape: Sequence[int],
    pad: Sequence[int],
    mask: Optional[Any] = None,
    bias: Optional[Any] = None,
    relu: bool = False,
) -> None:
    """Y from X (its gradient's roles exchanged when `reversed_`), a block of tiles at a time."""
    programs = device.programs
    inputs, outputs = x_shape[1] // layer.group, y_shape[1] // layer.group
    down, across = -(-y_shape[2] // 4), -(-y_shape[3] // 4)
    all_tiles = x_shape[0] * down * across
    width = -(-outputs // programs.tuning.panel) * programs.tuning.panel
    u_size = POSITIONS * inputs * width
    u = device.derived(
        layer,
        "reversed" if reversed_ else "forward",
        0,
        lambda weights: _winograd_filters(device, weights, layer.group, reversed_, width),
    )
    fitting = programs.tuning.scratch // (4 * POSITIONS * (inputs + width))
    block = min(all_tiles, max(fitting, 64))
    v_plane, m_plane = block * inputs + GAP, block * width + GAP
    v, m = device.scratch(POSITIONS * v_plane), device.scratch(POSITIONS * m_plane)
    in_vector, out_vector = programs.vector_for(inputs), programs.vector_for(outputs)
    for group in range(layer.group):
        for first in range(0, all_tiles, block):
            tiles = min(block, all_tiles - first)
            programs.run(
                *("winograd", "winograd_patches", tiles * inputs // in_vector),
                *(x, x if mask is None else mask, group * inputs, x_shape[1], inputs),
                *(*x_shape[2:], *pad, down, across, first, tiles, v, v_plane),
                VW=in_vector,
                MASK=mask is not None,
            )
            multiply(
                programs,
                (tiles, width, inputs),
                Rows(v, inputs, v_plane),
                Rows(u, 0, inputs * width, group * u_size),
                Rows(m, width, m_plane),
                batch=POSITIONS,
            )
            programs.run(
                *("winograd", "winograd_responses", tiles * outputs // out_vector),
                *(m, width, m_plane, m if bias is None else bias, y, group * outputs, y_shape[1]),
                *(outputs, *y_shape[2:], down, across, first, tiles),
                VW=out_vector,
                BIAS=bias is not None,
                RELU=relu,
            )


def _winograd_filters(
    device: Any, weights: np.ndarray, groups: int, reversed_: bool, width: int
) -> Any:
    """U of all groups, one behind the other, each (position, panel, input channel, panel's columns)."""
    filters, channels = weights.shape[0] // groups, weights.shape[1]
    inputs, outputs = (filters, channels) if reversed_ else (channels, filters)
    steps = (9 * channels, 9) if reversed_ else (9, 9 * channels)
    taps = device.uploaded(weights)
    u = device.allocate(groups * POSITIONS * inputs * width)
    for group in range(groups):
        device.programs.run(
            *("winograd", "winograd_filters", inputs * width),
            *(taps, group * filters * channels * 9, inputs, outputs, *steps, reversed_),
            *(u, group * POSITIONS * inputs * width, width),
            VW=1,
        )
    return u


# -- windows -----------------------------------------------------------------------------------------


class _Windows(NamedTuple):
    """A convolution whose windows become the rows of a matrix."""

    layer: Any
    below: Blob
    above: Blob

    @property
    def taps(self) -> int:
        """Places of a window."""
        kernel = self.layer.geometry.kernel
        return kernel[0] * kernel[1]

    @property
    def depth(self) -> int:
        """Values that a window holds of one group's channels."""
        return self.taps * self.below.shape[1] // self.layer.group

    @property
    def outputs(self) -> int:
        """Filters of one group."""
        return self.layer.outputs // self.layer.group

    @property
    def are_pixels(self) -> bool:
        """Whether each window is one pixel and each pixel one window: the input is the matrix."""
        window = self.layer.geometry
        return (window.kernel, window.stride, window.pad) == ((1, 1), (1, 1), (0, 0))

    @property
    def geometry(self) -> Tuple[int, ...]:
        """What the kernels of columns.cl want to know."""
        window, (channels, *size) = self.layer.geometry, self.below.shape[1:]
        fixed = (window.kernel, window.stride, window.pad, window.dilation)
        return (*size, *self.above.shape[2:], channels, self.layer.group, *sum(fixed, ()))

    def blocks(self, scratch: int) -> Iterator[Tuple[int, int, int]]:
        """Picture, first row and number of rows of windows, each block in so many bytes of scratch."""
        count, _, height, width = self.above.shape
        rows = max(scratch // (4 * width * self.depth * self.layer.group), 1)
        for n in range(count):
            for first in range(0, height, rows):
                yield n, first, min(rows, height - first)

    def rows_of_above(self, buffer: Any, n: int = 0, first: int = 0) -> Rows:
        """The windows' values from row `first` of picture n on, in the top's buffer."""
        _, channels, height, width = self.above.shape
        return Rows(buffer, channels, self.outputs, (n * height + first) * width * channels)

    def rows_of_below(self, buffer: Any) -> Rows:
        """The pixels, in the bottom's buffer."""
        return Rows(buffer, self.below.shape[1], self.depth)

    def forward_filters(self, weights: np.ndarray) -> np.ndarray:
        """(group, taps and channels, outputs)."""
        split = weights.reshape(self.layer.group, self.outputs, -1, self.taps)
        return split.transpose(0, 3, 2, 1).reshape(self.layer.group, self.depth, self.outputs)

    def backward_filters(self, weights: np.ndarray) -> np.ndarray:
        """(group, outputs, taps and channels)."""
        return self.forward_filters(weights).transpose(0, 2, 1)


def _forward_by_windows(
    device: Any, windows: _Windows, x: Any, y: Any, bias: Optional[Any], relu: bool
) -> None:
    programs, layer, depth = device.programs, windows.layer, windows.depth
    filters = device.derived(
        layer,
        "forward",
        0,
        lambda weights: panels_of(windows.forward_filters(weights), programs.tuning.panel),
    )

    def product(count: int, left: Rows, out: Rows) -> None:
        size = (count, windows.outputs, depth)
        right = Rows(filters)
        multiply(programs, size, left, right, out, batch=layer.group, bias=bias, relu=relu)

    if windows.are_pixels:
        count = windows.above.count // layer.outputs
        product(count, windows.rows_of_below(x), windows.rows_of_above(y))
        return
    vector = programs.vector_for(windows.below.shape[1] // layer.group)
    for n, first, rows in windows.blocks(programs.tuning.scratch):
        count = rows * windows.above.shape[3]
        columns = device.scratch(layer.group * count * depth)
        programs.run(
            *("columns", "to_columns", layer.group * count * layer.geometry.kernel[0]),
            *(x, n, first, rows, columns, *windows.geometry),
            VW=vector,
        )
        product(count, Rows(columns, depth, count * depth), windows.rows_of_above(y, n, first))


def _backward_by_windows(device: Any, windows: _Windows, dy: Any, dx: Any) -> None:
    programs, layer, depth = device.programs, windows.layer, windows.depth
    filters = device.derived(
        layer,
        "reversed",
        0,
        lambda weights: panels_of(windows.backward_filters(weights), programs.tuning.panel),
    )

    def product(count: int, left: Rows, out: Rows) -> None:
        size = (count, depth, windows.outputs)
        multiply(programs, size, left, Rows(filters), out, batch=layer.group)

    if windows.are_pixels:
        count = windows.above.count // layer.outputs
        product(count, windows.rows_of_above(dy), windows.rows_of_below(dx))
        return
    channels, height, width = windows.below.shape[1:]
    vector = programs.vector_for(channels // layer.group)
    window = layer.geometry
    device.clear(dx)
    for n, first, rows in windows.blocks(programs.tuning.scratch):
        count = rows * windows.above.shape[3]
        columns = device.scratch(layer.group * count * depth)
        product(count, windows.rows_of_above(dy, n, first), Rows(columns, depth, count * depth))
        top = first * window.stride[0] - window.pad[0]
        bottom = top + (rows - 1) * window.stride[0] + window.extent(0)
        top, bottom = max(top, 0), min(bottom, height)
        programs.run(
            *("columns", "from_columns", max(bottom - top, 0) * width * channels // vector),
            *(columns, n, top, bottom, first, rows, dx, *windows.geometry),
            VW=vector,
        )
