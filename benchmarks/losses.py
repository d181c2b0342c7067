"""Time and memory of each style loss, value and gradient, beside the Gram loss's.

    python -m benchmarks.losses --size 512 --channels 64 --threads 2

The responses are those of VGG's conv1_1: 64 feature maps of the picture's size, rectified, channels-last. Every
loss runs in a process of its own; they take turns, evaluation by evaluation, so that a change of the machine's
speed meets all of them. Medians are given. Memory is that of the target, and the process's peak during an
evaluation above what it holds before it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Any, Callable, Dict, List, Tuple

import numpy as np

GUIDES = 8
NAMES = (
    *("gram", "moments", "chained", "wasserstein", "pixelwise", "windowed", "spatial"),
    *("spatial-pairs", "covariation"),
)


def responses(channels: int, size: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((size, size, channels), np.float32)
    return np.maximum(values, 0, out=values).transpose(2, 0, 1)


def read_responses(of_pairs: bool, channels: int, size: int, seed: int) -> Any:
    """The responses of the layer or, for a loss on pairs, also of one after a pooling layer."""
    layer = responses(channels, size, seed)
    return (layer, responses(2 * channels, size // 2, seed + 2)) if of_pairs else layer


def make_evaluation(name: str, channels: int, size: int) -> Tuple[Callable[[], Any], int]:
    """An evaluation of the loss, and the bytes of its target."""
    from caffe_style import losses

    style = losses.STYLE_LOSSES[name]
    painted = read_responses(style.of_pairs, channels, size, 1)
    if style.needs_guides:
        guides = np.random.default_rng(2).random((GUIDES, size, size), np.float32)
        target = style.make_target(painted, guides, guides)
    else:
        target = style.make_target(painted)
    del painted
    features = read_responses(style.of_pairs, channels, size, 0)
    gradient = tuple(map(np.zeros_like, features)) if style.of_pairs else np.zeros_like(features)
    parts = target if isinstance(target, tuple) else (target,)
    held = sum(getattr(part, "nbytes", 0) for part in parts)
    return (lambda: style.loss(features, target, 1.0, gradient)), held


def memory(field: str) -> int:
    """A field of /proc/self/status in bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field))


def work(name: str, channels: int, size: int, threads: int) -> None:
    """A worker: one evaluation for every line it reads, its seconds for every line it writes."""
    from caffe_style.backends.threads import set_threads

    set_threads(threads)
    evaluate, held = make_evaluation(name, channels, size)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak counts from here
    before = memory("VmRSS")
    evaluate()
    print(json.dumps({"target_bytes": held, "peak_bytes": memory("VmHWM") - before}), flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        evaluate()
        print(time.perf_counter() - began, flush=True)


def compare(channels: int, size: int, threads: int, runs: int) -> List[Dict[str, Any]]:
    """Let the losses take turns; a row of figures for each."""
    options = ["--channels", str(channels), "--size", str(size), "--threads", str(threads)]
    command = [sys.executable, "-m", "benchmarks.losses", *options, "--worker"]
    workers, rows = {}, []
    for name in NAMES:
        workers[name] = subprocess.Popen(
            [*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        ready = workers[name].stdout.readline()
        if not ready:
            raise SystemExit("%s failed" % name)
        rows.append({"loss": name, **json.loads(ready)})
    seconds: Dict[str, List[float]] = {name: [] for name in NAMES}
    for _ in range(runs):
        for name, worker in workers.items():
            worker.stdin.write("\n")
            worker.stdin.flush()
            seconds[name].append(float(worker.stdout.readline()))
    for row in rows:
        taken = seconds[row["loss"]]
        row.update(seconds=statistics.median(taken), lowest=min(taken), highest=max(taken))
        row["by_gram"] = row["seconds"] / rows[0]["seconds"]
        workers[row["loss"]].stdin.close()
        workers[row["loss"]].wait()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args.worker, args.channels, args.size, args.threads)
        return
    rows = compare(args.channels, args.size, args.threads, args.runs)
    print("%-14s %9s %17s %6s %10s %8s" % HEADINGS)
    for row in rows:
        print(
            "%(loss)-14s %(seconds)9.4f %(lowest)8.4f-%(highest)8.4f %(by_gram)6.1f" % row
            + " %10.1f %8.1f" % (row["target_bytes"] / 1e6, row["peak_bytes"] / 1e6)
        )
    if args.json:
        with open(args.json, "w") as file:
            json.dump(rows, file, indent=1)


HEADINGS = ("loss", "seconds", "lowest - highest", "/ gram", "target MB", "peak MB")

if __name__ == "__main__":
    main()
