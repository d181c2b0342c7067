"""Time of every distinct convolution and pooling of VGG-19, forward and gradient to the input.

    python -m benchmarks.layers --size 512 --threads 2 --json layers.json

Ours and, where it can be imported, PyTorch's in both memory layouts take turns; medians are given.
GFLOP/s count the operations of the plain definition (direct convolution); 'done' counts those that Winograd's
F(4x4, 3x3) leaves, and the per cent are of the matrix product's speed, measured in the same run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import numpy as np

from caffe_style.engine import native

WINOGRAD_SAVING = 4.0  # multiplications of direct convolution for each of F(4x4, 3x3)


class Layer(NamedTuple):
    """One distinct layer: at 1 / `scale` of the picture's size, `times` of them in the network."""

    name: str
    scale: int
    inputs: int
    outputs: int
    times: int = 1

    @property
    def is_pooling(self) -> bool:
        return self.name.startswith("pool")


LAYERS = [
    Layer("conv1_1", 1, 3, 64),
    Layer("conv1_2", 1, 64, 64),
    Layer("pool1", 1, 64, 64),
    Layer("conv2_1", 2, 64, 128),
    Layer("conv2_2", 2, 128, 128),
    Layer("pool2", 2, 128, 128),
    Layer("conv3_1", 4, 128, 256),
    Layer("conv3_2..4", 4, 256, 256, 3),
    Layer("pool3", 4, 256, 256),
    Layer("conv4_1", 8, 256, 512),
    Layer("conv4_2..4", 8, 512, 512, 3),
    Layer("pool4", 8, 512, 512),
    Layer("conv5_1", 16, 512, 512),
]


def aligned(*shape: int) -> np.ndarray:
    """Random floats on a cache line's boundary, as the engine's buffers are."""
    count = int(np.prod(shape))
    memory = np.empty(count + 16, np.float32)
    start = -memory.ctypes.data // 4 % 16
    array = memory[start : start + count].reshape(shape)
    array[...] = np.random.RandomState(0).standard_normal(shape)
    return array


