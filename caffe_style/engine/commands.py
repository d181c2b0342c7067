"""Caffe's commands on the command line: time, test, device_query."""

from __future__ import annotations

import argparse
from typing import Callable, Dict, List

from ..errors import BackendError, OptionError
from .modes import set_device, set_mode_gpu
from .pycaffe import TEST, TRAIN, Net
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
    if command != "device_query":
        _add_flags(parser, needs_weights=command == "test")
    args = parser.parse_args(flags)
    if command == "device_query":
        device_query()
        return 0
    if args.iterations < 1:
        raise OptionError("-iterations must be at least 1, not %d" % args.iterations)
    if args.gpu is not None:
        set_device(args.gpu)
        set_mode_gpu()
    phase = _PHASES[args.phase] if args.phase else TEST if command == "test" else TRAIN
    stages = [stage for stage in args.stage.split(",") if stage]
    net = Net(
        network_file=args.model,
        weights=args.weights,
        phase=phase,
        level=args.level,
        stages=stages,
    )
    (test if command == "test" else time)(net, args.iterations)
    return 0


def _add_flags(parser: argparse.ArgumentParser, needs_weights: bool) -> None:
    def flag(name: str, **options: object) -> None:
        parser.add_argument("-" + name, "--" + name, **options)  # type: ignore[arg-type]

    flag("model", required=True, help="the prototxt")
    flag("weights", required=needs_weights, help="the caffemodel")
    flag("iterations", type=int, default=50, help="how often (50)")
    flag("gpu", type=int, help="number of a GPU; without it the cpu")
    flag("phase", choices=sorted(_PHASES), help="the net's phase (time: TRAIN, test: TEST)")
    flag("level", type=int, default=0, help="the net's level (0)")
    flag("stage", default="", help="the net's stages, between commas")


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
    from .devices.cuda import list_gpus
    from .devices.opencl import list_devices

    lists: Dict[str, Callable[[], list]] = {
        "cuda": list_gpus,
        "opencl": lambda: [each.name for each in list_devices() if not each.fault],
    }
    for kind, found in lists.items():
        try:
            for number, name in enumerate(found()):
                print("%s %d: %s" % (kind, number, name))
        except BackendError as error:
            print("%s: %s" % (kind, error))
