"""The cuda device: PyTorch runs the layers that matter, the host the others.

Tensors are views of a blob's memory in Caffe's shape (N, C, H, W). Channels-last memory is what cuDNN's kernels
for tensor cores and PyTorch's for processors read fastest.
"""

from __future__ import annotations

import functools
import weakref
from dataclasses import dataclass
from typing import Any, Callable, Optional, Tuple

import numpy as np

from ... import native
from ...blob import Blob
from ...layers.base import Layer
from ...memory import Memory
from ..cpu import make_cpu_device
from ..kernels import Blobs, KernelDevice, Wanted
from . import convolution
from .choice import choose_gpu, import_torch
from .layers import KERNELS
from .recording import Recorder

#: Compute capabilities of GPUs whose tensor cores multiply single precision (TF32) eight times as fast as their
#: other cores: A100, H100 and H200, B200. Those of other NVIDIA GPUs are hardly faster.
FAST_TENSOR_CORES = ((8, 0), (9, 0), (10, 0))

#: What cuDNN's convolutions may take to work in.
WORKSPACE = 512 << 20


@functools.cache
def make_device(name: str, index: int = 0) -> TorchDevice:
    """The device of this name; all nets on it share it.

    Parameters
    ----------
    name : {"cuda", "cuda-tf32", "torch"}
        A GPU; a GPU that may round convolutions' factors to 10 bits (TF32, faster on NVIDIA's from Ampere on,
        about 1e-3 off); or PyTorch on the processor, to try out what a GPU would do and to compare with.
    index : int
        Which GPU.

    Raises
    ------
    BackendError
        Without PyTorch, without that GPU.
    """
    torch = import_torch()
    if name == "torch":
        if native.available:
            torch.set_num_threads(native.get_threads())
        return TorchDevice(torch, name, torch.device("cpu"))
    return TorchDevice(torch, name, choose_gpu(index))


