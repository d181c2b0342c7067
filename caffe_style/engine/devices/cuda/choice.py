"""Which of PyTorch's devices to run on, and what to say when it is not there."""

from __future__ import annotations

from typing import Any, List

from ....errors import BackendError
from ....system.memory import as_text
from ..table import TORCH, Found, import_library


def import_torch() -> Any:
    """PyTorch.

    Raises
    ------
    BackendError
        When it is not here or does not load.
    """
    return import_library(TORCH)


def list_gpus() -> List[Found]:
    """What PyTorch says of each GPU that it sees; there is at least one.

    Raises
    ------
    BackendError
        Without PyTorch, without a GPU.
    """
    torch = import_torch()
    if not torch.cuda.is_available():
        why = (
            "PyTorch sees no GPU: look at nvidia-smi and at the driver's version"
            if torch.version.cuda or torch.version.hip
            else "this PyTorch (%s) is built for the processor only: see pytorch.org for a build with CUDA"
            % torch.__version__
        )
        raise BackendError("%s; without a GPU --backend cpu is the fastest" % why)
    found = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        name = "%s, %s" % (properties.name, as_text(properties.total_memory))
        found.append(Found(name))
    return found


def choose_gpu(index: int) -> Any:
    """The torch.device of this number.

    Raises
    ------
    BackendError
        When PyTorch sees no GPU, or none of this number.
    """
    gpus = list_gpus()
    if not 0 <= index < len(gpus):
        listed = ", ".join("%d: %s" % (number, gpu.name) for number, gpu in enumerate(gpus))
        raise BackendError("there is no GPU %d: there are %s" % (index, listed))
    return import_torch().device("cuda", index)
