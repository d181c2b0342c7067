"""What a device is: the whole contract, with what holds on the host as its defaults."""

from __future__ import annotations

from typing import Any, Callable, Optional, Sequence

import numpy as np

from ..blob import Blob
from ..layers.base import Layer


class Device:
    """Runs layers one at a time and shows their blobs to losses; as it stands it is the numpy device.

    Everything has a default and is optional. A device with kernels for some layers begins with `KernelDevice`,
    which overrides `forward` and `backward`. One with `own_memory` must have `allocate`, `clear`, `upload` and
    `download`. One that shows this memory as tensors to losses overrides `placed`, `data_of`, `diff_of` and
    `set_data`, all four.

    Attributes
    ----------
    name : str
        What the user calls it.
    description : str
        What it is, for people.
    fuses_relu : bool
        Whether `forward_with_relu` and `backward_with_relu` gain anything, so that lean nets call them.
    own_memory : bool
        Whether blobs lie in buffers of its own; otherwise it works in the host's.
    shows_memory : bool
        Whether losses and our own L-BFGS work in that memory, on tensors; otherwise on the host.
    uses_blas : bool
        Whether layers run on the threads of numpy's BLAS, which must then keep them.
    free_bytes, peak_bytes : int or None
        What is left of its own memory, and the most that it has held; None where it works in the host's memory.
    """

    name = "numpy"
    description = "this machine"
    fuses_relu = False
    own_memory = False
    shows_memory = False
    uses_blas = True
    free_bytes: Optional[int] = None
    peak_bytes: Optional[int] = None

    # -- layers ----------------------------------------------------------------------------------

    def forward(self, layer: Layer, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Run the layer's forward."""
        layer.forward(bottom, top)

    def backward(
        self,
        layer: Layer,
        top: Sequence[Blob],
        propagate_down: Sequence[bool],
        bottom: Sequence[Blob],
    ) -> None:
        """Run the layer's backward."""
        layer.backward(top, propagate_down, bottom)

    def forward_with_relu(self, layer: Layer, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Run a convolution and the in-place ReLU that follows it."""
        self.forward(layer, bottom, top)
        values = top[0].data_buffer()
        np.maximum(values, 0, out=values)

    def backward_with_relu(
        self,
        layer: Layer,
        top: Sequence[Blob],
        propagate_down: Sequence[bool],
        bottom: Sequence[Blob],
    ) -> None:
        """Run the two backward; the tops' diffs need not be masked afterwards."""
        top[0].diff_buffer()[top[0].data_buffer() <= 0] = 0
        self.backward(layer, top, propagate_down, bottom)

    # -- what losses see -------------------------------------------------------------------------

    def placed(self, array: np.ndarray) -> Any:
        """An array's values where losses work; on the host the array itself."""
        return array

    def data_of(self, blob: Any) -> Any:
        """A blob's data in Caffe's shape, only to be read."""
        return blob.read_data()

    def diff_of(self, blob: Any) -> Any:
        """A blob's diff in Caffe's shape, to be changed."""
        return blob.diff_view

    def set_data(self, blob: Any, values: Any) -> None:
        """Let a blob's data be these values, of its shape; they belong to the blob from now on."""
        # Channel by channel: numpy copies a picture to channels-last memory three pixel values at a time.
        for own, given in zip(blob.data_view.swapaxes(0, 1), values.swapaxes(0, 1)):
            own[...] = given

    # -- whole evaluations -----------------------------------------------------------------------

    def repeat(
        self, steps: Any, net: Any, input_blob: str, run: Callable[[Any], Any], x: Any
    ) -> Any:
        """Return `run(x)`, a function of an array that runs the net and losses.

        Parameters
        ----------
        steps : object
            Stands for what the function does. As long as it is the same object, the function takes the same
            steps each time, so that a device may record and replay them.
        net : Net
        input_blob : str
            The net's input that `run` sets.
        run : callable
            The next call may overwrite what it returns.
        x : array
        """
        return run(x)

    # -- how much memory a net takes -------------------------------------------------------------

    def needed_bytes(self, blobs: int, diffs: int, parameters: int) -> int:
        """What a net takes beside the host's memory, given the bytes of its parts there."""
        return 0

    def kept_bytes(self, net: Any, last_layer: str) -> int:
        """What a net keeps beside the data once it has run up to a layer; 0 where diffs are recycled."""
        return 0

    def reserve(self, needed: int) -> None:
        """Be told how many bytes of the host's memory a run needs that is about to start."""

    # -- memory of its own -----------------------------------------------------------------------

    def allocate(self, count: int) -> Any:
        """A buffer of `count` float32 values, contents undefined."""
        raise NotImplementedError

    def clear(self, buffer: Any) -> None:
        """Set every value to zero."""
        raise NotImplementedError

    def upload(self, array: np.ndarray, buffer: Any) -> None:
        """Copy from the host into the first values of a buffer."""
        raise NotImplementedError

    def download(self, buffer: Any, array: np.ndarray) -> None:
        """Copy the first values, as many as the array has, to the host, once all that was asked for has run."""
        raise NotImplementedError