class TorchDevice(KernelDevice):
    """Runs the kernels of `layers.KERNELS`; a layer they do not serve runs on the host.

    Parameters
    ----------
    torch : module
    name : str
        "cuda", "cuda-tf32" or "torch".
    place : torch.device
        Where its tensors are.

    Attributes
    ----------
    splits : bool
        Whether convolutions split their factors for tensor cores, see `convolution`.
    """

    own_memory = True
    shows_memory = True

    def __init__(self, torch: Any, name: str, place: Any) -> None:
        super().__init__(KERNELS, make_cpu_device())
        self.torch, self.name, self.place = torch, name, place
        # On AMD's GPUs PyTorch calls its device cuda, too.
        self._on_nvidia = place.type == "cuda" and torch.version.cuda is not None
        self.splits = (
            name == "cuda"
            and self._on_nvidia
            and torch.cuda.get_device_capability(place) in FAST_TENSOR_CORES
        )
        # cuDNN's convolution with ReLU gains on tensor cores only.
        self.fuses_relu = self.splits or (name == "cuda-tf32" and self._on_nvidia)
        self._derived: Any = weakref.WeakKeyDictionary()
        self._recorders: Any = weakref.WeakKeyDictionary()

    @property
    def description(self) -> str:
        """What it is, for people."""
        if self.place.type != "cuda":
            return "the processor (PyTorch)"
        return "GPU %d (%s)" % (self.place.index, self.torch.cuda.get_device_name(self.place))

    def needed_bytes(self, blobs: int, diffs: int, parameters: int) -> int:
        """What a net takes beside the host's memory, or on a GPU in all.

        A result is there before it takes the place of the older one; filters are kept in both orders. Factors
        that are split take as much again, and so do the results of their parts.
        """
        beside = (3 * diffs + 4 * parameters) if self.splits else (diffs + 2 * parameters)
        return beside if self.place.type != "cuda" else blobs + diffs + beside + WORKSPACE

    @property
    def free_bytes(self) -> Optional[int]:
        """GPU memory that is left, PyTorch's reserve included; None on the processor."""
        if self.place.type != "cuda":
            return None
        cuda = self.torch.cuda
        reserve = cuda.memory_reserved(self.place) - cuda.memory_allocated(self.place)
        return int(cuda.mem_get_info(self.place)[0] + reserve)

    @property
    def peak_bytes(self) -> Optional[int]:
        """The most GPU memory held so far; None on the processor."""
        if self.place.type != "cuda":
            return None
        return int(self.torch.cuda.max_memory_allocated(self.place))

    # -- memory ----------------------------------------------------------------------------------

    def allocate(self, count: int) -> Any:
        """A tensor of `count` values, contents undefined."""
        return self.torch.empty(count, dtype=self.torch.float32, device=self.place)

    def clear(self, buffer: Any) -> None:
        """Set every value to zero."""
        buffer.zero_()

    def upload(self, array: np.ndarray, buffer: Any) -> None:
        """Copy from the host into the first values of a buffer."""
        buffer[: array.size].copy_(self.torch.from_numpy(array))

    def download(self, buffer: Any, array: np.ndarray) -> None:
        """Copy the first values to the host, once all that was asked for has run."""
        self.torch.from_numpy(array).copy_(buffer[: array.size])

    def placed(self, array: np.ndarray) -> Any:
        """An array's values in a tensor of its own here, of the same type and memory layout."""
        return self.torch.from_numpy(array).to(self.place, copy=True)

    # -- blobs as tensors ------------------------------------------------------------------------

    def data_of(self, blob: Blob) -> Any:
        """A blob's data in Caffe's shape, only to be read."""
        return _shown(blob, blob.data_memory.device_read(self))

    def diff_of(self, blob: Blob, overwritten: bool = False) -> Any:
        """A blob's diff in Caffe's shape, to be changed; `overwritten` as for `Blob.diff_buffer`."""
        return _shown(blob, blob.diff_memory.device_array(self, overwritten))

    def read_diff(self, blob: Blob) -> Any:
        """A blob's diff, only to be read."""
        return _shown(blob, blob.diff_memory.device_read(self))

    def set_data(self, blob: Blob, values: Any) -> None:
        """Let a blob's data be these values, of its shape; they belong to the blob from now on."""
        self._set(blob, blob.data_memory, values)

    def set_diff(self, blob: Blob, values: Any) -> None:
        """Likewise its diff."""
        self._set(blob, blob.diff_memory, values)

    def _set(self, blob: Blob, memory: Memory, values: Any) -> None:
        values = values.reshape(blob.shape).float()
        if blob.channels_last:
            values = values.movedim(1, -1)
        flat = values.contiguous().view(-1)
        if len(flat) == memory.capacity:
            memory.replace(self, flat)
        else:
            memory.device_array(self, overwritten=True)[: len(flat)] = flat

    def filters(self, layer: Layer) -> Any:
        """A layer's filters, channels-last where they have four axes, kept until they change."""
        return self._derive(layer).values

    def split_filters(self, layer: Layer) -> Tuple[Any, Any]:
        """Likewise, split for tensor cores."""
        kept = self._derive(layer)
        if kept.parts is None:
            kept.parts = convolution.split(self.torch, kept.values)
        return kept.parts

    def _derive(self, layer: Layer) -> _Derived:
        blob = layer.blobs[0]
        source: Tuple[Memory, int] = blob.data_memory, blob.data_memory.version
        kept = self._derived.get(layer)
        if kept is None or kept.memory is not source[0] or kept.version != source[1]:
            values = self.data_of(blob)
            if values.dim() == 4:
                values = values.contiguous(memory_format=self.torch.channels_last)
            kept = self._derived[layer] = _Derived(*source, values)
        return kept

    def convolving(self, split: bool) -> Any:
        """A context in which cuDNN uses TF32 only if factors are split, or the device's name asks for it.

        To let cuDNN try its algorithms gained nothing, and took up to 140 GB of memory.
        """
        tf32 = split or self.name == "cuda-tf32"
        return self.torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=tf32)

    # -- layers ----------------------------------------------------------------------------------

    def forward_with_relu(self, layer: Layer, bottom: Blobs, top: Blobs) -> None:
        """Run a convolution and its ReLU in one pass over the top."""
        if self._kernel(layer, bottom, top):
            convolution.forward(self, layer, bottom, top, relu=True)
        else:
            self._host.forward_with_relu(layer, bottom, top)

    def backward_with_relu(
        self, layer: Layer, top: Blobs, propagate_down: Wanted, bottom: Blobs
    ) -> None:
        """Run the two backward."""
        if self._kernel(layer, bottom, top):
            convolution.backward(self, layer, top, propagate_down, bottom, relu=True)
        else:
            self._host.backward_with_relu(layer, top, propagate_down, bottom)

    # -- whole evaluations -----------------------------------------------------------------------

    def repeat(
        self, steps: Any, net: Any, input_blob: str, run: Callable[[Any], Any], x: Any
    ) -> Any:
        """Run a function that takes the same steps each time; NVIDIA's GPUs record and replay them."""
        if not self._on_nvidia:
            return run(x)
        if steps not in self._recorders:
            self._recorders[steps] = Recorder(self, net, input_blob)
        return self._recorders[steps](run, x)


@dataclass
class _Derived:
    """What was made of a parameter."""

    memory: Memory
    version: int
    values: Any
    parts: Optional[Tuple[Any, Any]] = None


def _shown(blob: Blob, buffer: Any) -> Any:
    values = buffer[: blob.count].view(blob.physical_shape)
    return values.movedim(-1, 1) if blob.channels_last else values
