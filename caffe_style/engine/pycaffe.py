"""Net as pycaffe shows it: constructors, dictionaries of blobs, forward and backward by name, weights."""

from __future__ import annotations

import itertools
import os
import sys
from collections import OrderedDict
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from ..errors import OptionError, WeightsError
from .blob import Blob
from .formats.caffemodel import read_caffemodel, write_caffemodel
from .formats.prototxt import read_prototxt
from .indices import Indexed
from .net import NetCore, set_state

TRAIN, TEST = 0, 1
PathLike = Union[str, bytes]
Returned = Dict[str, np.ndarray]


def _read_arguments(
    args: tuple, kwargs: dict
) -> Tuple[PathLike, Optional[PathLike], int, int, Any]:
    """The three forms of pycaffe's constructor as (network file, weights, phase, level, stages)."""
    names = ("network_file", "weights", "phase")[:: 1 if len(args) == 3 else 2]
    given = dict(zip(names, args))
    if len(args) > 3 or set(given) & set(kwargs):
        raise TypeError(
            "Net(file, phase), Net(file, weights, phase) or Net(network_file=, phase=, ...)"
        )
    given.update(kwargs)
    unknown = set(given) - {"network_file", "weights", "phase", "level", "stages"}
    if unknown or "network_file" not in given or "phase" not in given:
        raise TypeError(
            "Net needs network_file and phase (caffe.TRAIN or caffe.TEST)%s"
            % ("; unknown: %s" % ", ".join(sorted(unknown)) if unknown else "")
        )
    for name in ("network_file", "weights"):
        if given.get(name) is not None and not isinstance(given[name], (str, bytes)):
            raise TypeError("%s must be a str or bytes path, not %r" % (name, given[name]))
    return (
        given["network_file"],
        given.get("weights"),
        int(given["phase"]),
        int(given.get("level", 0)),
        given.get("stages"),
    )


