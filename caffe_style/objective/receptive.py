"""Receptive fields: the pixels that a response depends on, derived from a network's definition."""

from __future__ import annotations

import math
from typing import Any, Dict, NamedTuple, Tuple

from ..errors import OptionError

#: Layers whose output at a position depends on their inputs at this position alone.
POINTWISE = frozenset(
    "AbsVal BatchNorm Bias BNLL Clip Concat Dropout Eltwise ELU Exp Log Power PReLU ReLU Scale "
    "Sigmoid Split Swish TanH Threshold".split()
)


class Field(NamedTuple):
    """Response i of a blob depends on pixels i * jump - before to i * jump + after, both included.

    Attributes
    ----------
    jump : int
        Distance from one response to the next in pixels.
    before, after : int
        Extent of the receptive field in pixels, with padding counted as pixels.
    """

    jump: int
    before: int
    after: int


def receptive_fields(param: Any, input_blob: str, last_layer: str) -> Dict[str, Field]:
    """Compute the receptive field of every blob up to a layer.

    Parameters
    ----------
    param : NetParameter
        Definition of the network.
    input_blob : str
        Name of the blob that holds the image.
    last_layer : str
        Name of the last layer to consider.

    Returns
    -------
    dict of str to Field

    Raises
    ------
    OptionError
        If a layer may depend on the whole picture, or differs along height and width.
    """
    fields = {input_blob: Field(1, 0, 0)}
    for layer in param.layer:
        below = [fields[blob] for blob in layer.bottom if blob in fields]
        if below:
            above = _field_above(layer, below)
            fields.update((blob, above) for blob in layer.top)
        if layer.name == last_layer:
            break
    return fields


def _field_above(layer: Any, below: Any) -> Field:
    jumps = {field.jump for field in below}
    if len(jumps) > 1:
        raise OptionError("layer '%s' joins responses of different resolution" % layer.name)
    jump = jumps.pop()
    before, after = max(field.before for field in below), max(field.after for field in below)
    if layer.type in POINTWISE or (
        layer.type == "LRN" and layer.lrn_param.norm_region == layer.lrn_param.ACROSS_CHANNELS
    ):
        return Field(jump, before, after)
    kernel, stride, pad = _window(layer)
    return Field(jump * stride, before + pad * jump, after + (kernel - 1 - pad) * jump)


def _window(layer: Any) -> Tuple[int, int, int]:
    """Return extent, stride and padding of a layer with a square window."""
    if layer.type == "Convolution":
        window = layer.convolution_param
        sizes = [
            _only(
                layer,
                list(field),
                default,
                (getattr(window, name + "_h"), getattr(window, name + "_w")),
            )
            for name, field, default in (
                ("kernel", window.kernel_size, 0),
                ("stride", window.stride, 1),
                ("pad", window.pad, 0),
            )
        ]
        dilation = _only(layer, list(window.dilation), 1, (0, 0))
        return (sizes[0] - 1) * dilation + 1, sizes[1], sizes[2]
    if layer.type == "Pooling" and not layer.pooling_param.global_pooling:
        window = layer.pooling_param
        return tuple(
            _only(
                layer,
                [getattr(window, field)],
                default,
                (getattr(window, name + "_h"), getattr(window, name + "_w")),
            )
            for name, field, default in (
                ("kernel", "kernel_size", 0),
                ("stride", "stride", 1),
                ("pad", "pad", 0),
            )
        )
    raise OptionError(
        "layer '%s' (%s) may depend on the whole picture: this network cannot run in tiles"
        % (layer.name, layer.type)
    )


def _only(layer: Any, values: list, default: int, sides: Tuple[int, int]) -> int:
    """Return the value for height and width, which may be given once, for each of them, or not at all."""
    given = {int(value) for value in values if value} | {int(side) for side in sides if side}
    if len(given) > 1:
        raise OptionError(
            "layer '%s' differs along height and width: this network cannot run in tiles"
            % layer.name
        )
    return given.pop() if given else default


def total_stride(fields: Dict[str, Field]) -> int:
    """Return the smallest number of pixels that is a multiple of every blob's jump.

    Examples
    --------
    >>> total_stride({"conv1": Field(2, 0, 2), "conv2": Field(3, 1, 4)})
    6
    """
    stride = 1
    for field in fields.values():
        stride = stride * field.jump // math.gcd(stride, field.jump)
    return stride
