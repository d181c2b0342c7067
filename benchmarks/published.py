"""Which published deploy nets the engine builds and runs.

    python -m benchmarks.published [--folder FOLDER] [NAME ...]

Fetches prototxts of Caffe, of its forks and of papers (they are not part of this project) into a folder, builds
each net with its fillers' values, and runs it forward once. It needs a network; what is in the folder is not
fetched again.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Dict, NamedTuple, Tuple

from caffe_style.engine import TEST, Net
from caffe_style.errors import CaffeStyleError

#: Name -> GitHub repository, branch, path.
NETS: Dict[str, Tuple[str, str, str]] = {
    "alexnet": ("BVLC/caffe", "master", "models/bvlc_alexnet/deploy.prototxt"),
    "caffenet": ("BVLC/caffe", "master", "models/bvlc_reference_caffenet/deploy.prototxt"),
    "googlenet": ("BVLC/caffe", "master", "models/bvlc_googlenet/deploy.prototxt"),
    "rcnn": ("BVLC/caffe", "master", "models/bvlc_reference_rcnn_ilsvrc13/deploy.prototxt"),
    "fcn8s": ("shelhamer/fcn.berkeleyvision.org", "master", "voc-fcn8s/deploy.prototxt"),
    "resnet50": (
        "KaimingHe/deep-residual-networks",
        "master",
        "prototxt/ResNet-50-deploy.prototxt",
    ),
    "squeezenet": ("forresti/SqueezeNet", "master", "SqueezeNet_v1.1/deploy.prototxt"),
    "mobilenet": ("shicai/MobileNet-Caffe", "master", "mobilenet_deploy.prototxt"),
    "mobilenet_v2": ("shicai/MobileNet-Caffe", "master", "mobilenet_v2_deploy.prototxt"),
    "mobilenet_ssd": ("chuanqi305/MobileNet-SSD", "master", "deploy.prototxt"),
    "shufflenet": ("farmingyard/ShuffleNet", "master", "shufflenet_1x_g3_deploy.prototxt"),
    "shufflenet_v2": ("farmingyard/ShuffleNet", "master", "shufflenet_v2_1x_deploy.prototxt"),
    "se_resnet50": ("hujie-frank/SENet", "master", "models/SE-ResNet-50.prototxt"),
    "pspnet50": ("hszhao/PSPNet", "master", "evaluation/prototxt/pspnet50_ADE20K_473.prototxt"),
    "segnet_driving": (
        "alexgkendall/SegNet-Tutorial",
        "master",
        "Example_Models/segnet_model_driving_webdemo.prototxt",
    ),
    "segnet_sun": ("alexgkendall/SegNet-Tutorial", "master", "Example_Models/segnet_sun.prototxt"),
    "fast_rcnn": ("rbgirshick/fast-rcnn", "master", "models/CaffeNet/test.prototxt"),
    "faster_rcnn": (
        "rbgirshick/py-faster-rcnn",
        "master",
        "models/pascal_voc/ZF/faster_rcnn_end2end/test.prototxt",
    ),
}
_URL = "https://raw.githubusercontent.com/%s/%s/%s"
_TIMEOUT = 30  # seconds


class Outcome(NamedTuple):
    """What became of one net.

    Attributes
    ----------
    builds, runs : bool
        How far it came.
    note : str
        The outputs' shapes and the time of a run, or what stopped it.
    """

    builds: bool
    runs: bool
    note: str


def fetch(name: str, folder: Path) -> Path:
    """The net's prototxt in the folder, fetched if it is not there."""
    path = folder / ("%s.prototxt" % name)
    if not path.exists():
        with urllib.request.urlopen(_URL % NETS[name], timeout=_TIMEOUT) as answer:
            content = answer.read()
        path.write_bytes(content)
    return path


def examine(path: Path) -> Outcome:
    """Build a net and run it forward once."""
    try:
        net = Net(str(path), TEST)
    except CaffeStyleError as error:
        return Outcome(False, False, str(error))
    start = time.perf_counter()
    try:
        outputs = net.forward()
    except CaffeStyleError as error:
        return Outcome(True, False, str(error))
    shapes = ", ".join("%s %s" % (name, value.shape) for name, value in outputs.items())
    return Outcome(True, True, "%s in %.1f s" % (shapes, time.perf_counter() - start))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NETS))
    parser.add_argument("--folder", help="where prototxts are kept (a new temporary folder)")
    args = parser.parse_args()
    unknown = set(args.names) - set(NETS)
    if unknown:
        parser.error("unknown: %s; there are %s" % (", ".join(sorted(unknown)), ", ".join(NETS)))
    folder = Path(args.folder or tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    counts = {"builds": 0, "runs": 0, "fetched": 0}
    for name in args.names or NETS:
        try:
            path = fetch(name, folder)
        except (urllib.error.URLError, OSError) as error:
            print("%-16s not fetched: %s" % (name, error))
            continue
        outcome = examine(path)
        counts["fetched"] += 1
        counts["builds"] += outcome.builds
        counts["runs"] += outcome.runs
        state = "runs" if outcome.runs else "builds" if outcome.builds else "fails"
        print("%-16s %-6s %s" % (name, state, outcome.note), flush=True)
    print("of %(fetched)d fetched %(builds)d build and %(runs)d run" % counts)
    return 0 if counts["fetched"] else 2


if __name__ == "__main__":
    raise SystemExit(main())
