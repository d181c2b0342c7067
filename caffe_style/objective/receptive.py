"""Receptive fields: which pixels a response depends on, from a network's definition."""

from __future__ import annotations

import math
from typing import Any, Dict, NamedTuple, Tuple

from ..errors import OptionError

#: Layers whose response at a position depends on their bottoms' at this position alone.
POINTWISE = frozenset(
    "AbsVal BatchNorm Bias BNLL Clip Concat Dropout Eltwise ELU Exp Log Power PReLU ReLU Scale "
    "Sigmoid Split Swish TanH Threshold".split()
)


class Field(NamedTuple):
    """Response i of a blob depends on pixels i * jump - before to i * jump + after, both included.

    Attributes
    ----------
    jump : int
        Pixels from one response to the next.
    before, after : int
        Padding counts as pixels.
    """

    jump: int
    before: int
    after: int


def receptive_fields(param: Any, input_blob: str, last_layer: str) -> Dict[str, Field]:
    """Receptive field of every blob up to a layer.

    Parameters
    ----------
    param : NetParameter
    input_blob : str
        The image.
    last_layer : str

    Returns
    -------
    dict of str to Field

    Raises
    ------
    OptionError
        For a layer that looks at the whole picture, or differently along height and width.
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
    """Extent, stride and padding of a layer that looks through a square window."""
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
        "layer '%s' (%s) may look at the whole picture: this network cannot run in tiles"
        % (layer.name, layer.type)
    )


def _only(layer: Any, values: list, default: int, sides: Tuple[int, int]) -> int:
    """The one value for height and width, given together, for each side, or not at all."""
    given = {int(value) for value in values if value} | {int(side) for side in sides if side}
    if len(given) > 1:
        raise OptionError(
            "layer '%s' differs along height and width: this network cannot run in tiles"
            % layer.name
        )
    return given.pop() if given else default


def total_stride(fields: Dict[str, Field]) -> int:
    """Smallest number of pixels that is whole in every blob."""
    stride = 1
    for field in fields.values():
        stride = stride * field.jump // math.gcd(stride, field.jump)
    return stride
