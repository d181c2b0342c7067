"""The nets of a solver: which definitions its SolverParameter names, and in which state each is built."""

from __future__ import annotations

from typing import Any, List

from ...errors import OptionError
from ..formats.prototxt import read_prototxt
from ..formats.upgrade import upgrade
from ..proto.caffe_pb2 import NetParameter, NetState
from ..pycaffe import TEST, TRAIN, Net


def make_train_net(param: Any) -> Net:
    """The net that is trained: train_net_param, train_net, net_param or net.

    Raises
    ------
    OptionError
        Unless exactly one is given.
    PrototxtError, LayerError, WeightsError
        Where the net cannot be built.
    """
    messages, files = (
        _given(param, "train_net_param", "net_param"),
        _given(param, "train_net", "net"),
    )
    if len(messages) + len(files) != 1:
        raise OptionError("give one of net, net_param, train_net and train_net_param")
    return _build(param, _definitions(messages, files)[0], TRAIN, [param.train_state])


def make_test_nets(param: Any) -> List[Net]:
    """The nets of tests: test_net_param, test_net, then net_param or net for each test_iter that is left.

    Raises
    ------
    OptionError
        Where test nets, test_iter and test_state do not go together, or test_interval is missing.
    PrototxtError, LayerError, WeightsError
        Where a net cannot be built.
    """
    own = _definitions(param.test_net_param, param.test_net)
    common = _definitions(_given(param, "net_param"), _given(param, "net"))
    count = len(param.test_iter)
    if count < len(own) or count > len(own) and not common:
        raise OptionError(
            "give test_iter once for each of the %d test nets, not %d times" % (len(own), count)
        )
    if len(param.test_state) not in (0, count):
        raise OptionError("give test_state once for each of the %d test nets or not at all" % count)
    if count and param.test_interval <= 0:
        raise OptionError("test nets need a test_interval above 0")
    definitions = own + common * (count - len(own))
    states = [[state] for state in param.test_state] or [[]] * count
    return [_build(param, each, TEST, state) for each, state in zip(definitions, states)]


def _given(param: Any, *fields: str) -> List[Any]:
    return [getattr(param, field) for field in fields if param.HasField(field)]


def _definitions(messages: Any, files: Any) -> List[Any]:
    return list(messages) + [read_prototxt(file) for file in files]


def _build(param: Any, definition: Any, phase: int, states: List[Any]) -> Net:
    """A net in the state that `phase`, the definition's own state and the solver's for it add up to."""
    state = NetState(phase=phase)
    for given in [definition.state, *states]:
        state.MergeFrom(given)
    # Several nets may be of one definition, and building one writes its state into it.
    own = NetParameter()
    own.CopyFrom(definition)
    net = Net.from_param(upgrade(own), state.phase, state.level, list(state.stage))
    for entry in param.weights:
        for path in entry.split(","):
            net.copy_from(path.strip())
    return net
