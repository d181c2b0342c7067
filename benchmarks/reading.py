"""Time and memory of reading a caffemodel of VGG-19's shape, fully connected layers and all (about 550 MB).

    python -m benchmarks.reading

It writes such a file to a temporary folder, array by array, then reads it in fresh processes: the sixteen
convolution layers alone, and a whole Net on the conv-only prototxt. Memory is the process's peak above what it
had before reading, less the weights kept; the pages of the file that were looked at count.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Iterator, List, Tuple

import numpy as np

CHANNELS = [(2, 64), (2, 128), (4, 256), (4, 512), (4, 512)]
CONNECTED = [("fc6", 4096, 25088), ("fc7", 4096, 4096), ("fc8", 1000, 4096)]


def shapes() -> Iterator[Tuple[str, str, List[Tuple[int, ...]]]]:
    """Name, type and parameters' shapes of VGG-19's layers."""
    bottom = 3
    for stage, (count, channels) in enumerate(CHANNELS, 1):
        for i in range(1, count + 1):
            yield "conv%d_%d" % (stage, i), "Convolution", [(channels, bottom, 3, 3), (channels,)]
            bottom = channels
    for name, outputs, inputs in CONNECTED:
        yield name, "InnerProduct", [(outputs, inputs), (outputs,)]


def write(path: str) -> None:
    from caffe_style.engine.formats.caffemodel import write_caffemodel
    from caffe_style.engine.proto.caffe_pb2 import LayerParameter

    rng = np.random.default_rng(0)
    write_caffemodel(
        path,
        "VGG-19",
        (
            (
                LayerParameter(name=name, type=type_),
                [rng.standard_normal(shape, np.float32) for shape in sizes],
            )
            for name, type_, sizes in shapes()
        ),
    )


def memory() -> Tuple[float, float]:
    """Resident memory of this process now, and its peak, in MB."""
    with open("/proc/self/status") as stream:
        lines = dict(line.split(":", 1) for line in stream)
    return tuple(int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))


def read_layers(path: str) -> None:
    """Read the convolution layers and keep copies."""
    from caffe_style.engine.formats.caffemodel import read_caffemodel

    wanted = {name for name, type_, _ in shapes() if type_ == "Convolution"}
    before, _ = memory()
    start = time.perf_counter()
    layers = read_caffemodel(path, wanted)
    kept = {name: [array.copy() for array in arrays] for name, arrays in layers.items()}
    seconds = time.perf_counter() - start
    size = sum(array.nbytes for arrays in kept.values() for array in arrays) / 2**20
    print(json.dumps({"seconds": seconds, "kept": size, "above": memory()[1] - before - size}))


def open_net(path: str) -> None:
    """Open a Net."""
    from caffe_style.engine import TEST, Net
    from caffe_style.networks import zoo

    prototxt = str(zoo.get_model("vgg19").prototxt)
    before, _ = memory()
    start = time.perf_counter()
    net = Net(prototxt, path, TEST)
    seconds = time.perf_counter() - start
    size = sum(blob.data.nbytes for blobs in net.params.values() for blob in blobs) / 2**20
    print(json.dumps({"seconds": seconds, "kept": size, "above": memory()[1] - before - size}))


def measure(what: str, path: str) -> dict:
    command = [sys.executable, "-m", "benchmarks.reading", "--measure", what, path]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        what, path = arguments.measure
        {"layers": read_layers, "net": open_net}[what](path)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "vgg19.caffemodel")
        write(path)
        print("file: %.0f MB" % (os.path.getsize(path) / 2**20))
        layers, net = measure("layers", path), measure("net", path)
    text = "%s: %.2f s, peak %.0f MB above the %.0f MB kept"
    for what, found in (("convolution layers", layers), ("Net on the prototxt", net)):
        print(text % (what, found["seconds"], found["above"], found["kept"]))


if __name__ == "__main__":
    main()
