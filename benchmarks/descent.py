"""How fast the loss falls: against evaluations and against seconds, median over pairs of pictures.

    python -m benchmarks.descent --pictures PICTURES --models strokenet,squeezenet --starts content,noise \\
        --settings space=pixels space=smooth space=whitened --size 256 --iterations 100 --plot descent.png

Paints each pair of `benchmarks.judge` with each network, start and setting (keywords of `transfer`). The least
loss so far is divided by the one that the first setting ends with, on the same pair. So the first setting ends
at 1, and the last two columns say after which part of its evaluations and of its seconds another one is there.
The settings of a pair take turns, so that what else the machine does slows them alike.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

import caffe_style as cs
from caffe_style.pictures import images

from .judge import EXAMPLES, PAIRS, found_in, parsed


class Curve(NamedTuple):
    """The descent of one run.

    Attributes
    ----------
    least : ndarray, (n,)
        The least loss after each evaluation.
    seconds : ndarray, (n,)
        Seconds when each evaluation had ended.
    """

    least: np.ndarray
    seconds: np.ndarray

    def at(self, evaluations: int) -> float:
        """The least loss after so many evaluations; that of the last one if there were fewer."""
        return float(self.least[min(evaluations, len(self.least)) - 1])

    def reaches(self, loss: float) -> Optional[int]:
        """After how many evaluations the loss is at most this; None if it never is."""
        reached = np.flatnonzero(self.least <= loss)
        return int(reached[0]) + 1 if reached.size else None


def curve(history: Sequence[Any]) -> Curve:
    """The curve of the records of a run."""
    losses = [record.loss for record in history]
    return Curve(
        np.minimum.accumulate(losses), np.array([record.seconds for record in history], float)
    )


class Row(NamedTuple):
    """A setting's curves against the first setting's of the same pairs: medians.

    Attributes
    ----------
    losses : list of float
        Loss after each number of evaluations, relative to the first setting's last.
    evaluations, seconds : float
        Part of the first setting's evaluations and seconds after which its last loss is reached; infinite if it
        is not in most pairs.
    """

    losses: List[float]
    evaluations: float
    seconds: float


def compared(curves: Sequence[Curve], firsts: Sequence[Curve], counts: Sequence[int]) -> Row:
    """Compare the curves of a setting with those of the first, one for each pair."""
    losses = [
        float(np.median([one.at(count) / first.least[-1] for one, first in zip(curves, firsts)]))
        for count in counts
    ]
    parts = []
    for one, first in zip(curves, firsts):
        goal, own = one.reaches(first.least[-1]), first.reaches(first.least[-1])
        if goal is None:
            parts.append((np.inf, np.inf))
        else:
            parts.append((goal / own, one.seconds[goal - 1] / first.seconds[own - 1]))
    # The upper one of two middle values, since a mean with infinity says nothing.
    middle = sorted(parts)[len(parts) // 2]
    return Row(losses, *middle)


def plot(path: Path, title: str, curves: Dict[str, List[Curve]]) -> None:
    """Draw the median loss of each setting against evaluations and against seconds."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    firsts = next(iter(curves.values()))
    longest = max(len(one.least) for row in curves.values() for one in row)
    counts = range(1, longest + 1)
    for axes, label in zip(figure.subplots(1, 2, sharey=True), ("evaluations", "seconds")):
        for setting, row in curves.items():
            losses = compared(row, firsts, counts).losses
            across = list(counts)
            if label == "seconds":
                each = np.median([one.seconds[-1] / len(one.seconds) for one in row])
                across = [count * each for count in counts]
            axes.plot(across, losses, label=setting or "defaults")
        axes.set(xlabel=label, ylabel="loss, of the first setting's last", yscale="log")
        axes.label_outer()
        axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(str(path))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--pictures", type=Path, required=True, help="folder of photographs and paintings")
    add("--pairs", nargs="*", metavar="CONTENT:STYLE", help="by default those of the judge")
    add("--models", default="strokenet")
    add("--starts", default="content", help="values of init")
    add("--settings", nargs="*", default=["space=pixels", "space=smooth", "space=whitened"])
    add("--size", type=int, default=256)
    add("--iterations", type=int, default=100)
    add("--plot", type=Path, help="a PNG; for several networks or starts their names are added")
    args = parser.parse_args()
    pairs = [pair.split(":") for pair in args.pairs] if args.pairs else PAIRS
    counts = [n for n in (10, 20, 40, 60, 80, 100, 160, 200, 400) if n <= args.iterations]
    print("%-14s %-14s %-30s" % ("network", "start", "setting"), end="")
    print("".join("%7d" % count for count in counts) + "   evaluations  seconds")
    for model in args.models.split(","):
        network = cs.open_network(model)
        for start in args.starts.split(","):
            curves: Dict[str, List[Curve]] = {setting: [] for setting in args.settings}
            for pair in pairs:
                paths = [found_in([args.pictures, EXAMPLES], picture) for picture in pair]
                pictures = [images.resize(images.read_image(path), args.size) for path in paths]
                for setting in args.settings:
                    keywords = {"size": args.size, "iterations": args.iterations, "init": start}
                    keywords = {**keywords, "scales": 1, **parsed(setting)}
                    found = cs.transfer(*pictures, network, **keywords)
                    curves[setting].append(curve(found.history))
            for setting, row in curves.items():
                one = compared(row, curves[args.settings[0]], counts)
                print("%-14s %-14s %-30s" % (network.name, start, setting or "defaults"), end="")
                print("".join("%7.2f" % loss for loss in one.losses), end="")
                print("   %11.2f  %7.2f" % (one.evaluations, one.seconds), flush=True)
            if args.plot:
                several = "," in args.models + args.starts
                names = "-%s-%s" % (network.name, start.replace(":", "")) if several else ""
                path = args.plot.with_name(args.plot.stem + names + args.plot.suffix)
                title = "%s from %s, %d pixels, %d pairs" % (
                    network.name,
                    start,
                    args.size,
                    len(pairs),
                )
                plot(path, title, curves)


if __name__ == "__main__":
    main()
