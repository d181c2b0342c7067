"""caffe.draw: a network as a picture of its layers and blobs, drawn by Graphviz."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any, Dict, List, Optional

from ..errors import BackendError, OptionError
from .graph import state_meets_rule
from .proto import caffe_pb2

_BLOB = 'shape=octagon, fillcolor="#E0E0E0", style=filled'
_LAYER = 'shape=record, fillcolor="%s", style=filled'
_COLORS = {
    "Convolution": "#FF5050",
    "Deconvolution": "#FF5050",
    "Pooling": "#FF9900",
    "InnerProduct": "#CC33FF",
}
_OTHER_COLOR, _IN_PLACE_COLOR = "#6495ED", "#90EE90"
_DIRECTIONS = ("LR", "TB", "BT", "RL")


def get_pooling_types_dict() -> Dict[int, str]:
    """Number of a pooling method -> its name."""
    return {number: name for name, number in caffe_pb2.PoolingParameter.PoolMethod.items()}


def get_edge_label(layer: Any) -> str:
    """What is written where a layer's top leaves it: the number of its outputs."""
    if layer.type in ("Convolution", "Deconvolution"):
        return str(layer.convolution_param.num_output)
    if layer.type == "InnerProduct":
        return str(layer.inner_product_param.num_output)
    if layer.type == "Data":
        return "Batch %d" % layer.data_param.batch_size
    return ""


def choose_color_by_layertype(layertype: str) -> str:
    """The colour of a layer of this type, "#RRGGBB"."""
    return _COLORS.get(layertype, _OTHER_COLOR)


def get_layer_lr_mult(layer: Any) -> float:
    """The largest rate at which a layer's parameters learn; 1 where nothing is said."""
    if layer.type not in ("Convolution", "Deconvolution", "InnerProduct"):
        return 0
    return max([spec.lr_mult for spec in layer.param], default=1.0)


def get_layer_label(layer: Any, rankdir: str, display_lrm: bool = False) -> str:
    """What is written in a layer's box: name, type, and the geometry of its windows.

    Parameters
    ----------
    layer : LayerParameter
    rankdir : str
        "TB" and "BT" write it in one line.
    display_lrm : bool
        Also how fast its parameters learn.
    """
    parts = [layer.name, "(%s)" % layer.type]
    if layer.type in ("Convolution", "Deconvolution"):
        param = layer.convolution_param
        windows = [
            "%s: %s" % (name, getattr(param, field)[0] if getattr(param, field) else default)
            for name, field, default in (
                ("kernel size", "kernel_size", param.kernel_h),
                ("stride", "stride", param.stride_h or 1),
                ("pad", "pad", param.pad_h),
                ("dilation", "dilation", 1),
            )
        ]
        parts += windows[:3] + (windows[3:] if len(param.dilation) else [])
    elif layer.type == "Pooling":
        param = layer.pooling_param
        parts[1] = "(%s %s)" % (get_pooling_types_dict()[param.pool], layer.type)
        parts.append("kernel size: %d" % (param.kernel_size or param.kernel_h))
        parts.append("stride: %d" % (param.stride_h or param.stride))
        parts.append("pad: %d" % (param.pad or param.pad_h))
    if display_lrm:
        parts.append("lr mult: %g" % get_layer_lr_mult(layer))
    return (" " if rankdir in ("TB", "BT") else "\\n").join(parts)


def _quoted(text: str) -> str:
    r"""A string of Graphviz's language; `\n`, which breaks lines there, is kept."""
    return '"%s"' % text.replace('"', '\\"')


def _included(layer: Any, phase: Optional[int]) -> bool:
    """Whether a layer is part of the net in a phase (None: any)."""
    if phase is None:
        return True
    state = caffe_pb2.NetState(phase=phase)
    if len(layer.include):
        return any(state_meets_rule(state, rule) for rule in layer.include)
    return not any(state_meets_rule(state, rule) for rule in layer.exclude)


