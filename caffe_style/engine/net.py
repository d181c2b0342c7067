"""Net: the graph of layers, run whole or in part, as pycaffe's Net."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ..errors import LayerError, PrototxtError
from . import graph
from .blob import Blob
from .devices import Device, current_device
from .layers import Layer, create_layer
from .pool import Pool


class NetCore:
    """Builds the graph of a NetParameter and runs ranges of it; `Net` dresses it as pycaffe.

    Parameters
    ----------
    param : NetParameter
        Upgraded, with its state (phase, level, stages) set.

    Attributes
    ----------
    device : Device
        What runs this net; until it is set the engine's current device, as Caffe's mode.

    Raises
    ------
    LayerError, PrototxtError
        For a network that makes no sense; genuine Caffe kills the process there.
    """

    def __init__(self, param: Any) -> None:
        net = graph.insert_splits(graph.filter_net(param))
        self.name = net.name
        self._phase = net.state.phase
        self._layer_names: List[str] = [layer.name for layer in net.layer]
        self._layers: List[Layer] = []
        self._blob_list: OrderedDict[str, Blob] = OrderedDict()
        self._bottoms: List[List[Blob]] = []
        self._tops: List[List[Blob]] = []
        self._bottom_names: List[List[str]] = []
        self._top_names: List[List[str]] = []
        self._input_names: List[str] = []
        self._layer_needs: List[bool] = []
        self._bottom_needs: List[List[bool]] = []
        self._reshaped_for: List[Optional[tuple]] = []
        self._lean_pool: Optional[Pool] = None
        self._device: Optional[Device] = None
        self._named_params: Dict[str, Tuple[int, int]] = {}
        blob_needs: Dict[str, bool] = {}
        unread: Dict[str, None] = {}
        for layer_param in net.layer:
            self._add_layer(layer_param, net.state.phase, blob_needs, unread)
        graph.backward_needs(
            self._top_names,
            self._bottom_names,
            [[bool(weight) for weight in layer.loss_weights] for layer in self._layers],
            self._layer_needs,
            self._bottom_needs,
        )
        if net.force_backward:
            self._force_backward()
        self._output_names = sorted(unread, key=lambda name: name.encode())
        self._followed_by_relu = [self._relu_follows(i) for i in range(len(self._layers))]
        self._retires = self._find_retirements()

    # -- construction --------------------------------------------------------------------------

    def _add_layer(
        self, param: Any, net_phase: int, blob_needs: Dict[str, bool], unread: Dict[str, None]
    ) -> None:
        if not param.HasField("phase"):
            param.phase = net_phase
        layer = create_layer(param, param.phase)
        if len(param.propagate_down) not in (0, len(param.bottom)):
            layer.fail("propagate_down must be given once for each bottom or not at all")
        index = len(self._layers)
        needs = False
        bottom_needs = []
        for j, name in enumerate(param.bottom):
            if name not in unread:
                layer.fail("bottom blob '%s' is unknown or already consumed" % name)
            del unread[name]
            needs = needs or blob_needs[name]
            wanted = param.propagate_down[j] if len(param.propagate_down) else blob_needs[name]
            bottom_needs.append(wanted)
        for j, name in enumerate(param.top):
            in_place = j < len(param.bottom) and param.bottom[j] == name
            if name in self._blob_list and not in_place:
                layer.fail("top blob '%s' is already produced by another layer" % name)
            if in_place and not layer.allows_in_place:
                layer.fail("cannot work in place: give its top another name than its bottom")
            self._add_top(name, blob_needs, unread)
            if param.type == "Input":
                self._input_names.append(name)
        top_names = list(param.top)
        if layer.auto_tops:
            for _ in range(len(top_names), layer.tops[0]):
                self._blob_list["(automatic)"] = Blob()
                blob_needs["(automatic)"] = False
                top_names.append("(automatic)")
        bottom = [self._blob_list[name] for name in param.bottom]
        top = [self._blob_list[name] for name in top_names]
        layer.check_counts(bottom, top)
        self._attach(layer, bottom, top)
        layer.param_propagate_down = self._read_lr(layer)
        self._share_params(layer, index)
        needs = needs or any(layer.param_propagate_down)
        for name in top_names:
            blob_needs[name] = blob_needs[name] or needs
        self._layers.append(layer)
        self._bottoms.append(bottom)
        self._tops.append(top)
        self._bottom_names.append(list(param.bottom))
        self._top_names.append(top_names)
        self._layer_needs.append(needs)
        self._bottom_needs.append(bottom_needs)
        self._reshaped_for.append(self._shapes(bottom, top))

    def _add_top(self, name: str, blob_needs: Dict[str, bool], unread: Dict[str, None]) -> None:
        self._blob_list.setdefault(name, Blob())
        blob_needs.setdefault(name, False)
        unread[name] = None

    @property
    def device(self) -> Device:
        """What runs this net and shows its blobs."""
        return self._device or current_device()

    @device.setter
    def device(self, device: Device) -> None:
        self._device = device

    @staticmethod
    def _attach(layer: Layer, bottom: List[Blob], top: List[Blob]) -> None:
        try:
            layer.setup(bottom, top)
            layer.reshape(bottom, top)
        except LayerError as error:
            if str(error).startswith("layer '"):
                raise
            layer.fail(str(error))
        layer.set_loss_weights(top)

    @staticmethod
    def _read_lr(layer: Layer) -> List[bool]:
        specs = layer.param.param
        if len(specs) > len(layer.blobs):
            layer.fail("%d param entries for %d parameters" % (len(specs), len(layer.blobs)))
        return [i >= len(specs) or specs[i].lr_mult != 0 for i in range(len(layer.blobs))]

    def _share_params(self, layer: Layer, index: int) -> None:
        """Parameters of one name are one parameter: the first layer's."""
        for i, spec in enumerate(layer.param.param):
            if not spec.name:
                continue
            if spec.name not in self._named_params:
                self._named_params[spec.name] = (index, i)
                continue
            owner_index, owner_i = self._named_params[spec.name]
            owner_layer = layer if owner_index == index else self._layers[owner_index]
            owner, blob = owner_layer.blobs[owner_i], layer.blobs[i]
            permissive = spec.share_mode == spec.PERMISSIVE
            if blob.count != owner.count if permissive else blob.shape != owner.shape:
                layer.fail(
                    "cannot share parameter '%s' of layer '%s': shape %s against %s"
                    % (spec.name, owner_layer.name, blob.shape, owner.shape)
                )
            blob.share_data(owner)
            blob.share_diff(owner)

    def _force_backward(self) -> None:
        for i, layer in enumerate(self._layers):
            self._layer_needs[i] = True
            self._bottom_needs[i] = [
                needed or layer.allows_force_backward(j)
                for j, needed in enumerate(self._bottom_needs[i])
            ]
            layer.param_propagate_down = [True] * len(layer.blobs)

    def _relu_follows(self, i: int) -> bool:
        """Whether layer i + 1 rectifies layer i's only top in place, so that a device may do both at once."""
        if i + 1 >= len(self._layers) or self._layers[i].type != "Convolution":
            return False
        following = self._layers[i + 1]
        return (
            following.type == "ReLU"
            and following.slope == 0
            and len(self._tops[i]) == 1
            and self._bottoms[i + 1] == self._tops[i] == self._tops[i + 1]
        )

    def _find_retirements(self) -> List[List[Blob]]:
        """For each layer the tops whose diffs nobody needs once its backward is done."""
        retires = []
        for i, layer in enumerate(self._layers):
            own = [] if layer.type == "Input" or any(layer.loss_weights) else self._tops[i]
            retires.append([blob for blob in own if blob not in self._bottoms[i]])
        return retires

    # -- running -------------------------------------------------------------------------------

    @property
    def lean(self) -> bool:
        """Whether backward computes the gradients of blobs only, and recycles them.

        Genuine Caffe under force_backward also computes the gradient of every parameter, and keeps every
        diff. Style transfer needs neither: with `lean = True` parameter diffs are left alone, and the diff
        of a blob is given up as soon as the layer that produced it has run backward (diffs of the net's
        inputs, and of the bottoms of the last layer run, stay). Off by default, as in Caffe.
        """
        return self._lean_pool is not None

    @lean.setter
    def lean(self, on: bool) -> None:
        if bool(on) == self.lean:
            return
        self._lean_pool = Pool() if on else None
        for blobs in self._retires:
            for blob in blobs:
                blob.recycle_diff(self._lean_pool)

    @staticmethod
    def _shapes(bottom: List[Blob], top: List[Blob]) -> tuple:
        return tuple(blob.shape for blob in bottom), tuple(blob.shape for blob in top)

    def _reshape_layer(self, i: int) -> None:
        bottom, top = self._bottoms[i], self._tops[i]
        layer = self._layers[i]
        self._collect(i)
        if layer.reshapes_always or self._reshaped_for[i] != self._shapes(bottom, top):
            try:
                layer.reshape(bottom, top)
            except LayerError as error:
                if str(error).startswith("layer '"):
                    raise
                layer.fail(str(error))
            self._reshaped_for[i] = self._shapes(bottom, top)

    def _blobs_of(self, i: int) -> List[Blob]:
        return [*self._bottoms[i], *self._tops[i], *self._layers[i].blobs]

    def _collect(self, i: int) -> None:
        """Take over what callers may have written into arrays of layer i's blobs that they hold."""
        for blob in self._blobs_of(i):
            blob.collect()

    def _show(self, i: int) -> None:
        """Bring what layer i has written into arrays that callers hold."""
        for blob in self._blobs_of(i):
            blob.show()

    def _run_forward(
        self, start: int, end: int, hooks: Sequence[Sequence[Any]] = ((), ())
    ) -> float:
        """Run layers start..end (inclusive); the weighted sum of the losses among them."""
        device = self.device
        before, after = hooks
        fusing = device.fuses_relu and not before and not after
        loss = 0.0
        i = start
        while i <= end:
            for hook in before:
                hook(i)
            self._reshape_layer(i)
            layer, bottom, top = self._layers[i], self._bottoms[i], self._tops[i]
            fused = fusing and i < end and self._followed_by_relu[i]
            if fused:
                device.forward_with_relu(layer, bottom, top)
            else:
                device.forward(layer, bottom, top)
            for blob, weight in zip(top, layer.loss_weights):
                if weight:
                    loss += float((blob.data_view * blob.diff_view).sum(dtype="float64"))
            self._show(i)
            for hook in after:
                hook(i)
            i += 2 if fused else 1
        return loss

    def _run_backward(
        self, start: int, end: int, hooks: Sequence[Sequence[Any]] = ((), ())
    ) -> None:
        """Run layers start..end (inclusive, start >= end) backward."""
        device = self.device
        before, after = hooks
        # A fused backward leaves the unmasked diff in the blob between: only lean nets allow that.
        fusing = self.lean and device.fuses_relu and not before and not after
        i = start
        while i >= end:
            for hook in before:
                hook(i)
            if self._layer_needs[i]:
                fused = (
                    fusing
                    and i > end
                    and self._followed_by_relu[i - 1]
                    and self._layer_needs[i - 1]
                )
                if fused:
                    i -= 1
                self._backward_layer(i, device, fused)
            for hook in after:
                hook(i)
            i -= 1

    def _backward_layer(self, i: int, device: Any, with_relu: bool) -> None:
        self._collect(i)
        layer, bottom, top = self._layers[i], self._bottoms[i], self._tops[i]
        needs = self._bottom_needs[i]
        asked = layer.param_propagate_down
        if self.lean:
            layer.param_propagate_down = [False] * len(asked)
        try:
            if with_relu:
                device.backward_with_relu(layer, top, needs, bottom)
            else:
                device.backward(layer, top, needs, bottom)
        finally:
            layer.param_propagate_down = asked
        self._show(i)
        if self.lean:
            for blob in self._retires[i]:
                blob.release_diff()

    def index_of(self, layer: str) -> int:
        """Index of the layer of this name.

        Raises
        ------
        ValueError
            As pycaffe: "'nope' is not in list".
        """
        return self._layer_names.index(layer)


def set_state(param: Any, phase: int, level: int = 0, stages: Sequence[str] = ()) -> Any:
    """Set a NetParameter's state, as the arguments of pycaffe's Net do.

    Raises
    ------
    PrototxtError
        For a phase that is neither TRAIN (0) nor TEST (1).
    """
    if phase not in (0, 1):
        raise PrototxtError("phase must be TRAIN (0) or TEST (1), not %r" % (phase,))
    param.state.phase = phase
    param.state.level = level
    del param.state.stage[:]
    param.state.stage.extend(stages or ())
    return param