def ours(layer: Layer, size: int) -> Dict[str, Callable[[], Any]]:
    """The two directions of a layer as calls without arguments."""
    x, dx = aligned(1, size, size, layer.inputs), aligned(1, size, size, layer.inputs)
    if layer.is_pooling:
        half = -(-size // 2)
        y, dy = aligned(1, half, half, layer.outputs), aligned(1, half, half, layer.outputs)
        window = {"kernel": (2, 2), "stride": (2, 2)}
        return {
            "forward": lambda: native.pool_max(x, y, **window),
            "backward": lambda: native.pool_max_gradient(x, dy, dx, **window),
        }
    y, dy = aligned(1, size, size, layer.outputs), aligned(1, size, size, layer.outputs)
    w, b = aligned(layer.outputs, layer.inputs, 3, 3), aligned(layer.outputs)
    return {
        "forward": lambda: native.convolve(x, w, b, y, pad=(1, 1), relu=True),
        "backward": lambda: native.convolve_input_gradient(dy, w, dx, pad=(1, 1), mask=y),
    }


def torchs(layer: Layer, size: int, layout: str) -> Dict[str, Callable[[], Any]]:
    """The same by PyTorch; `layout` is one of its memory formats."""
    import torch

    aten = torch.ops.aten

    def tensor(*shape: int) -> Any:
        return torch.randn(*shape).contiguous(memory_format=getattr(torch, layout))

    x = tensor(1, layer.inputs, size, size)
    if layer.is_pooling:
        y, where = aten.max_pool2d_with_indices(x, [2, 2], [2, 2], [0, 0], [1, 1], True)
        dy = torch.randn_like(y)
        return {
            "forward": lambda: aten.max_pool2d_with_indices(
                x, [2, 2], [2, 2], [0, 0], [1, 1], True
            ),
            "backward": lambda: aten.max_pool2d_with_indices_backward(
                dy, x, [2, 2], [2, 2], [0, 0], [1, 1], True, where
            ),
        }
    w, b = tensor(layer.outputs, layer.inputs, 3, 3), torch.randn(layer.outputs)
    y, dy = tensor(1, layer.outputs, size, size), tensor(1, layer.outputs, size, size)
    ones, zeros = [1, 1], [0, 0]

    def backward() -> Any:
        masked = aten.threshold_backward(dy, y, 0)
        wanted = [True, False, False]
        return aten.convolution_backward(
            masked, x, w, [layer.outputs], ones, ones, ones, False, zeros, 1, wanted
        )

    return {
        "forward": lambda: torch.relu_(torch.conv2d(x, w, b, padding=1)),
        "backward": backward,
    }


def seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def matrix_product_peak(repeat: int) -> float:
    """GFLOP/s of our matrix product, 2048 x 512 times 512 x 512: the best of several."""
    a, b, out = aligned(2048, 512), aligned(512, 512), aligned(2048, 512)
    best = min(seconds(lambda: native.matmul(a, b, out)) for _ in range(8 * repeat))
    return 2e-9 * a.size * b.shape[1] / best


def operations(layer: Layer, size: int) -> float:
    """GFLOP of direct convolution; 0 for pooling."""
    return 0.0 if layer.is_pooling else 18e-9 * size * size * layer.inputs * layer.outputs


def measure(size: int, repeat: int, against: bool) -> List[Dict[str, Any]]:
    """One record a layer and direction, times in milliseconds."""
    records = []
    for layer in LAYERS:
        edge = size // layer.scale
        calls = {"ours": ours(layer, edge)}
        if against:
            calls["torch"] = torchs(layer, edge, "contiguous_format")
            calls["torch channels-last"] = torchs(layer, edge, "channels_last")
        for direction in ("forward", "backward"):
            taken: Dict[str, List[float]] = {who: [] for who in calls}
            for turn in range(repeat + 1):
                for who, call in calls.items():
                    elapsed = 1e3 * seconds(call[direction])
                    if turn:  # the first warms up
                        taken[who].append(elapsed)
            records.append(
                {
                    "layer": layer.name,
                    "times": layer.times,
                    "edge": edge,
                    "direction": direction,
                    "gflop": operations(layer, edge),
                    "ms": {who: statistics.median(values) for who, values in taken.items()},
                }
            )
    return records


def totals(records: List[Dict[str, Any]], direction: str) -> Dict[str, float]:
    """Milliseconds of all convolutions of the network up to conv5_1, by implementation."""
    result: Dict[str, float] = {}
    for record in records:
        if record["gflop"] and record["direction"] == direction:
            for who, value in record["ms"].items():
                result[who] = result.get(who, 0.0) + record["times"] * value
    return result


def report(records: List[Dict[str, Any]], peak: float) -> None:
    others = [who for who in records[0]["ms"] if who != "ours"]
    print("matrix product: %.0f GFLOP/s" % peak)
    print(
        "%-12s %5s %-9s %9s %8s %6s %6s"
        % ("layer", "edge", "direction", "ours ms", "GFLOP/s", "done", "peak")
        + "".join(" %20s" % (who + " ms") for who in others)
    )
    for record in records:
        mine = record["ms"]["ours"]
        speed = record["gflop"] / mine * 1e3
        line = "%-12s %5d %-9s %9.2f" % (
            record["layer"],
            record["edge"],
            record["direction"],
            mine,
        )
        done = speed / WINOGRAD_SAVING
        line += " %8.0f %6.0f %5.0f%%" % (speed, done, 100 * done / peak) if speed else " " * 23
        for who in others:
            line += " %12.2f (%4.1fx)" % (record["ms"][who], record["ms"][who] / mine)
        print(line)
    for direction in ("forward", "backward"):
        sums = totals(records, direction)
        text = "all 3x3 convolutions, %-8s: ours %.0f ms" % (direction, sums["ours"])
        if others:
            best = min(others, key=lambda who: sums[who])
            text += ", %s %.0f ms: %.2f times ours" % (best, sums[best], sums[best] / sums["ours"])
        print(text)


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.layers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--size", type=int, default=512, help="edge of the picture, default 512")
    parser.add_argument("--threads", type=int, default=native.available and native.get_threads())
    parser.add_argument("--repeat", type=int, default=5, help="timed runs of each, default 5")
    parser.add_argument("--json", metavar="FILE", help="write every number there")
    options = parser.parse_args(arguments)
    if not native.available:
        print("no native kernels here: " + native.why_not, file=sys.stderr)
        return 2
    if options.size < 16 or options.repeat < 1 or options.threads < 1:
        parser.error("--size must be at least 16, --repeat and --threads at least 1")
    native.set_threads(options.threads)
    try:
        import torch

        torch.set_num_threads(options.threads)
        torch.set_grad_enabled(False)
        against = True
    except ImportError:
        against = False
    peak = matrix_product_peak(options.repeat)
    records = measure(options.size, options.repeat, against)
    report(records, peak)
    if options.json:
        summary = {
            "size": options.size,
            "threads": options.threads,
            "instruction_set": native.instruction_set,
            "matrix_product_gflops": peak,
            "layers": records,
            "convolutions_ms": {d: totals(records, d) for d in ("forward", "backward")},
        }
        with open(options.json, "w") as file:
            json.dump(summary, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
