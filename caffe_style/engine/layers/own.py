"""register_layer: layer types that a program brings itself."""

from __future__ import annotations

from typing import Any, Callable, Optional, Type

from ...errors import OptionError
from ..proto.own_fields import add_field
from .base import REGISTRY, Layer, register


def register_layer(
    name: str, field: Optional[str] = None, /, **defaults: Any
) -> Callable[[Type[Layer]], Type[Layer]]:
    """Class decorator: this class is the layer type `name`, in every prototxt and NetSpec from now on.

    Parameters
    ----------
    name : str
        The type in a prototxt. A type that is there already can only be replaced by a class of the same name
        in the same module, as when a notebook's cell runs again.
    field : str, optional
        Where a prototxt's layer has its parameters, such as "wave_param". The layer finds them as
        `self.options`.
    **defaults : bool, int, float, str or list
        The parameters and what they are where the prototxt does not say. [float] is a parameter that may be
        given any number of times.

    Raises
    ------
    OptionError
        For a name or field that is taken, a class that is no Layer, or a default of another type.

    Examples
    --------
    >>> import numpy as np
    >>> import caffe_style.engine as caffe
    >>> from caffe_style.engine.layers import Layer
    >>> @caffe.register_layer("Wave", "wave_param", frequency=1.0)
    ... class Wave(Layer):
    ...     def forward(self, bottom, top):
    ...         top[0].data[...] = np.sin(self.options.frequency * bottom[0].data)
    ...
    ...     def backward(self, top, propagate_down, bottom):
    ...         if propagate_down[0]:
    ...             frequency = self.options.frequency
    ...             slope = frequency * np.cos(frequency * bottom[0].data)
    ...             bottom[0].diff[...] = slope * top[0].diff

    In a prototxt: `layer { type: "Wave" wave_param { frequency: 2 } ... }`.
    """
    if field is None and defaults:
        raise OptionError("register_layer needs a field, such as 'wave_param', for parameters")

    def add(cls: Type[Layer]) -> Type[Layer]:
        if not (isinstance(cls, type) and issubclass(cls, Layer)):
            raise OptionError(
                "a layer type derives from caffe_style.engine.layers.Layer, %r does not" % (cls,)
            )
        known = REGISTRY.get(name)
        if known and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise OptionError("there is a layer type '%s' already: choose another name" % name)
        if field is not None:
            cls.options_field = add_field(field, defaults)
        return register(name)(cls)

    return add
