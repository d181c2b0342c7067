"""From the prototxt to the graph that runs: phase rules, and Split layers where a blob is read twice."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Dict, List, Tuple

from ..errors import LayerError

Source = Tuple[int, int]  # layer index, top index


def state_meets_rule(state: Any, rule: Any) -> bool:
    """Whether a NetState satisfies a NetStateRule: phase, level range, all stages, no excluded stage."""
    if rule.HasField("phase") and rule.phase != state.phase:
        return False
    if rule.HasField("min_level") and state.level < rule.min_level:
        return False
    if rule.HasField("max_level") and state.level > rule.max_level:
        return False
    stages = set(state.stage)
    return stages.issuperset(rule.stage) and not stages.intersection(rule.not_stage)


def filter_net(net: Any) -> Any:
    """A copy of the NetParameter with only the layers that its state includes.

    Raises
    ------
    LayerError
        For a layer with both include and exclude rules.
    """
    result = type(net)()
    result.CopyFrom(net)
    del result.layer[:]
    for layer in net.layer:
        if len(layer.include) and len(layer.exclude):
            raise LayerError(
                "layer '%s': give either include or exclude rules, not both" % layer.name
            )
        if len(layer.include):
            included = any(state_meets_rule(net.state, rule) for rule in layer.include)
        else:
            included = not any(state_meets_rule(net.state, rule) for rule in layer.exclude)
        if included:
            result.layer.add().CopyFrom(layer)
    return result


def split_layer_name(layer: str, blob: str, top: int) -> str:
    """Caffe's name for the Split on top number `top` of `layer`."""
    return "%s_%s_%d_split" % (blob, layer, top)


def _find_sources(net: Any) -> Tuple[Dict[Source, Source], Dict[Source, int], Dict[Source, float]]:
    """Who wrote each bottom; how often each top is read; what each top weighs as a loss."""
    writer: Dict[str, Source] = {}
    source_of: Dict[Source, Source] = {}
    readers: Dict[Source, int] = defaultdict(int)
    loss_weight: Dict[Source, float] = defaultdict(float)
    for i, layer in enumerate(net.layer):
        for j, blob in enumerate(layer.bottom):
            if blob not in writer:
                raise LayerError(
                    "unknown bottom blob '%s' (layer '%s', bottom index %d): no layer above it has this top"
                    % (blob, layer.name, j)
                )
            source_of[(i, j)] = writer[blob]
            readers[writer[blob]] += 1
        for j, blob in enumerate(layer.top):
            writer[blob] = (i, j)
        # A top that counts as a loss is read once more: by the loss.
        for j, weight in enumerate(layer.loss_weight[: len(layer.top)]):
            source = writer[layer.top[j]]
            loss_weight[source] = weight
            if weight:
                readers[source] += 1
    return source_of, readers, loss_weight


def insert_splits(net: Any) -> Any:
    """A copy of the NetParameter in which every top is read at most once.

    Raises
    ------
    LayerError
        For a bottom that no layer before it writes.
    """
    source_of, readers, loss_weight = _find_sources(net)
    given: Dict[Source, int] = defaultdict(int)
    result = type(net)()
    result.CopyFrom(net)
    del result.layer[:]
    for i, original in enumerate(net.layer):
        layer = result.layer.add()
        layer.CopyFrom(original)
        for j, blob in enumerate(original.bottom):
            source = source_of[(i, j)]
            if readers[source] > 1:
                name = split_layer_name(net.layer[source[0]].name, blob, source[1])
                layer.bottom[j] = "%s_%d" % (name, given[source])
                given[source] += 1
        for j, blob in enumerate(original.top):
            source = (i, j)
            if readers[source] < 2:
                continue
            name = split_layer_name(original.name, blob, j)
            split = result.layer.add(name=name, type="Split")
            split.bottom.append(blob)
            split.top.extend("%s_%d" % (name, k) for k in range(readers[source]))
            if loss_weight[source]:
                split.loss_weight.extend([loss_weight[source]] + [0.0] * (readers[source] - 1))
                layer.ClearField("loss_weight")
                given[source] += 1
    return result


def backward_needs(
    tops: List[List[str]],
    bottoms: List[List[str]],
    is_loss: List[List[bool]],
    layer_needs: List[bool],
    bottom_needs: List[List[bool]],
) -> None:
    """Switch off, in place, what does not contribute to a loss or leads nowhere (Caffe's second pass).

    Parameters
    ----------
    tops, bottoms : list of list of str
        Blob names of each layer.
    is_loss : list of list of bool
        Whether each top counts as a loss.
    layer_needs, bottom_needs
        Whether each layer, and each of its bottoms, takes part in backward.
    """
    under_loss, skipped = set(), set()
    for i in reversed(range(len(tops))):
        contributes = any(loss or name in under_loss for name, loss in zip(tops[i], is_loss[i]))
        all_skipped = all(name in skipped for name in tops[i])
        if layer_needs[i] and all_skipped:
            layer_needs[i] = False
            bottom_needs[i][:] = [False] * len(bottom_needs[i])
        if not contributes:
            layer_needs[i] = False
            bottom_needs[i][:] = [False] * len(bottom_needs[i])
        for name, needed in zip(bottoms[i], bottom_needs[i]):
            if contributes:
                under_loss.add(name)
            if not needed:
                skipped.add(name)
