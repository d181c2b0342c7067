"""Layer: what every layer type is, and the registry that finds it by Caffe's name.

A layer is written with numpy against `Blob.data_view` and `Blob.diff_view`, of Caffe's shape (N, C, H, W):
this is its definition and its slow path. Devices bring faster kernels for the types that matter and fall back
to this for the others. Layers from outside may use `data` and `diff` as pycaffe's do, arrays in Caffe's order:
each change between the two is a copy.
"""

from __future__ import annotations

import difflib
from typing import Any, Callable, ClassVar, Dict, List, NoReturn, Optional, Sequence, Type

from ...errors import LayerError
from ..blob import Blob

REGISTRY: Dict[str, Type[Layer]] = {}

#: Caffe's types that are not here -> what serves instead.
MISSING = {
    "WindowData": "windows of pictures are not read here; write the crops to an LMDB or HDF5 file,"
    " or use MemoryData with net.set_input_arrays"
}


def register(*names: str) -> Callable[[Type[Layer]], Type[Layer]]:
    """Class decorator: this class is the layer type of these names in a prototxt."""

    def add(cls: Type[Layer]) -> Type[Layer]:
        for name in names:
            REGISTRY[name] = cls
        return cls

    return add


def create_layer(param: Any, phase: int) -> Layer:
    """Make the layer that a LayerParameter describes; it is not set up yet.

    Raises
    ------
    LayerError
        For a type that is not known, with the nearest names.
    """
    if param.type in MISSING:
        raise LayerError("layer '%s' (%s): %s" % (param.name, param.type, MISSING[param.type]))
    if param.type not in REGISTRY:
        near = difflib.get_close_matches(param.type, REGISTRY, 3)
        raise LayerError(
            "layer '%s': unknown layer type '%s'%s"
            % (param.name, param.type, "; did you mean %s?" % " or ".join(near) if near else "")
        )
    return REGISTRY[param.type](param, phase)


class Layer:
    """One layer: its parameters, its shape rule, its forward and backward.

    Attributes
    ----------
    param : LayerParameter
        The prototxt's message.
    phase : int
        0 TRAIN, 1 TEST.
    blobs : list of Blob
        Parameters, in Caffe's order, filled by their fillers.
    param_propagate_down : list of bool
        For each of `blobs`, whether backward adds to its diff.
    loss_weights : list of float
        For each top, what it counts in the net's loss (0: it is no loss).
    """

    #: (fewest, most) bottoms and tops; None: no limit.
    bottoms: ClassVar[tuple] = (1, 1)
    tops: ClassVar[tuple] = (1, 1)
    #: Missing tops up to the fewest are made by the net (loss layers do this).
    auto_tops: ClassVar[bool] = False
    #: Whether the result may overwrite the input.
    allows_in_place: ClassVar[bool] = False
    #: Whether reshape looks at more than shapes, so that it runs before every forward.
    reshapes_always: ClassVar[bool] = False
    #: Weight of the first top in the loss where the prototxt names none.
    default_loss_weight: ClassVar[float] = 0.0
    #: Where `options` are, of a type made by register_layer.
    options_field: ClassVar[Any] = None

    def __init__(self, param: Any, phase: int) -> None:
        self.param = param
        self.phase = phase
        self.blobs: List[Blob] = []
        self.param_propagate_down: List[bool] = []
        self.loss_weights: List[float] = []

    @property
    def type(self) -> str:
        """Caffe's name of the layer type."""
        return self.param.type

    @property
    def name(self) -> str:
        """The layer's name in the prototxt."""
        return self.param.name

    @property
    def options(self) -> Any:
        """The parameters of a type that register_layer made, as a message."""
        return self.param.Extensions[self.options_field]

    def fail(self, message: str) -> NoReturn:
        """Raise a LayerError that names this layer."""
        raise LayerError("layer '%s' (%s): %s" % (self.name, self.type, message))

    def check_counts(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Raise LayerError when the layer has too many or too few bottoms or tops."""
        for what, blobs, (fewest, most) in (
            ("bottom", bottom, self.bottoms),
            ("top", top, self.tops),
        ):
            if len(blobs) < fewest or (most is not None and len(blobs) > most):
                wanted = (
                    "%d" % fewest
                    if most == fewest
                    else "at least %d" % fewest
                    if most is None
                    else "%d to %d" % (fewest, most)
                )
                self.fail("takes %s %s blob(s), the prototxt gives %d" % (wanted, what, len(blobs)))

    def set_loss_weights(self, top: Sequence[Blob]) -> None:
        """Read loss_weight and write it into the tops' diffs, where backward starts from."""
        weights = list(self.param.loss_weight)
        if not weights:
            weights = [self.default_loss_weight] + [0.0] * (len(top) - 1) if top else []
        if len(weights) != len(top):
            self.fail(
                "loss_weight must be given once for each of the %d tops or not at all" % len(top)
            )
        self.loss_weights = weights
        for blob, weight in zip(top, weights):
            if weight:
                blob.diff_view[...] = weight

    # -- what a layer type defines -------------------------------------------------------------

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the parameters and make `blobs`; called once, before the first reshape."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Give the tops their shapes (`Blob.set_shape`); by default the first bottom's."""
        top[0].set_shape(bottom[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Write the tops' data."""
        raise NotImplementedError

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Overwrite the diffs of the bottoms that want it; add to the diffs of `blobs`."""
        raise NotImplementedError

    def allows_force_backward(self, index: int) -> bool:
        """Whether force_backward makes bottom `index` receive a gradient."""
        return True

    # -- helpers -------------------------------------------------------------------------------

    def canonical_axis(self, axis: int, blob: Blob, end: bool = False) -> int:
        """An axis counted from the front, from one that may be negative.

        Raises
        ------
        LayerError
            When the blob has no such axis (`end` allows one past the last).
        """
        axes = len(blob.shape) + (1 if end else 0)
        if not -axes <= axis < axes:
            self.fail("axis %d is out of range for a blob of shape %s" % (axis, blob.shape))
        return axis % axes if axes else 0

    def add_parameter(self, shape: Sequence[int], filler: Optional[Any]) -> Blob:
        """Append a parameter blob of `shape`, filled as the FillerParameter says (None: zeros)."""
        from ..fillers import fill

        blob = Blob(shape, channels_last=False)
        if filler is not None:
            fill(blob, filler)
        self.blobs.append(blob)
        return blob

    def wants_gradient(self, index: int) -> bool:
        """Whether backward computes the gradient of parameter `index`."""
        return index < len(self.param_propagate_down) and self.param_propagate_down[index]