def graph_text(
    caffe_net: Any,
    rankdir: str = "LR",
    label_edges: bool = True,
    phase: Optional[int] = None,
    display_lrm: bool = False,
) -> str:
    """The network as a graph in Graphviz's language.

    Parameters
    ----------
    caffe_net : NetParameter
    rankdir : str
        Where it goes: "LR" (to the right), "TB" (down), "BT" or "RL".
    label_edges : bool
        Write numbers of outputs.
    phase : int, optional
        TRAIN or TEST: only the layers of that phase.
    display_lrm : bool
        Write how fast parameters learn.

    Raises
    ------
    OptionError
        For another direction.
    """
    if rankdir not in _DIRECTIONS:
        raise OptionError("rankdir is one of %s, not '%s'" % (", ".join(_DIRECTIONS), rankdir))
    lines = ["digraph %s {" % _quoted(caffe_net.name or "Net"), "rankdir=%s;" % rankdir]
    blobs: List[str] = list(caffe_net.input)
    edges = []
    for number, layer in enumerate(layer for layer in caffe_net.layer if _included(layer, phase)):
        node = "layer%d" % number
        in_place = list(layer.top) == list(layer.bottom) and len(layer.top) == 1
        color = _IN_PLACE_COLOR if in_place else choose_color_by_layertype(layer.type)
        label = _quoted(get_layer_label(layer, rankdir, display_lrm))
        lines.append("%s [label=%s, %s];" % (node, label, _LAYER % color))
        blobs += list(layer.bottom) + list(layer.top)
        edges += ['%s -> %s [label=""];' % (_quoted("blob " + name), node) for name in layer.bottom]
        said = _quoted(get_edge_label(layer) if label_edges else "")
        edges += ["%s -> %s [label=%s];" % (node, _quoted("blob " + b), said) for b in layer.top]
    for name in dict.fromkeys(blobs):
        lines.append("%s [label=%s, %s];" % (_quoted("blob " + name), _quoted(name), _BLOB))
    return "\n".join(lines + edges + ["}", ""])


def get_pydot_graph(
    caffe_net: Any,
    rankdir: str = "LR",
    label_edges: bool = True,
    phase: Optional[int] = None,
    display_lrm: bool = False,
) -> Any:
    """The network as a graph of the module pydot; parameters as for `graph_text`.

    Raises
    ------
    BackendError
        Without pydot.
    """
    try:
        import pydot
    except ImportError as error:
        raise BackendError("get_pydot_graph needs pydot: pip install pydot (%s)" % error) from None
    text = graph_text(caffe_net, rankdir, label_edges, phase, display_lrm)
    return pydot.graph_from_dot_data(text)[0]


def draw_net(
    caffe_net: Any,
    rankdir: str = "LR",
    ext: str = "png",
    phase: Optional[int] = None,
    display_lrm: bool = False,
) -> bytes:
    """The picture's file, in Graphviz's format `ext`; other parameters as for `graph_text`.

    Raises
    ------
    BackendError
        Where Graphviz's program `dot` is missing or does not know the format.
    """
    text = graph_text(caffe_net, rankdir, True, phase, display_lrm).encode()
    if ext == "raw":
        return text
    if shutil.which("dot") is None:
        raise BackendError("drawing needs Graphviz's program dot; a file ending in .raw does not")
    ran = subprocess.run(["dot", "-T" + ext], input=text, capture_output=True)
    if ran.returncode:
        reason = ran.stderr.decode(errors="replace").strip().splitlines()
        raise BackendError("dot cannot draw this as '%s': %s" % (ext, (reason or ["no reason"])[0]))
    return ran.stdout


def draw_net_to_file(
    caffe_net: Any,
    filename: str,
    rankdir: str = "LR",
    phase: Optional[int] = None,
    display_lrm: bool = False,
) -> None:
    """Draw into a file, in the format of its ending; ".raw" is Graphviz's own text.

    Raises
    ------
    BackendError
        As `draw_net`.
    """
    picture = draw_net(caffe_net, rankdir, os.path.splitext(filename)[1][1:], phase, display_lrm)
    with open(filename, "wb") as stream:
        stream.write(picture)