class Net(Indexed, NetCore):
    """A network on the engine's current device, with pycaffe's interface.

    `Net(file, phase)`, `Net(file, weights, phase)` or
    `Net(network_file=, phase=, level=0, stages=None, weights=None)`.

    Raises
    ------
    PrototxtError, LayerError, WeightsError
        Where genuine Caffe kills the process.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        network_file, weights, phase, level, stages = _read_arguments(args, kwargs)
        param = read_prototxt(os.fsdecode(network_file))
        self._init_from(param, phase, level, stages)
        if weights is not None:
            self.copy_from(weights)

    @classmethod
    def from_param(
        cls, param: Any, phase: int = TEST, level: int = 0, stages: Sequence[str] = ()
    ) -> Net:
        """A net of a NetParameter message instead of a file."""
        net = cls.__new__(cls)
        net._init_from(param, phase, level, stages)
        return net

    def _init_from(
        self, param: Any, phase: int, level: int = 0, stages: Sequence[str] = ()
    ) -> None:
        self._hooks: Dict[str, List[Any]] = {
            "before_forward": [],
            "after_forward": [],
            "before_backward": [],
            "after_backward": [],
        }
        super().__init__(set_state(param, phase, level, stages or ()))
        self._params = OrderedDict(
            (layer.name, layer.blobs) for layer in self._layers if layer.blobs
        )
        # Of a Python layer pycaffe shows the user's own object.
        self._shown_layers = [getattr(layer, "instance", layer) for layer in self._layers]
        self._layer_dict = OrderedDict(zip(self._layer_names, self._shown_layers))

    # -- what the net holds --------------------------------------------------------------------

    blobs = property(lambda self: self._blob_list, doc="Blob name -> Blob, in order of first use.")
    params = property(lambda self: self._params, doc="Layer name -> its parameter blobs.")
    layers = property(lambda self: self._shown_layers, doc="The layers, in order.")
    layer_dict = property(lambda self: self._layer_dict, doc="Layer name -> layer.")
    inputs = property(lambda self: list(self._input_names), doc="Names of the Input layers' tops.")
    outputs = property(lambda self: list(self._output_names), doc="Blobs nobody reads, sorted.")

    @property
    def top_names(self) -> OrderedDict[str, List[str]]:
        """Layer name -> names of its tops."""
        return OrderedDict(zip(self._layer_names, self._top_names))

    @property
    def bottom_names(self) -> OrderedDict[str, List[str]]:
        """Layer name -> names of its bottoms."""
        return OrderedDict(zip(self._layer_names, self._bottom_names))

    @property
    def blob_loss_weights(self) -> OrderedDict[str, float]:
        """Blob name -> what it counts in the loss."""
        weights = OrderedDict((name, 0.0) for name in self._blob_list)
        for names, layer in zip(self._top_names, self._layers):
            weights.update(zip(names, layer.loss_weights))
        return weights

    # -- running -------------------------------------------------------------------------------

    def forward(
        self,
        blobs: Optional[List[str]] = None,
        start: Optional[str] = None,
        end: Optional[str] = None,
        **inputs: np.ndarray,
    ) -> Returned:
        """Run layers `start`..`end` (both included, by name; default all).

        Parameters
        ----------
        blobs : list of str
            Blobs to return besides the outputs (with `end`: besides the end layer's tops).
        **inputs : ndarray
            A value for every input, of the inputs' batch size; broadcast into place.

        Returns
        -------
        dict of str to ndarray
            Views of the blobs' data: they change with the next forward.
        """
        wanted = self._check_names(blobs)
        first = self.index_of(start) if start is not None else 0
        last = self.index_of(end) if end is not None else len(self._layers) - 1
        names = (self.top_names[end] if end is not None else self.outputs) + wanted
        if inputs:
            if set(inputs) != set(self._input_names):
                raise Exception("Input blob arguments do not match net inputs.")
            for name, value in inputs.items():
                if value.shape[0] != self._blob_list[name].shape[0]:
                    raise Exception("Input is not batch sized")
                self._blob_list[name].data_view[...] = value
                self._blob_list[name].show()
        self._forward(first, last)
        return {name: self._blob_list[name].data for name in names}

    def backward(
        self,
        diffs: Optional[List[str]] = None,
        start: Optional[str] = None,
        end: Optional[str] = None,
        **top_diffs: np.ndarray,
    ) -> Returned:
        """Run layers `start`..`end` (both included, by name; default all) backward.

        Parameters
        ----------
        diffs : list of str
            Blobs whose diffs to return besides the inputs' (with `end`: the end layer's bottoms').
        **top_diffs : ndarray
            A diff for every output of the net.

        Returns
        -------
        dict of str to ndarray
            Views of the blobs' diffs.
        """
        wanted = self._check_names(diffs)
        first = self.index_of(start) if start is not None else len(self._layers) - 1
        last = self.index_of(end) if end is not None else 0
        names = (self.bottom_names[end] if end is not None else self.inputs) + wanted
        if top_diffs:
            if set(top_diffs) != set(self._output_names):
                raise Exception("Top diff arguments do not match net outputs.")
            for name, value in top_diffs.items():
                if value.shape[0] != self._blob_list[name].shape[0]:
                    raise Exception("Diff is not batch sized")
                self._blob_list[name].diff_view[...] = value
                self._blob_list[name].show()
        self._backward(first, last)
        return {name: self._blob_list[name].diff for name in names}

    @staticmethod
    def _check_names(names: Optional[List[str]]) -> List[str]:
        if names is None:
            return []
        if not isinstance(names, list):
            raise TypeError("can only concatenate list (not %r) to list" % type(names).__name__)
        return names

    def _forward(self, start: int, end: int) -> float:
        """Run layers by index; the summed weighted loss."""
        self._check_range(start, end)
        hooks = self._hooks["before_forward"], self._hooks["after_forward"]
        return self._run_forward(start, end, hooks)

    def _backward(self, start: int, end: int) -> None:
        """Run layers by index, downwards."""
        self._check_range(end, start)
        hooks = self._hooks["before_backward"], self._hooks["after_backward"]
        self._run_backward(start, end, hooks)

    def _check_range(self, low: int, high: int) -> None:
        if low < 0 or high >= len(self._layers):
            raise OptionError(
                "layers %d..%d are not in a net of %d layers" % (low, high, len(self._layers))
            )

    def before_forward(self, hook: Any) -> None:
        """Call `hook(layer index)` before each layer's forward."""
        self._hooks["before_forward"].append(hook)

    def after_forward(self, hook: Any) -> None:
        """Call `hook(layer index)` after each layer's forward."""
        self._hooks["after_forward"].append(hook)

    def before_backward(self, hook: Any) -> None:
        """Call `hook(layer index)` before each layer's backward."""
        self._hooks["before_backward"].append(hook)

    def after_backward(self, hook: Any) -> None:
        """Call `hook(layer index)` after each layer's backward."""
        self._hooks["after_backward"].append(hook)

    def reshape(self) -> None:
        """Give every blob the shape that follows from the inputs' shapes."""
        for i in range(len(self._layers)):
            self._reshape_layer(i)

    def clear_param_diffs(self) -> None:
        """Zero the diffs of the parameters (backward adds to them)."""
        for layer in self._layers:
            for blob in layer.blobs:
                blob.diff_buffer(overwritten=True)[...] = 0

    # -- batches -------------------------------------------------------------------------------

    def forward_all(self, blobs: Optional[List[str]] = None, **inputs: np.ndarray) -> Returned:
        """Forward any number of inputs, batch by batch; returns copies."""
        collected: Dict[str, List[np.ndarray]] = {}
        for batch in self._batch(inputs):
            for name, value in self.forward(blobs=blobs, **batch).items():
                collected.setdefault(name, []).append(value.copy())
        return self._joined(collected, len(next(iter(inputs.values()))))

    def forward_backward_all(
        self,
        blobs: Optional[List[str]] = None,
        diffs: Optional[List[str]] = None,
        **inputs_and_diffs: np.ndarray,
    ) -> Tuple[Returned, Returned]:
        """Forward and backward any number of inputs, batch by batch; returns copies."""
        inputs = {k: v for k, v in inputs_and_diffs.items() if k in self._input_names}
        tops = {k: v for k, v in inputs_and_diffs.items() if k not in inputs}
        all_blobs: Dict[str, List[np.ndarray]] = {}
        all_diffs: Dict[str, List[np.ndarray]] = {}
        batches = itertools.zip_longest(self._batch(inputs), self._batch(tops), fillvalue={})
        for batch, top_batch in batches:
            for name, value in self.forward(blobs=blobs, **batch).items():
                all_blobs.setdefault(name, []).append(value.copy())
            for name, value in self.backward(diffs=diffs, **top_batch).items():
                all_diffs.setdefault(name, []).append(value.copy())
        total = len(next(iter(inputs.values())))
        return self._joined(all_blobs, total), self._joined(all_diffs, total)

    def _batch(self, blobs: Mapping[str, Sequence[np.ndarray]]) -> Iterator[Returned]:
        """Split lists of items into batches of the net's size, the last one filled up with zeros.

        Parameters
        ----------
        blobs : dict of str to sequence of ndarray
            Blob name -> items, as many for each.

        Yields
        ------
        dict of str to ndarray
            Blob name -> one batch, of the items' type.
        """
        size = next(iter(self._blob_list.values())).shape[0]
        total = len(next(iter(blobs.values()), ()))
        for first in range(0, total, size):
            batch = {name: np.asarray(items[first : first + size]) for name, items in blobs.items()}
            for name, part in batch.items():
                padding = [(0, size - len(part))] + [(0, 0)] * (part.ndim - 1)
                batch[name] = np.pad(part, padding, mode="constant")
            yield batch

    @staticmethod
    def _joined(parts: Dict[str, List[np.ndarray]], total: int) -> Returned:
        return {name: np.concatenate(values)[:total] for name, values in parts.items()}

    def set_input_arrays(self, data: np.ndarray, labels: np.ndarray) -> None:
        """Feed a MemoryData layer: `data` (N, C, H, W) float32 and `labels` (N, 1, 1, 1) or (N,)."""
        for layer in self._layers:
            if layer.type == "MemoryData":
                layer.set_arrays(data, labels)
                return
        raise OptionError("set_input_arrays needs a MemoryData layer, this net has none")

    # -- weights -------------------------------------------------------------------------------

    def copy_from(self, path: PathLike) -> None:
        """Load weights by layer name from a caffemodel or, by its suffix .h5, an HDF5 file.

        Layers of the file that the net has not are ignored, layers the file has not keep their values.

        Raises
        ------
        WeightsError
            When the file is missing or broken, or a layer's shapes differ.
        """
        name = os.fsdecode(path)
        if name.endswith(".h5"):
            return self.load_hdf5(name)
        found = read_caffemodel(name, set(self._layer_names))
        self._copy_arrays(found, name)
        missing = [layer for layer in self._params if layer not in found]
        if missing:
            print(
                "caffe_style: %s has no parameters for %s: left as their fillers made them"
                % (name, ", ".join(missing)),
                file=sys.stderr,
            )

    def _copy_arrays(self, layers: Dict[str, List[np.ndarray]], path: str) -> None:
        for name, arrays in layers.items():
            blobs = self._params.get(name, [])
            if len(arrays) != len(blobs):
                raise WeightsError(
                    "%s: layer '%s' has %d parameter(s), this net's has %d: the file is of another network"
                    % (path, name, len(arrays), len(blobs))
                )
            for i, (blob, array) in enumerate(zip(blobs, arrays)):
                if not same_shape(array.shape, blob.shape):
                    raise WeightsError(
                        "%s: parameter %d of layer '%s' has shape %s, this net's has %s:"
                        " the file is of another network" % (path, i, name, array.shape, blob.shape)
                    )
        for name, arrays in layers.items():
            for blob, array in zip(self._params.get(name, []), arrays):
                blob.data[...] = array.reshape(blob.shape)

    def share_with(self, other: Net) -> None:
        """Use the parameters of `other`, layer by layer of the same name."""
        for name, blobs in other.params.items():
            for mine, theirs in zip(self._params.get(name, []), blobs):
                if mine.shape != theirs.shape:
                    raise WeightsError(
                        "cannot share layer '%s': shape %s against %s"
                        % (name, mine.shape, theirs.shape)
                    )
                mine.share_data(theirs)

    def save(self, path: PathLike, diffs: bool = False) -> None:
        """Write a binary caffemodel: every layer's message with its parameters, and their diffs if asked."""
        layers = [(layer.param, [blob.data for blob in layer.blobs]) for layer in self._layers]
        beside = [[blob.diff for blob in layer.blobs] for layer in self._layers] if diffs else None
        write_caffemodel(os.fsdecode(path), self.name, layers, beside)

    def save_hdf5(self, path: PathLike, diffs: bool = False) -> None:
        """Write the parameters as HDF5, in Caffe's layout (needs h5py), and their diffs if asked."""
        from .formats.hdf5 import save_hdf5

        layers = {name: [blob.data for blob in blobs] for name, blobs in self._params.items()}
        beside = {name: [blob.diff for blob in blobs] for name, blobs in self._params.items()}
        save_hdf5(os.fsdecode(path), layers, beside if diffs else None)

    def load_hdf5(self, path: PathLike) -> None:
        """Load parameters from HDF5, in Caffe's layout (needs h5py)."""
        from .formats.hdf5 import load_hdf5

        name = os.fsdecode(path)
        self._copy_arrays(load_hdf5(name, set(self._params)), name)


def same_shape(found: Tuple[int, ...], wanted: Tuple[int, ...]) -> bool:
    """Equal, or equal once a legacy 4-axis shape loses its leading ones ((1, 1, N, K) is (N, K))."""
    if found == wanted:
        return True
    return len(found) == 4 and len(wanted) < 4 and found == (1,) * (4 - len(wanted)) + wanted


__all__ = ["Net", "Blob", "TRAIN", "TEST"]
