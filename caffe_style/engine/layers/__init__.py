"""The layer types: importing this package fills the registry."""

from . import (  # noqa: F401
    activations,
    convolution,
    functions,
    inner_product,
    joining,
    lrn,
    pooling,
    softmax,
    sources,
    split,
)
from .base import REGISTRY, Layer, create_layer, register

__all__ = ["REGISTRY", "Layer", "create_layer", "register"]
