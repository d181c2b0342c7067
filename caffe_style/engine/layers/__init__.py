"""The layer types: importing this package fills the registry."""

from . import (  # noqa: F401
    activations,
    affine,
    convolution,
    database,
    eltwise,
    embed,
    forks,
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
from .own import register_layer
from .python_layer import PythonLayer


def layer_type_list() -> list:
    """Names of all layer types, sorted."""
    return sorted(REGISTRY)


__all__ = [
    "REGISTRY",
    "Layer",
    "PythonLayer",
    "create_layer",
    "layer_type_list",
    "register",
    "register_layer",
]
