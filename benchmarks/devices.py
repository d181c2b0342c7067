"""The engine's devices against its cpu device, on whole networks.

    python -m benchmarks.devices --devices opencl --models vgg19,squeezenet --sizes 256,512

Forward, Gram and content losses, backward to the image, as `benchmarks.evaluation` has them: each device in a
process of its own, taking turns, evaluation by evaluation. Medians, and how many times the cpu device's.
"""

from __future__ import annotations

import argparse
import json

from .evaluation import LAYERS, compare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", default="opencl", help="beside cpu")
    parser.add_argument("--models", default=",".join(LAYERS))
    parser.add_argument("--sizes", default="256,512")
    parser.add_argument("--threads", type=int, default=2, help="of the cpu device")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    names = ["cpu"] + args.devices.split(",")
    rows = []
    print("%-10s %5s %-8s %8s %17s %7s" % ("model", "size", "device", "median", "range", "x cpu"))
    for model in args.models.split(","):
        for size in map(int, args.sizes.split(",")):
            found = compare(names, model, size, args.threads, args.runs)
            for row in found:
                row["ratio"] = row["seconds"] / found[0]["seconds"]
                print(
                    "%(model)-10s %(size)5d %(implementation)-8s %(seconds)8.3f"
                    " %(lowest)8.3f-%(highest)8.3f %(ratio)7.2f" % row,
                    flush=True,
                )
            rows += found
    if args.json:
        with open(args.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
