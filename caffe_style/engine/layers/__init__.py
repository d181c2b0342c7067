"""The layer types: importing this package fills the registry."""

from . import (  # noqa: F401
    convolution,
    elementwise,
    sources,
    split,
)
from .base import REGISTRY, Layer, create_layer, register

__all__ = ["REGISTRY", "Layer", "create_layer", "register"]
