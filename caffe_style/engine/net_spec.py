"""Networks written in Python: `n.conv1 = L.Convolution(n.data, num_output=64, kernel_size=3)`.

As in pycaffe: a call of `layers.<Type>` makes a layer and gives its tops, which are the bottoms of others; a
`NetSpec` gives tops their names; `to_proto` writes the NetParameter. Keywords are fields: of the layer's own
parameter message where there is one (`num_output`), else of the layer's (`loss_weight`, `param`, `include`).
Dictionaries stand for messages, lists for repeated fields.

>>> n = NetSpec()
>>> n.data = layers.Input(shape=dict(dim=[1, 3, 8, 8]))
>>> n.conv1 = layers.Convolution(n.data, num_output=4, kernel_size=3)
>>> n.relu1 = layers.ReLU(n.conv1, in_place=True)
>>> [layer.name for layer in n.to_proto().layer]
['data', 'conv1', 'relu1']
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Any, Dict, List, Tuple, Union

from .layers.base import REGISTRY
from .proto import caffe_pb2
from .proto.own_fields import added_field


def param_name_dict() -> Dict[str, str]:
    """Layer type -> the name of its parameter message without "_param": Convolution -> convolution."""
    return {
        field.message_type.name[: -len("Parameter")]: field.name[: -len("_param")]
        for field in caffe_pb2.LayerParameter.DESCRIPTOR.fields
        if field.name.endswith("_param")
    }


_PARAM_NAMES = param_name_dict()


def assign_proto(message: Any, name: str, value: Any) -> None:
    """Set a field: a list fills a repeated one, a dictionary a message, field by field.

    Raises
    ------
    AttributeError
        Where the message has no such field.
    """
    if added_field(name) and message.DESCRIPTOR.name == "LayerParameter":
        _assign_all(message.Extensions[added_field(name)], value)
        return
    if name not in message.DESCRIPTOR.fields_by_name:
        raise AttributeError("%s has no field '%s'" % (message.DESCRIPTOR.name, name))
    current = getattr(message, name)
    repeated = hasattr(current, "extend")
    if repeated and not isinstance(value, (list, tuple)):
        value = [value]
    if repeated and value and isinstance(value[0], dict):
        for entries in value:
            _assign_all(current.add(), entries)
    elif repeated:
        current.extend(value)
    elif isinstance(value, dict):
        _assign_all(current, value)
    else:
        setattr(message, name, value)


def _assign_all(message: Any, entries: Dict[str, Any]) -> None:
    for name, value in entries.items():
        assign_proto(message, name, value)


def _own_parameters(layer: Any) -> Any:
    """The message of the parameters of the layer's type, None where it has none."""
    field = getattr(REGISTRY.get(layer.type), "options_field", None)
    if field is not None:
        return layer.Extensions[field]
    return getattr(layer, _PARAM_NAMES.get(layer.type, "") + "_param", None)


class Top:
    """One output of a layer."""

    def __init__(self, fn: Function, n: int) -> None:
        self.fn, self.n = fn, n

    def to_proto(self) -> Any:
        """The net that computes this top, all names made up."""
        return to_proto(self)


class Function:
    """A layer: its type, bottoms and fields.

    Parameters
    ----------
    type_name : str
        Caffe's name of the layer type.
    inputs : tuple of Top
        The bottoms.
    params : dict
        Fields; `ntop` is the number of tops (1), `in_place` gives the tops the bottoms' names, `name` names the
        layer.

    Raises
    ------
    TypeError
        For a bottom that is no top of another layer.
    """

    def __init__(self, type_name: str, inputs: Tuple[Top, ...], params: Dict[str, Any]) -> None:
        for index, bottom in enumerate(inputs):
            if not isinstance(bottom, Top):
                raise TypeError(
                    "%s input %d is not a Top (type is %s)" % (type_name, index, type(bottom))
                )
        self.type_name, self.inputs = type_name, inputs
        self.params = dict(params)
        self.ntop = self.params.pop("ntop", 1)
        self.in_place = self.params.pop("in_place", False)
        self.tops = tuple(Top(self, n) for n in range(self.ntop))


Named = Union[Top, Function]


