"""The opencl device: kernels for the layers that matter, the host for the others."""

from __future__ import annotations

import functools
import weakref
from typing import Any, Callable, Dict, Optional, Sequence, Union

import numpy as np

from ....errors import ResourceError
from ....system.memory import as_text
from ...blob import Blob
from ...layers.base import Layer
from ...memory import Memory
from ..cpu import make_cpu_device
from ..kernels import Kernel, KernelDevice
from . import convolution, layers
from .choice import choose_device
from .platforms import import_pyopencl
from .programs import Programs, Tuning, tuning_for

FLOAT = 4
#: A 3x3 filter has 36 values once it is transformed, and there are two directions.
FILTER_GROWTH = 8
#: Buffers hold whole vectors of any width.
PADDING = 64


@functools.cache
def make_device(name: str, wanted: Union[int, str] = 0) -> OpenclDevice:
    """The device of this number, or with this text in its name; all nets on it share its kernels.

    Raises
    ------
    BackendError
        When PyOpenCL or that device is missing, or when it cannot run our kernels.
    """
    device = choose_device(wanted).handle
    return OpenclDevice(import_pyopencl(), device)


class OpenclDevice(KernelDevice):
    """Runs the kernels of `KERNELS`; a layer they do not serve runs on the host, as do weight gradients.

    Parameters
    ----------
    cl : module
        pyopencl.
    device : pyopencl.Device
        Where.
    tuning : Tuning, optional
        Another than suits it.

    Attributes
    ----------
    programs : Programs
        Its kernels.
    description : str
        The driver's name for it.
    peak_bytes : int or None
        The most of its own memory that it has held; None where it works in the host's.
    """

    name = "opencl"
    fuses_relu = True
    own_memory = True

    def __init__(self, cl: Any, device: Any, tuning: Optional[Tuning] = None) -> None:
        super().__init__(KERNELS, make_cpu_device())
        self._cl, self._device = cl, device
        self.description: str = device.name.strip()
        self.peak_bytes: Optional[int] = None if device.host_unified_memory else 0
        context = cl.Context([device])
        self._queue = cl.CommandQueue(context)
        self._pool = cl.tools.MemoryPool(cl.tools.ImmediateAllocator(self._queue))
        self.programs = Programs(cl, context, self._queue, tuning or tuning_for(cl, device))
        self._derived: Any = weakref.WeakKeyDictionary()

    # -- memory ----------------------------------------------------------------------------------

    def allocate(self, count: int) -> Any:
        """A buffer of `count` floats, contents undefined; it is recycled when nobody holds it.

        Raises
        ------
        ResourceError
            When the device has no room for it.
        """
        size = FLOAT * max(-(-count // PADDING), 1) * PADDING
        try:
            buffer = self._pool.allocate(size)
        except self._cl.Error as error:
            raise ResourceError(
                "no room for %s more on %s, which has %s and uses %s (%s): choose a smaller --size"
                % (
                    as_text(size),
                    self.description,
                    as_text(self._device.global_mem_size),
                    as_text(self._pool.active_bytes),
                    str(error).splitlines()[0],
                )
            ) from None
        if self.peak_bytes is not None:
            self.peak_bytes = max(self.peak_bytes, self._pool.managed_bytes)
        return buffer

    def needed_bytes(self, blobs: int, diffs: int, parameters: int) -> int:
        """What a net takes of it; the pool keeps diffs of several sizes (factors measured)."""
        return blobs + 2 * diffs + FILTER_GROWTH * parameters + 4 * self.programs.tuning.scratch

    @property
    def free_bytes(self) -> Optional[int]:
        """What is left of its own memory; None where it works in the host's."""
        if self.peak_bytes is None:
            return None
        return self._device.global_mem_size - self._pool.active_bytes

    def scratch(self, count: int) -> Any:
        """A buffer for `count` floats of an intermediate result; most get one size, to be recycled."""
        return self.allocate(max(count, self.programs.tuning.scratch // FLOAT))

    def clear(self, buffer: Any) -> None:
        """Set every value to zero."""
        size = buffer.size // FLOAT * FLOAT
        self._cl.enqueue_fill_buffer(self._queue, buffer, np.float32(0), 0, size)

    def upload(self, array: np.ndarray, buffer: Any) -> None:
        """Copy from the host into the first values of a buffer."""
        if array.size:
            self._cl.enqueue_copy(self._queue, buffer, array)

    def download(self, buffer: Any, array: np.ndarray) -> None:
        """Copy the first values to the host, once all that was asked for has run."""
        if array.size:
            self._cl.enqueue_copy(self._queue, array, buffer)

    def uploaded(self, array: np.ndarray) -> Any:
        """A buffer with an array's values as float32."""
        buffer = self.allocate(array.size)
        self.upload(np.ascontiguousarray(array, np.float32), buffer)
        return buffer

    def read(self, memory: Memory) -> Any:
        """Its buffer, only to be read."""
        return memory.device_read(self)

    def write(self, memory: Memory) -> Any:
        """Its buffer, to be changed."""
        return memory.device_array(self)

    def overwrite(self, memory: Memory) -> Any:
        """Its buffer, every value of which is about to be written."""
        return memory.device_array(self, overwritten=True)

    def result(self, memory: Memory, operand: Memory) -> Any:
        """Its buffer for a result that is computed, perhaps in place, from `operand`."""
        return memory.device_array(self, overwritten=memory is not operand)

    def derived(self, layer: Layer, what: str, index: int, make: Callable) -> Any:
        """What `make` made of parameter `index`, an array or a buffer, until the parameter changes."""
        memory = layer.blobs[index].data_memory
        kept: Dict[str, tuple] = self._derived.setdefault(layer, {})
        if what not in kept or kept[what][0] is not memory or kept[what][1] != memory.version:
            kept.pop(what, None)
            made = make(layer.blobs[index].read_data())
            buffer = self.uploaded(made) if isinstance(made, np.ndarray) else made
            kept[what] = (memory, memory.version, buffer)
            self._pool.free_held()  # what it was made from is of a size that is not needed again
        return kept[what][2]

    def along(self, file: str, name: str, count: int, *arguments: Any) -> None:
        """Run an element-wise kernel over `count` values."""
        vector = self.programs.tuning.vector
        vectors = -(-count // vector)
        self.programs.run(file, name, vectors, *arguments, vectors, VW=vector)

    # -- layers ----------------------------------------------------------------------------------

    def forward_with_relu(self, layer: Layer, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Run a convolution and its ReLU in one pass over the top."""
        if self._kernel(layer, bottom, top):
            _convolution_forward(self, layer, bottom, top, relu=True)
        else:
            self._host.forward_with_relu(layer, bottom, top)

    def backward_with_relu(
        self,
        layer: Layer,
        top: Sequence[Blob],
        propagate_down: Sequence[bool],
        bottom: Sequence[Blob],
    ) -> None:
        """Run both, the mask applied while the diff is read."""
        if self._kernel(layer, bottom, top) and not any(layer.param_propagate_down):
            _convolution_backward(self, layer, top, propagate_down, bottom, relu=True)
        else:
            self._host.backward_with_relu(layer, top, propagate_down, bottom)


def _convolution_forward(
    device: OpenclDevice,
    layer: Any,
    bottom: Sequence[Blob],
    top: Sequence[Blob],
    relu: bool = False,
) -> None:
    for below, above in zip(bottom, top):
        convolution.forward(device, layer, below, above, relu)


def _convolution_backward(
    device: OpenclDevice,
    layer: Any,
    top: Sequence[Blob],
    propagate_down: Sequence[bool],
    bottom: Sequence[Blob],
    relu: bool = False,
) -> None:
    for below, above, wanted in zip(bottom, top, propagate_down):
        if wanted:
            rectified = device.read(above.data_memory) if relu else None
            convolution.backward(device, layer, above, below, rectified)


KERNELS: Dict[str, Kernel] = {
    "Convolution": Kernel(convolution.serves, _convolution_forward, _convolution_backward, True),
    "Pooling": Kernel(layers.pools, layers.pooling_forward, layers.pooling_backward),
    "LRN": Kernel(layers.is_across, layers.lrn_forward, layers.lrn_backward),
    "ReLU": Kernel(layers.always, layers.relu_forward, layers.relu_backward),
    "Dropout": Kernel(layers.drops_nothing, layers.dropout_forward, layers.dropout_backward),
    "Eltwise": Kernel(layers.always, layers.eltwise_forward, layers.eltwise_backward),
    "Concat": Kernel(layers.always, layers.concat_forward, layers.concat_backward),
    "Split": Kernel(layers.always, layers.split_forward, layers.split_backward),
    "InnerProduct": Kernel(
        layers.is_product, layers.inner_product_forward, layers.inner_product_backward, True
    ),
}
