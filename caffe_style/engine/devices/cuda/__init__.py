"""The engine's cuda device: PyTorch's tensors and convolutions, on a GPU or on the processor."""

from .device import TorchDevice, make_torch_device

__all__ = ["TorchDevice", "make_torch_device"]
