"""The engine's cuda device: PyTorch's tensors and convolutions, on a GPU or on the processor."""

from .choice import list_gpus
from .device import TorchDevice, make_device

__all__ = ["TorchDevice", "list_gpus", "make_device"]
