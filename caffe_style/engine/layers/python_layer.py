"""Python layers: type "Python" in the prototxt names a module and a class of the user's."""

from __future__ import annotations

import importlib
from typing import Any, List, Sequence

from ..blob import Blob
from .base import Layer, register


class ParameterList(List[Blob]):
    """The parameters of a Python layer."""

    def add_blob(self, *shape: int) -> None:
        """Append a parameter of this shape, zeros."""
        self.append(Blob(shape, channels_last=False))


class PythonLayer:
    """What a user's layer derives from (as `caffe.Layer`): define setup, reshape, forward, backward.

    Attributes
    ----------
    blobs : ParameterList
        Parameters; `self.blobs.add_blob(3, 4)` in setup makes one.
    param_str : str
        The text of python_param.
    phase : int
        0 TRAIN, 1 TEST.
    """

    def __init__(self, param: Any) -> None:
        self.blobs = ParameterList()
        self.param_str = param.python_param.param_str
        self.phase = int(param.phase)

    #: Caffe's name of the layer type.
    type = "Python"

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read `param_str`, make parameters; called once."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Give the tops their shapes, `top[0].reshape(n, c, h, w)`; called before every forward."""

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Write `top[...].data[...]`."""
        raise NotImplementedError("a Python layer must define forward(self, bottom, top)")

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Write `bottom[...].diff[...]` where propagate_down says so."""
        raise NotImplementedError(
            "a Python layer must define backward(self, top, propagate_down, bottom)"
        )


@register("Python")
class Python(Layer):
    """Runs the user's layer, `instance`."""

    bottoms = (0, None)
    tops = (0, None)
    allows_in_place = True
    reshapes_always = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Import the module, make the layer, set it up."""
        param = self.param.python_param
        try:
            module = importlib.import_module(param.module)
        except ImportError as error:
            self.fail("cannot import module '%s': %s" % (param.module, error))
        if not hasattr(module, param.layer):
            self.fail("module '%s' has no class '%s'" % (param.module, param.layer))
        self.instance = getattr(module, param.layer)(self.param)
        self.instance.setup(bottom, top)
        self.blobs = self.instance.blobs

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The user's."""
        self.instance.reshape(bottom, top)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The user's."""
        self.instance.forward(bottom, top)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """The user's."""
        self.instance.backward(top, propagate_down, bottom)
