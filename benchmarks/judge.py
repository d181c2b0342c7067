"""Finished pictures, judged by networks that did not make them: style, content and edges.

    python -m benchmarks.judge FOLDER --pictures PICTURES --models strokenet,squeezenet \\
        --settings "" "init=mix:0.3" --size 384 --iterations 150 --judges squeezenet,vgg19-random

Paints each pair of PAIRS, of pictures in PICTURES or in examples/, with each model and setting (keywords of
`caffe_style.transfer`; "" is the model's defaults), unless it is in FOLDER already, where it is kept to
be looked at. A low distance is no proof of a good picture: an ugly one can have it, too.

- *style*: squared distance of Gram matrices, relative to the style picture's, mean over the judge's layers;
- *sorted*: sliced Wasserstein distance of the responses, relative to that of no responses, mean over the same
  layers: no style loss but `wasserstein` minimises it, and that one on other directions and another network;
- *content*: squared distance of responses, relative to the content picture's, mean over its content layers;
- *edges*: correlation of the strength of edges with the content picture's.
"""

from __future__ import annotations

import argparse
from ast import literal_eval
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
from scipy import ndimage

import caffe_style as cs
from caffe_style import losses
from caffe_style.pictures import colors, images

#: Content and style: photographs and paintings, and the examples.
PAIRS = (
    ("tubingen", "starry_night"),
    ("cat", "fractal"),
    ("golden_gate", "the_scream"),
    ("tubingen", "shipwreck"),
    ("arch_sunset", "starry_night"),
    ("field_spring", "the_scream"),
    ("cat", "starry_night"),
    ("rock_day", "fractal"),
)
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def distances(
    network: Any, picture: np.ndarray, content: np.ndarray, style: np.ndarray
) -> Tuple[float, float]:
    """Relative distances of a picture from its style and its content, as a network sees them.

    Parameters
    ----------
    network : Network
    picture, content : ndarray, (H, W, 3) uint8 RGB
        Of equal size.
    style : ndarray, (H', W', 3) uint8 RGB

    Returns
    -------
    style, content : float
        0 where nothing differs; about 1 where nothing agrees.
    """
    style_layers, content_layers = network.model.style_layers, network.model.content_layers
    seen = network.features(picture, [*style_layers, *content_layers])
    meant = network.features(style, style_layers)
    of_style = [
        relative(losses.target_gram(seen[blob]), losses.target_gram(meant[blob]))
        for blob in style_layers
    ]
    meant = network.features(content, content_layers)
    of_content = [relative(seen[blob], meant[blob]) for blob in content_layers]
    return float(np.mean(of_style)), float(np.mean(of_content))


def sorted_distance(network: Any, picture: np.ndarray, style: np.ndarray, seed: int = 99) -> float:
    """Distance of the distributions of responses to two pictures: see `losses.wasserstein`.

    Parameters
    ----------
    network : Network
    picture, style : ndarray, (H, W, 3) uint8 RGB
    seed : int
        Seed of the directions.

    Returns
    -------
    float
        0 where nothing differs; 1 for a picture without any response. Mean over the network's style layers.
    """
    layers = network.model.style_layers
    seen, meant = network.features(picture, layers), network.features(style, layers)
    found = []
    for blob in layers:
        target = losses.target_wasserstein(meant[blob], np.random.default_rng(seed))
        silent = losses.wasserstein(np.zeros_like(seen[blob]), target)[0]
        found.append(losses.wasserstein(seen[blob], target)[0] / silent)
    return float(np.mean(found))


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    """Squared distance, relative to the squared length of what was wanted."""
    return float(np.sum((found - wanted) ** 2.0) / np.sum(wanted**2.0))


def edge_agreement(picture: np.ndarray, content: np.ndarray, width: float = 2.0) -> float:
    """Correlation, -1 to 1, of the strength of edges in two pictures (H, W, 3), smoothed by `width` pixels."""
    edges = [
        ndimage.gaussian_gradient_magnitude(colors.luminance(image).astype(np.float64), width)
        for image in (picture, content)
    ]
    return float(np.corrcoef(edges[0].ravel(), edges[1].ravel())[0, 1])


def parsed(setting: str) -> Dict[str, Any]:
    """Keywords of `transfer`, from "init=mix:0.3;style_weight=100"."""
    keywords = {}
    for part in filter(None, setting.split(";")):
        key, value = part.split("=", 1)
        try:
            keywords[key.strip()] = literal_eval(value)
        except (SyntaxError, ValueError):
            keywords[key.strip()] = value
    return keywords


def found_in(folders: List[Path], name: str) -> Path:
    """The picture of that name, with any suffix."""
    paths = [path for folder in folders for path in sorted(folder.glob(name + ".*"))]
    if not paths:
        raise SystemExit("no picture %s in %s" % (name, " or ".join(map(str, folders))))
    return paths[0]


def painted(
    path: Path, network: Any, pictures: List[np.ndarray], keywords: Dict[str, Any]
) -> np.ndarray:
    """The picture at `path`, which is made first if it is not there."""
    if not path.is_file():
        images.write_image(path, cs.transfer(*pictures, network, **keywords).image)
    return images.read_image(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", type=Path, help="for the pictures that are made")
    add("--pictures", type=Path, required=True, help="folder of photographs and paintings")
    add("--pairs", nargs="*", metavar="CONTENT:STYLE", help="by default those of PAIRS")
    add("--models", default="strokenet,squeezenet")
    add("--settings", nargs="*", default=[""], metavar="KEY=VALUE;...")
    add("--judges", default="squeezenet,vgg19-random")
    add("--size", type=int, default=384)
    add("--iterations", type=int, default=150)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    judges = [cs.open_network(name) for name in args.judges.split(",")]
    pairs = [pair.split(":") for pair in args.pairs] if args.pairs else PAIRS
    print("%-12s %-32s %-26s %5s" % ("network", "setting", "pair", "edges"), end="")
    print("".join("  %30s" % (judge.name + " style, sorted, content") for judge in judges))
    for name in args.models.split(","):
        network = cs.open_network(name)
        for setting in args.settings:
            keywords = {"size": args.size, "iterations": args.iterations, **parsed(setting)}
            rows = []
            for pair in pairs:
                paths = [found_in([args.pictures, EXAMPLES], picture) for picture in pair]
                content, style = (
                    images.resize(images.read_image(path), args.size) for path in paths
                )
                file = "_".join([network.name, *pair, setting]).replace(":", "-").strip("_")
                path = args.folder / (file + ".png")
                picture = painted(path, network, [content, style], keywords)
                row = [edge_agreement(picture, content)]
                for judge in judges:
                    of_style, of_content = distances(judge, picture, content, style)
                    row += [of_style, sorted_distance(judge, picture, style), of_content]
                rows.append(row)
                _print(name, setting, " ".join(pair), row)
            _print(name, setting, "mean of %d" % len(rows), np.mean(rows, axis=0))


def _print(name: str, setting: str, pair: str, row: Any) -> None:
    print("%-12s %-32s %-26s %5.2f" % (name, setting or "defaults", pair, row[0]), end="")
    judged = zip(row[1::3], row[2::3], row[3::3])
    print("".join("  %12.4f, %7.4f, %7.3f" % values for values in judged), flush=True)


if __name__ == "__main__":
    main()