class _Writer:
    """Collects the layers below some tops, each after those it reads.

    Parameters
    ----------
    names : dict of (Top or Function) to str
        The names that are given; others are made up, of the type and a count.
    """

    def __init__(self, names: Dict[Named, str]) -> None:
        self._names = names
        self._counts: Counter = Counter()
        self._layers: Dict[Function, Any] = OrderedDict()

    def add(self, fn: Function) -> None:
        """Add a layer and what it reads, once."""
        pending: List[Function] = [fn]
        while pending:
            fn = pending[-1]
            unread = [bottom.fn for bottom in fn.inputs if bottom.fn not in self._layers]
            if fn not in self._layers and unread:
                pending.extend(reversed(unread))
                continue
            if fn not in self._layers:
                self._layers[fn] = self._message(fn)
            pending.pop()

    def net(self) -> Any:
        """The NetParameter of all layers added."""
        return caffe_pb2.NetParameter(layer=self._layers.values())

    def _name(self, thing: Named, type_name: str) -> str:
        if thing not in self._names:
            self._counts[type_name] += 1
            self._names[thing] = "%s%d" % (type_name, self._counts[type_name])
        return self._names[thing]

    def _message(self, fn: Function) -> Any:
        layer = caffe_pb2.LayerParameter(type=fn.type_name)
        layer.bottom.extend(self._layers[bottom.fn].top[bottom.n] for bottom in fn.inputs)
        if fn.in_place:
            layer.top.extend(layer.bottom)
        else:
            layer.top.extend(self._name(top, fn.type_name) for top in fn.tops)
        # A layer is called like its first top.
        layer.name = self._name(fn.tops[0] if fn.tops else fn, fn.type_name)
        own = _own_parameters(layer)
        for name, value in fn.params.items():
            is_own = own is not None and name in own.DESCRIPTOR.fields_by_name
            assign_proto(own if is_own else layer, name, value)
        return layer


class NetSpec:
    """Names for tops: an attribute or item set is a top named so.

    The net has the layers of all named tops, in the order in which they were named, and what they need.
    """

    def __init__(self) -> None:
        super().__setattr__("tops", OrderedDict())

    def __setattr__(self, name: str, value: Named) -> None:
        self.tops[name] = value

    def __getattr__(self, name: str) -> Named:
        tops = self.__dict__.get("tops", {})  # not there yet while a copy is made
        if name not in tops:
            raise AttributeError("the net has no top '%s'" % name)
        return tops[name]

    def __setitem__(self, name: str, value: Named) -> None:
        self.tops[name] = value

    def __getitem__(self, name: str) -> Named:
        return self.tops[name]

    def __delattr__(self, name: str) -> None:
        del self.tops[name]

    def __delitem__(self, name: str) -> None:
        del self.tops[name]

    def __contains__(self, name: str) -> bool:
        return name in self.tops

    def keys(self) -> List[str]:
        """The names."""
        return list(self.tops)

    def values(self) -> List[Named]:
        """The tops."""
        return list(self.tops.values())

    def update(self, other: Dict[str, Named]) -> None:
        """Name the tops of a dictionary too."""
        self.tops.update(other)

    def to_proto(self) -> Any:
        """The net as a NetParameter."""
        writer = _Writer({value: name for name, value in self.tops.items()})
        for value in self.tops.values():
            writer.add(value.fn if isinstance(value, Top) else value)
        return writer.net()


def to_proto(*tops: Top) -> Any:
    """The net that computes some tops, all names made up, as a NetParameter."""
    writer = _Writer({})
    for top in tops:
        writer.add(top.fn)
    return writer.net()


class Layers:
    """`layers.<Type>(*bottoms, **fields)` makes a layer and returns its top; with ntop, a tuple of them."""

    def __getattr__(self, type_name: str) -> Any:
        def make(*inputs: Top, **params: Any) -> Union[Top, Function, Tuple[Top, ...]]:
            fn = Function(type_name, inputs, params)
            if fn.ntop == 0:
                return fn
            return fn.tops[0] if fn.ntop == 1 else fn.tops

        return make


class Parameters:
    """`params.<Type>.<VALUE>` is the value of an enum: `params.Pooling.MAX`."""

    def __getattr__(self, type_name: str) -> Any:
        return getattr(caffe_pb2, type_name + "Parameter")


layers = Layers()
params = Parameters()
