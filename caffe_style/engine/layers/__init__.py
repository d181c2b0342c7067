"""The layer types: importing this package fills the registry."""

from . import (  # noqa: F401
    activations,
    affine,
    convolution,
    database,
    eltwise,
    embed,
    functions,
    hdf5_data,
    im2col,
    image_data,
    inner_product,
    joining,
    losses,
    lrn,
    lstm,
    normalisation,
    pooling,
    prelu,
    recurrent,
    selection,
    shape,
    softmax,
    softmax_losses,
    sources,
    split,
    spp,
    statistics,
)
from .base import REGISTRY, Layer, create_layer, register
from .python_layer import PythonLayer

__all__ = ["REGISTRY", "Layer", "PythonLayer", "create_layer", "register"]
