"""Content-aware transfer, judged by networks that did not make the pictures: is each region like its own kind?

    python -m benchmarks.regions FOLDER --pictures PICTURES --model squeezenet --judge strokenet \\
        --settings "" "regions=auto" "style_loss=neighbours" --size 288 --iterations 80

Paints each pair of PAIRS with each setting (as in `benchmarks.judge`), unless it is in FOLDER already. The
network that paints finds the kinds, once for each pair. For each kind the judge compares the Gram matrices of
the result's region with those of every region of the style picture: the squared distance relative to the
style region's, mean over its style layers. *own* counts the regions that are nearest to their own kind.
*ratio* is the distance to the own kind by that to the nearest other, mean over kinds: below 1 where the own is
nearest. *content* and *edges* are those of `benchmarks.judge`. A sheet of all pictures is written too.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, List, Optional, Tuple

import numpy as np

import caffe_style as cs
from caffe_style import losses
from caffe_style.pictures import images
from caffe_style.pictures.sheets import Cell, contact_sheet
from caffe_style.scene.found_regions import with_regions
from caffe_style.scene.inputs import Inputs
from caffe_style.scene.regions import Regions, layer_guides
from caffe_style.scene.styles import Style
from caffe_style.settings.transfer import TransferSettings

from .judge import EXAMPLES, distances, edge_agreement, found_in, painted, parsed, relative

#: Content and style: season, light, and paintings with a ground and a sky.
PAIRS = (
    ("field_pale", "field_spring"),
    ("rock_day", "arch_sunset"),
    ("golden_gate", "arch_sunset"),
    ("rock_day", "field_spring"),
    ("tubingen", "starry_night"),
    ("golden_gate", "the_scream"),
    ("tubingen", "shipwreck"),
    ("field_spring", "starry_night"),
)


def kinds_of(network: Any, content: np.ndarray, style: np.ndarray) -> Optional[Regions]:
    """The kinds that both pictures have, as the network that paints finds them."""
    settings = TransferSettings(regions="auto", size=max(content.shape[:2])).for_model(network)
    return with_regions(network, Inputs(content, [Style(style)]), settings).regions[0]


def own_kind(
    judge: Any, picture: np.ndarray, style: np.ndarray, regions: Regions
) -> Tuple[int, float]:
    """How many of the result's regions are nearest to their own kind, and how near, by the next kind."""
    layers = judge.model.style_layers
    found, meant = judge.features(picture, layers), judge.features(style, layers)
    apart = 0.0
    for blob in layers:
        grams = [
            losses.target_covariation(
                seen[blob], layer_guides(guides, seen[blob].shape[1:], 0, blob)
            ).grams
            for seen, guides in ((found, regions.content), (meant, regions.style))
        ]
        apart = apart + np.array([[relative(one, other) for other in grams[1]] for one in grams[0]])
    apart = apart / len(layers)
    own, others = np.diag(apart), apart + np.diag(np.full(len(apart), np.inf))
    ratios = own / others.min(axis=1)
    return int((ratios < 1).sum()), float(ratios.mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", type=Path, help="for the pictures that are made")
    add("--pictures", type=Path, required=True, help="folder of photographs and paintings")
    add("--pairs", nargs="*", metavar="CONTENT:STYLE", help="by default those of PAIRS")
    add("--model", default="squeezenet")
    add("--judge", default="strokenet")
    add(
        "--settings",
        nargs="*",
        default=["", "regions=auto", "style_loss=neighbours"],
        metavar="KEY=VALUE;...",
    )
    add("--size", type=int, default=288)
    add("--iterations", type=int, default=80)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    network, judge = cs.open_network(args.model), cs.open_network(args.judge)
    cells: List[Cell] = []
    totals = {setting: [0, 0] for setting in args.settings}
    print("%-26s %-40s %6s %6s %8s %6s" % ("pair", "setting", "own", "ratio", "content", "edges"))
    for pair in [pair.split(":") for pair in args.pairs] if args.pairs else PAIRS:
        content, style = (
            images.resize(images.read_image(found_in([args.pictures, EXAMPLES], name)), args.size)
            for name in pair
        )
        regions = kinds_of(network, content, style)
        cells += [Cell(name, picture) for name, picture in zip(pair, (content, style))]
        for setting in args.settings:
            file = "_".join([network.name, *pair, setting]).replace(";", "_").strip("_")
            keywords = {"size": args.size, "iterations": args.iterations, **parsed(setting)}
            path = args.folder / (file + ".png")
            picture = painted(path, network, [content, style], keywords)
            cells.append(Cell(setting or "gram", picture))
            if regions is None:
                print("%-26s one single kind" % " ".join(pair))
                continue
            own, ratio = own_kind(judge, picture, style, regions)
            totals[setting][0] += own
            totals[setting][1] += len(regions.shares)
            row = (own, len(regions.shares), ratio, distances(judge, picture, content, style)[1])
            print("%-26s %-40s" % (" ".join(pair), setting or "gram"), end="")
            print(
                " %2d/%d %6.2f %8.3f %6.2f" % (*row, edge_agreement(picture, content)), flush=True
            )
    for setting, (own, kinds) in totals.items():
        print("%s: %d of %d regions nearest to their own kind" % (setting or "gram", own, kinds))
    title = "%s, judged by %s" % (network.name, judge.name)
    sheet = contact_sheet(title, cells, 2 + len(args.settings), 240)
    images.write_image(args.folder / "sheet.png", sheet)


if __name__ == "__main__":
    main()
