"""How much memory a run takes, before it starts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional

from ..errors import ResourceError
from ..system.memory import as_text, available_bytes

FLOAT32, FLOAT64 = 4, 8
#: Scratch of the kernels and small arrays: measured, it hardly depends on the picture.
OVERHEAD = 32 << 20
#: Arrays of the picture's size in double precision that an optimiser and we hold beside its memory: measured.
PICTURES = {"scipy": 22, "device": 11}
#: More of them when evaluating in tiles.
TILED_PICTURES = 4


def blob_sizes(net: Any, last_layer: str) -> Dict[str, int]:
    """Bytes of each blob's responses, of the layers up to `last_layer`, each memory counted once."""
    return {
        blob: FLOAT32 * net.blobs[blob].count
        for layer in _layers(net, last_layer)
        for blob in net.top_names[layer]
        if "_split_" not in blob
    }


def blob_bytes(net: Any, last_layer: str) -> int:
    """Bytes of the responses of the layers up to `last_layer`."""
    return sum(blob_sizes(net, last_layer).values())


def diff_bytes(net: Any, last_layer: str) -> int:
    """Bytes of the diffs that a lean backward holds at a time, those around the largest layer.

    What its device keeps counts instead where that is more.
    """
    largest = 0
    for layer in _layers(net, last_layer):
        blobs = set(net.top_names[layer]) | set(net.bottom_names[layer])
        largest = max(largest, sum(net.blobs[blob].count for blob in blobs))
    return max(FLOAT32 * largest, net.device.kept_bytes(net, last_layer))


def _layers(net: Any, last_layer: str) -> List[str]:
    """Names of the layers up to this one; a genuine net's are no list."""
    names = list(net._layer_names)
    return names[: names.index(last_layer) + 1]


def optimiser_bytes(variables: int, corrections: int, optimizer: str, tiled: bool = False) -> int:
    """Bytes of L-BFGS for so many variables: its memory of `corrections` steps, and copies of the picture."""
    arrays = 2 * corrections + PICTURES[optimizer] + (TILED_PICTURES if tiled else 0)
    return FLOAT64 * arrays * variables


def run_bytes(net: Any, input_blob: str, last_layer: str, corrections: int, optimizer: str) -> int:
    """Bytes that a run takes above what the process holds already; `net` has the picture's shape."""
    variables = net.blobs[input_blob].count
    return (
        blob_bytes(net, last_layer)
        + diff_bytes(net, last_layer)
        + optimiser_bytes(variables, corrections, optimizer)
        + OVERHEAD
    )


def device_bytes(net: Any, last_layer: str, responses: Optional[int] = None) -> int:
    """Bytes that a device with buffers of its own takes beside the host's; 0 for one that works in those.

    `responses` are the bytes of responses and targets, where these are more than the net's present size tells.
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
) -> int:
    """What a run takes of the host, of whose memory it `needed` so much without the device's part.

    `responses` is as in `device_bytes`, `beside` as in `check_fits`.

    Raises
    ------
    ResourceError
        When the device has memory of its own, and it would not hold its part.
    """
    on_device = device_bytes(net, last_layer, responses)
    free = net.device.free_bytes
    if free is None:
        return needed + on_device
    check_fits(on_device, height, width, free, " on the device", beside)
    return needed


def check_fits(
    needed: int,
    height: int,
    width: int,
    available: Optional[int] = None,
    where: str = "",
    beside: str = "",
) -> None:
    """Refuse work that would not fit in what is `available`: by default in the host's free memory.

    `beside` says what else takes memory with the picture: " with a style picture of 4096 x 3072".

    Raises
    ------
    ResourceError
        Naming what is needed, what is there, and the long edge that would fit.
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
    """Say what helps when memory runs out all the same, the host's or a device's.

    Raises
    ------
    ResourceError
        For numpy's MemoryError and PyTorch's OutOfMemoryError.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        ran_out = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
        # On the processor PyTorch has no error of its own for it.
        if not ran_out and "can't allocate memory" not in str(error):
            raise
        height, width = tuple(net.blobs[input_blob].shape)[2:]
        raise ResourceError(
            "no memory left on %s at %d x %d pixels: --size %d takes half as much"
            % (net.device.description, width, height, int(max(height, width) * 0.5**0.5))
        ) from None
