"""Estimates of the memory that a run needs, made before it starts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional

from ..errors import ResourceError
from ..system.memory import as_text, available_bytes

FLOAT32, FLOAT64 = 4, 8
#: Bytes of the kernels' temporary arrays and other small arrays. Measured; they hardly depend on the picture.
OVERHEAD = 32 << 20
#: Arrays in float64, of the size of the picture and of L-BFGS's variables, that a run holds in addition to the
#: memory of L-BFGS. Measured.
PICTURES, VARIABLES = {"scipy": 9, "device": 11}, {"scipy": 13, "device": 0}
#: Number of further such arrays of a run in tiles.
TILED_PICTURES = 4


def blob_sizes(net: Any, last_layer: str) -> Dict[str, int]:
    """Return the bytes of each blob's responses up to `last_layer`. Memory that blobs share counts once."""
    return {
        blob: FLOAT32 * net.blobs[blob].count
        for layer in _layers(net, last_layer)
        for blob in net.top_names[layer]
        if "_split_" not in blob
    }


def blob_bytes(net: Any, last_layer: str) -> int:
    """Return the bytes of the responses of the layers up to `last_layer`."""
    return sum(blob_sizes(net, last_layer).values())


def diff_bytes(net: Any, last_layer: str) -> int:
    """Return the bytes of the diffs that a lean backward pass holds at a time: those of the largest layer.

    If the device keeps more bytes, their number is returned.
    """
    largest = 0
    for layer in _layers(net, last_layer):
        blobs = set(net.top_names[layer]) | set(net.bottom_names[layer])
        largest = max(largest, sum(net.blobs[blob].count for blob in blobs))
    return max(FLOAT32 * largest, net.device.kept_bytes(net, last_layer))


def _layers(net: Any, last_layer: str) -> List[str]:
    """Return the names of the layers up to this one."""
    # Genuine Caffe's names are not a Python list.
    names = list(net._layer_names)
    return names[: names.index(last_layer) + 1]


def optimiser_bytes(
    values: int, variables: int, corrections: int, optimizer: str, tiled: bool = False
) -> int:
    """Return the bytes of L-BFGS: its memory of `corrections` steps, and other arrays.

    `values` is the number of values of the picture, and `variables` that of the variables of L-BFGS.
    """
    pictures = PICTURES[optimizer] + (TILED_PICTURES if tiled else 0)
    vectors = 2 * corrections + VARIABLES[optimizer]
    return FLOAT64 * (vectors * variables + pictures * values)


def run_bytes(net: Any, input_blob: str, last_layer: str, corrections: int, optimizer: str) -> int:
    """Return the bytes that a run in pixels adds to those of the process. `net` has the picture's size."""
    values = net.blobs[input_blob].count
    return (
        blob_bytes(net, last_layer)
        + diff_bytes(net, last_layer)
        + optimiser_bytes(values, values, corrections, optimizer)
        + OVERHEAD
    )


def device_bytes(net: Any, last_layer: str, responses: Optional[int] = None) -> int:
    """Return the bytes that a run needs in a device's own memory; 0 if the device uses the host's memory.

    `responses` are the bytes of responses and targets, by default those of responses at the net's current size.
    """
    if not net.device.own_memory:
        return 0
    layers = _layers(net, last_layer)
    parameters = sum(blob.count for layer in layers for blob in net.params.get(layer, ()))
    if responses is None:
        responses = blob_bytes(net, last_layer)
    return net.device.needed_bytes(responses, diff_bytes(net, last_layer), FLOAT32 * parameters)


def check_device(
    net: Any,
    last_layer: str,
    needed: int,
    height: int,
    width: int,
    responses: Optional[int] = None,
    beside: str = "",
    optimiser: int = 0,
) -> int:
    """Check that a run fits in the device's own memory, and return the bytes that it needs on the host.

    `needed` are the bytes without the device's part. `responses` is as in `device_bytes`, `beside` as in
    `check_fits`. `optimiser` are those of the bytes needed that L-BFGS takes if it runs where losses do.

    Raises
    ------
    ResourceError
        If the device's part does not fit in its own memory.
    """
    on_device = device_bytes(net, last_layer, responses)
    free = net.device.free_bytes
    if free is None:
        net.device.reserve(needed + on_device)
        return needed + on_device
    if not net.device.shows_memory:
        optimiser = 0
    check_fits(on_device + optimiser, height, width, free, " on the device", beside)
    return needed - optimiser


def check_fits(
    needed: int,
    height: int,
    width: int,
    available: Optional[int] = None,
    where: str = "",
    beside: str = "",
) -> None:
    """Check that a run fits in the `available` bytes, by default those of the host's free memory.

    `beside` names another picture that needs memory: " with a style picture of 4096 x 3072".

    Raises
    ------
    ResourceError
        If the run does not fit. The message gives the needed and the free memory, and a long edge that fits.
    """
    if available is None:
        available = available_bytes()
    if available is None or needed <= available:
        return
    # Memory grows with the number of pixels.
    fitting = int(max(height, width) * (0.9 * available / needed) ** 0.5)
    raise ResourceError(
        "a picture of %d x %d%s needs about %s of memory%s, %s is free: --size %d would fit"
        % (width, height, beside, as_text(needed), where, as_text(available), fitting)
    )


@contextmanager
def explained(net: Any, input_blob: str) -> Iterator[None]:
    """Replace errors for lack of memory, on the host or on a device, by one that says what to do.

    Raises
    ------
    ResourceError
        If numpy raises MemoryError, or PyTorch raises OutOfMemoryError.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        ran_out = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
        # On the CPU PyTorch raises a plain RuntimeError.
        if not ran_out and "can't allocate memory" not in str(error):
            raise
        height, width = tuple(net.blobs[input_blob].shape)[2:]
        raise ResourceError(
            "no memory left on %s for %d x %d pixels: --size %d needs half as much"
            % (net.device.description, width, height, int(max(height, width) * 0.5**0.5))
        ) from None
