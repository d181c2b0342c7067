"""Caffe's commands on the command line: time, test, train, device_query."""

from __future__ import annotations

import argparse
from typing import Any, Callable, Dict, List, Optional

from ..errors import BackendError, OptionError
from .devices import GPUS, list_hardware, row_of
from .modes import set_device, set_mode_gpu
from .pycaffe import TEST, TRAIN, Net
from .solvers import get_solver
from .timer import Timer

_PHASES = {"TRAIN": TRAIN, "TEST": TEST}


def run(arguments: List[str]) -> int:
    """Run a command; flags are spelled as Caffe's, `-model x`, `--model x` or `-model=x`.

    Parameters
    ----------
    arguments : list of str
        The command, then its flags.

    Returns
    -------
    int
        The exit status.
    """
    command, flags = arguments[0], arguments[1:]
    parser = argparse.ArgumentParser(prog="python -m caffe_style.engine " + command)
    if command == "train":
        _add_flag(parser, "solver", required=True, help="the solver's prototxt")
        _add_flag(parser, "snapshot", help="the solverstate to go on from")
        _add_flag(parser, "weights", help="caffemodels to begin with, between commas")
    elif command != "device_query":
        _add_net_flags(parser, needs_weights=command == "test")
    if command != "device_query":
        _add_flag(parser, "gpu", type=int, help="number of a GPU; without it the cpu")
    args = parser.parse_args(flags)
    if getattr(args, "gpu", None) is not None:
        set_device(args.gpu)
        set_mode_gpu()
    if command == "device_query":
        device_query()
    elif command == "train":
        train(args.solver, args.snapshot, args.weights)
    else:
        _run_net(command, args)
    return 0


def _run_net(command: str, args: argparse.Namespace) -> None:
    if args.iterations < 1:
        raise OptionError("-iterations must be at least 1, not %d" % args.iterations)
    phase = _PHASES[args.phase] if args.phase else TEST if command == "test" else TRAIN
    net = Net(
        network_file=args.model,
        weights=args.weights,
        phase=phase,
        level=args.level,
        stages=[stage for stage in args.stage.split(",") if stage],
    )
    (test if command == "test" else time)(net, args.iterations)


def _add_flag(parser: argparse.ArgumentParser, name: str, **options: Any) -> None:
    parser.add_argument("-" + name, "--" + name, **options)


def _add_net_flags(parser: argparse.ArgumentParser, needs_weights: bool) -> None:
    _add_flag(parser, "model", required=True, help="the prototxt")
    _add_flag(parser, "weights", required=needs_weights, help="the caffemodel")
    _add_flag(parser, "iterations", type=int, default=50, help="how often (50)")
    _add_flag(
        parser,
        "phase",
        choices=sorted(_PHASES),
        help="the net's phase (time: TRAIN, test: TEST)",
    )
    _add_flag(parser, "level", type=int, default=0, help="the net's level (0)")
    _add_flag(parser, "stage", default="", help="the net's stages, between commas")


def train(solver_file: str, snapshot: Optional[str], weights: Optional[str]) -> None:
    """Train as a solver's prototxt says, from a solverstate or from caffemodels where one is given.

    Raises
    ------
    OptionError
        For both a snapshot and weights.
    """
    if snapshot and weights:
        raise OptionError("give -snapshot to go on, or -weights to begin with, not both")
    solver = get_solver(solver_file)
    for path in weights.split(",") if weights else []:
        for net in [solver.net, *solver.test_nets]:
            net.copy_from(path)
    solver.solve(snapshot)


def time(net: Net, iterations: int) -> None:
    """Print how long each layer takes, forward and backward, on average.

    Backward runs as in training: without a loss (and without force_backward) it does nothing.
    """
    count = len(net.layers)
    print("Initial loss: %g" % net._forward(0, count - 1))
    net.backward()
    passes: Dict[str, Callable[[int], object]] = {
        "forward": lambda i: net._forward(i, i),
        "backward": lambda i: net._backward(i, i),
    }
    spent = {name: [0.0] * count for name in passes}
    total = {name: 0.0 for name in passes}
    whole, one, each = Timer(), Timer(), Timer()
    whole.start()
    for _ in range(iterations):
        for name, run_layer in passes.items():
            one.start()
            for i in range(count) if name == "forward" else reversed(range(count)):
                each.start()
                run_layer(i)
                spent[name][i] += each.ms
            total[name] += one.ms
    print("Average time per layer:")
    for i, layer in enumerate(net._layer_names):
        for name in passes:
            print("%10s\t%s: %g ms." % (layer, name, spent[name][i] / iterations))
    print("Average Forward pass: %g ms." % (total["forward"] / iterations))
    print("Average Backward pass: %g ms." % (total["backward"] / iterations))
    print("Average Forward-Backward: %g ms." % (sum(total.values()) / iterations))
    print("Total Time: %g ms." % whole.ms)


def test(net: Net, iterations: int) -> None:
    """Print the net's outputs batch by batch, their means, and the mean loss."""
    loss = 0.0
    sums = {name: 0.0 for name in net.outputs}
    for batch in range(iterations):
        loss += net._forward(0, len(net.layers) - 1)
        for name in net.outputs:
            values = net.blobs[name].data
            sums[name] = sums[name] + values.astype("float64")
            for value in values.ravel():
                print("Batch %d, %s = %g" % (batch, name, value))
    print("Loss: %g" % (loss / iterations))
    weights = net.blob_loss_weights
    for name, total in sums.items():
        for value in (total / iterations).ravel():
            line = "%s = %g" % (name, value)
            if weights[name]:
                line += " (* %g = %g loss)" % (weights[name], weights[name] * value)
            print(line)


def device_query() -> None:
    """Print the GPUs that `set_mode_gpu` can take, or why there are none."""
    for kind in GPUS:
        try:
            # Those that cannot be used come last.
            for number, each in enumerate(list_hardware(row_of(kind))):
                fault = ": its driver " + each.fault if each.fault else ""
                print("%s %d: %s%s" % (kind, number, each.name, fault))
        except BackendError as error:
            print("%s: %s" % (kind, error))
