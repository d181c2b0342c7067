"""Recording a net's evaluation as a CUDA graph.

An evaluation starts a few hundred short kernels. To start them from Python takes longer than they run at 512
pixels. A CUDA graph starts all of them at once, on the same memory each time.
"""

from __future__ import annotations

import operator
import warnings
from typing import Any, Callable, List, Optional, Tuple

from ...memory import Memory


class Recorder:
    """Runs a function of one tensor that takes the same steps each time, from its third run on as a CUDA graph.

    The first run makes what later ones keep. The second one finds out whether any step waits for a value on the
    host: then nothing can be recorded. A recording is dropped when a parameter, an input or a shape of the net
    changes.

    Parameters
    ----------
    device : TorchDevice
    net : Net
        The net that the function runs.
    input_blob : str
        The net's input that the function sets.
    """

    def __init__(self, device: Any, net: Any, input_blob: str) -> None:
        self._device, self._net = device, net
        self._others = [name for name in net.inputs if name != input_blob]
        self._key: Any = None
        self._runs = 0
        self._refused = False
        self._recording: Optional[_Recording] = None

    def __call__(self, run: Callable[[Any], Any], x: Any) -> Any:
        """Return `run(x)`."""
        for blob in self._net.blobs.values():
            blob.collect()
        key = self._state(x)
        if key != self._key:
            self._key, self._runs, self._recording = key, 0, None
        self._runs += 1
        if self._refused:
            return run(x)
        if self._runs == 1:
            result = run(x)
            self._key = self._state(x)  # parameters are on the GPU now
            return result
        if self._runs == 2:
            return self._try(run, x)
        if self._recording is None:
            self._recording = self._record(run, x)
        return run(x) if self._recording is None else self._recording.replay(x)

    def _state(self, x: Any) -> Any:
        """All that the function's steps depend on beside x."""
        net = self._net
        kept = [blob for blobs in net.params.values() for blob in blobs]
        kept += [net.blobs[name] for name in self._others]
        for blob in kept:
            blob.collect()
        memories = [blob.data_memory for blob in kept]
        return (
            (tuple(x.shape), x.dtype),
            [(memory, memory.version) for memory in memories],
            _Same(memory.latest_on(self._device) for memory in memories),
            [(blob.shape, *_memories(blob)) for blob in net.blobs.values()],
        )

    def _has_room(self) -> bool:
        """Whether a second set of all that PyTorch holds now would fit."""
        held = self._device.torch.cuda.memory_allocated(self._device.place)
        return bool(self._device.free_bytes > held)

    def _record(self, run: Callable[[Any], Any], x: Any) -> Optional[_Recording]:
        if not self._has_room():
            self._refuse("it would take too much GPU memory")
            return None
        try:
            return _Recording(self._device, self._net, run, x)
        except RuntimeError as error:
            self._refuse(str(error).splitlines()[0])
            return None

    def _try(self, run: Callable[[Any], Any], x: Any) -> Any:
        cuda = self._device.torch.cuda
        before = cuda.get_sync_debug_mode()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that this mode is a prototype
                cuda.set_sync_debug_mode("error")
            return run(x)
        except RuntimeError as error:
            if "synchroniz" not in str(error):
                raise
            self._refuse("a step of it waits for the GPU")
        finally:
            cuda.set_sync_debug_mode(before)
        return run(x)

    def _refuse(self, why: str) -> None:
        self._refused = True
        self._device.tell("the evaluation is not recorded as a CUDA graph: %s" % why)


class _Recording:
    """The CUDA graph of one run, with the memory that it reads and writes."""

    def __init__(self, device: Any, net: Any, run: Callable[[Any], Any], x: Any) -> None:
        torch = device.torch
        self._device = device
        self._x = x.clone()
        self._graph = torch.cuda.CUDAGraph()
        # Without a stream, PyTorch would record one of the GPU that is current, not of this one.
        stream = torch.cuda.Stream(device.place)
        recording = torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local")
        with torch.cuda.device(device.place), recording:
            self._result = run(self._x)
        self._written: List[Tuple[Memory, Any]] = [
            (memory, memory.latest_on(device))
            for blob in net.blobs.values()
            for memory in _memories(blob)
            if memory.latest_on(device) is not None
        ]

    def replay(self, x: Any) -> Any:
        """Run the steps for another x; the net's blobs have what they have after a run."""
        self._x.copy_(x)
        self._graph.replay()
        for memory, buffer in self._written:
            memory.replace(self._device, buffer)
            memory.show()
        return self._result


class _Same(list):
    """A list that equals another one of the same objects. It keeps them, so no other gets their place."""

    def __eq__(self, other: Any) -> bool:
        return len(self) == len(other) and all(map(operator.is_, self, other))


def _memories(blob: Any) -> Tuple[Memory, Memory]:
    return blob.data_memory, blob.diff_memory
