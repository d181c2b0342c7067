"""Time of one evaluation: forward, five Gram losses, one content loss, backward to the image.

    python -m benchmarks.evaluation --sizes 256,512,1024 --against torch,caffe

Every implementation runs in a process of its own; they take turns, evaluation by evaluation, so that a change
of the machine's speed meets all of them. The median is given, and each process's peak memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from typing import Any, Callable, Dict, List, Tuple

import numpy as np

LAYERS = {
    "vgg19": (["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"], "conv4_2"),
    "strokenet": (["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"], "conv4_2"),
    "alexnet": (["conv1", "conv2", "conv3", "conv4", "conv5"], "conv4"),
    "googlenet": (
        ["conv1/7x7_s2", "conv2/3x3", "inception_3a/output", "inception_4a/output"]
        + ["inception_4d/output"],
        "inception_4a/output",
    ),
    "squeezenet": (
        ["conv1", "fire2/concat", "fire3/concat", "fire4/concat", "fire6/concat"],
        "fire4/concat",
    ),
}


def open_net(prototxt: str, backend: str) -> Any:
    """A net of ours, or genuine Caffe's where it can be imported."""
    if backend == "caffe":
        import caffe

        from caffe_style.backends.genuine import GenuineDevice

        net = caffe.Net(prototxt, caffe.TEST)
        net.device = GenuineDevice(backend)
        return net
    from caffe_style.backends import select as backends
    from caffe_style.engine.formats.prototxt import read_prototxt

    return backends.open_net(read_prototxt(prototxt), None, backend)


def caffe_evaluation(model: str, size: int, backend: str) -> Callable[[], Any]:
    objective, image = caffe_objective(model, size, backend)
    return lambda: objective(image)


def caffe_objective(model: str, size: int, backend: str) -> Tuple[Any, Any]:
    """An objective on a net with random filters, and a random image."""
    from caffe_style import losses
    from caffe_style.backends import arrays
    from caffe_style.engine.formats.prototxt import read_prototxt
    from caffe_style.networks import zoo
    from caffe_style.networks.network import Network
    from caffe_style.objective.objective import Objective, responses
    from caffe_style.objective.term import single_term

    described = zoo.get_model(model)
    net = open_net(str(described.prototxt), backend)
    network = Network(net, described, backend, read_prototxt(str(described.prototxt)))
    rng = np.random.RandomState(0)
    for blobs in network.net.params.values():
        shape = blobs[0].data.shape
        blobs[0].data[...] = rng.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5
    network.resize(size, size)
    style, content = LAYERS[model]
    image = 50 * rng.standard_normal((1, 3, size, size)).astype(np.float32)
    terms = []
    for blob in style:
        channels = network.net.blobs[blob].shape[1]
        target = np.zeros((channels, channels), np.float32)
        terms.append(single_term("style " + blob, blob, losses.gram, target, 1.0))
    target = arrays.zeros_like(responses(network.net, content)[0])
    terms.append(single_term("content", content, losses.content, target, 1.0))
    return Objective(network.net, "data", terms), image


def torch_evaluation(model: str, size: int, layout: str) -> Callable[[], Any]:
    import torch

    image = 50 * torch.randn((1, 3, size, size), generator=torch.Generator().manual_seed(0))
    if layout == "channels_last":
        image = image.contiguous(memory_format=torch.channels_last)
    image.requires_grad_(True)
    loss = torch_loss(model)
    return lambda: torch.autograd.grad(loss(image), image)[0]


def torch_loss(model: str, place: str = "cpu") -> Callable[[Any], Any]:
    """The same losses as a function of the image, in PyTorch on a device."""
    from caffe_style.engine.formats.prototxt import read_prototxt
    from caffe_style.networks import zoo

    from .torch_net import build

    style, content = LAYERS[model]
    param = read_prototxt(str(zoo.get_model(model).prototxt))
    last = [layer.name for layer in param.layer if set(layer.top) & set(style + [content])][-1]
    forward = build(param, last, place)

    def loss_of(image: Any) -> Any:
        blobs = forward(image)
        loss = 0.0
        for blob in style:
            x = blobs[blob][0].flatten(1)
            gram = x @ x.T
            loss = loss + 0.25 / x.numel() ** 2 * (gram * gram).sum()
        return loss + 0.5 * (blobs[content] ** 2).sum()

    return loss_of


def make_evaluation(name: str, model: str, size: int, threads: int) -> Callable[[], Any]:
    if name.startswith("torch"):
        import torch

        torch.set_num_threads(threads)
        return torch_evaluation(model, size, name.partition("-")[2])
    if name != "caffe":
        from caffe_style.backends.threads import set_threads

        set_threads(threads)
    return caffe_evaluation(model, size, name)


def work(name: str, model: str, size: int, threads: int) -> None:
    """A worker: one evaluation for every line it reads, its seconds for every line it writes."""
    evaluate = make_evaluation(name, model, size, threads)
    evaluate()
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        evaluate()
        print(time.perf_counter() - began, flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, flush=True)


def compare(names: List[str], model: str, size: int, threads: int, runs: int) -> List[Dict]:
    """Let the implementations take turns; seconds (median, lowest, highest) and peak bytes of each."""
    workers = {}
    for name in names:
        command = [sys.executable, "-m", "benchmarks.evaluation", "--worker", name]
        command += ["--model", model, "--sizes", str(size), "--threads", str(threads)]
        workers[name] = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if workers[name].stdout.readline().strip() != "ready":
            raise SystemExit("%s failed" % name)
    seconds: Dict[str, List[float]] = {name: [] for name in names}
    for _ in range(runs):
        for name, worker in workers.items():
            worker.stdin.write("\n")
            worker.stdin.flush()
            seconds[name].append(float(worker.stdout.readline()))
    rows = []
    for name, worker in workers.items():
        worker.stdin.close()
        rows.append(
            {
                "model": model,
                "size": size,
                "implementation": name,
                "seconds": statistics.median(seconds[name]),
                "lowest": min(seconds[name]),
                "highest": max(seconds[name]),
                "peak_bytes": int(worker.stdout.readline()),
            }
        )
        worker.wait()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="256,512")
    parser.add_argument("--model", default="vgg19", choices=sorted(LAYERS))
    parser.add_argument("--against", default="torch", help="torch, caffe, or both; '' for none")
    parser.add_argument("--backends", default="cpu", help="of ours")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args.worker, args.model, int(args.sizes), args.threads)
        return
    names = args.backends.split(",")
    for other in filter(None, args.against.split(",")):
        names += ["torch-contiguous", "torch-channels_last"] if other == "torch" else [other]
    rows = []
    print("%-10s %5s %-20s %8s %17s %8s %6s" % tuple(HEADINGS))
    for size in map(int, args.sizes.split(",")):
        found = compare(names, args.model, size, args.threads, args.runs)
        for row in found:
            row["ratio"] = found[0]["seconds"] / row["seconds"]
            print(
                "%(model)-10s %(size)5d %(implementation)-20s %(seconds)8.3f"
                " %(lowest)8.3f-%(highest)8.3f"
                % row
                + " %8.0f %6.2f" % (row["peak_bytes"] / 1e6, row["ratio"]),
                flush=True,
            )
        rows += found
    if args.json:
        with open(args.json, "w") as file:
            json.dump(rows, file, indent=1)


HEADINGS = ("model", "size", "implementation", "seconds", "lowest - highest", "peak MB", "ours/")

if __name__ == "__main__":
    main()
