"""Time of an evaluation and of an iteration of L-BFGS on a GPU, against eager PyTorch in the same process.

    python -m benchmarks.gpu --model vgg19 --sizes 512,1024

Ours is `--optimizer device`. PyTorch's is torch.optim.LBFGS without a line search, as other programs use it.
Both remember ten steps. They take turns; medians are given. In single precision PyTorch may not use TF32.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any, Callable, List, Tuple

import numpy as np
import torch

from caffe_style.optimise.minimise import minimise

from .evaluation import LAYERS, caffe_objective, torch_loss

#: Our backend, and whether PyTorch may use TF32, which is its own default.
PRECISIONS = {"single": ("cuda", False), "tf32": ("cuda-tf32", True)}

Timed = Callable[[], List[float]]


def ours(model: str, size: int, backend: str, steps: int) -> Tuple[Timed, Timed]:
    """Functions that return seconds of evaluations, and of iterations."""
    objective, image = caffe_objective(model, size, backend)
    x = torch.from_numpy(image).cuda().double()

    def iterations() -> List[float]:
        clock = Clock()
        minimise(objective, x, steps, optimizer="device", callback=lambda record, image: clock())
        return clock.seconds

    return lambda: timed(lambda: objective(x), steps), iterations


def eager(model: str, size: int, tf32: bool, steps: int) -> Tuple[Timed, Timed]:
    loss = torch_loss(model, "cuda")
    generator = torch.Generator().manual_seed(0)
    image = (50 * torch.randn((1, 3, size, size), generator=generator)).cuda().requires_grad_(True)

    def within(work: Callable[[], List[float]]) -> Timed:
        def run() -> List[float]:
            with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=tf32):
                return work()

        return run

    def iterations() -> List[float]:
        clock, x = Clock(), image.detach().clone().requires_grad_(True)
        optimizer = torch.optim.LBFGS(
            [x], max_iter=steps, history_size=10, tolerance_grad=-1, tolerance_change=-1
        )

        def closure() -> Any:
            clock()
            optimizer.zero_grad()
            value = loss(x)
            value.backward()
            return value

        optimizer.step(closure)
        return clock.seconds

    return (
        within(lambda: timed(lambda: torch.autograd.grad(loss(image), image), steps)),
        within(iterations),
    )


class Clock:
    """Seconds between its calls."""

    def __init__(self) -> None:
        self.times: List[float] = []

    def __call__(self) -> None:
        torch.cuda.synchronize()
        self.times.append(time.perf_counter())

    @property
    def seconds(self) -> List[float]:
        """All but the first ones, before the memory of L-BFGS is full."""
        return np.diff(self.times)[12:].tolist()


def timed(work: Callable[[], Any], runs: int) -> List[float]:
    clock = Clock()
    for _ in range(runs):
        work()
        clock()
    return clock.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="vgg19", choices=sorted(LAYERS))
    parser.add_argument("--sizes", default="512,1024")
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    print("%s, PyTorch %s" % (torch.cuda.get_device_name(), torch.__version__))
    print("%5s %-7s %-10s %9s %9s %6s" % ("size", "factors", "", "eager ms", "ours ms", "times"))
    for size in map(int, args.sizes.split(",")):
        for precision, (backend, tf32) in PRECISIONS.items():
            both = (
                eager(args.model, size, tf32, args.steps),
                ours(args.model, size, backend, args.steps),
            )
            for index, what in enumerate(("evaluation", "iteration")):
                seconds: List[List[float]] = [[], []]
                for _ in range(args.turns):
                    for found, functions in zip(seconds, both):
                        found += functions[index]()
                theirs, own = (1e3 * statistics.median(found) for found in seconds)
                print(
                    "%5d %-7s %-10s %9.2f %9.2f %6.2f"
                    % (size, precision, what, theirs, own, theirs / own),
                    flush=True,
                )


if __name__ == "__main__":
    main()
