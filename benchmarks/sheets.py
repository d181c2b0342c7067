"""Networks side by side, for the eye: transfers from content and from noise, and textures, as contact sheets.

    python -m benchmarks.sheets FOLDER --pairs CONTENT:STYLE ... --textures PICTURE ... \\
        --models vgg19-random,strokenet,squeezenet --size 192 --iterations 100

Writes content.png, noise.png and textures.png: a row for each pair or texture, a column for each network, all
at one size and number of iterations, each with its own layers and weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Callable, List

import caffe_style as cs
from caffe_style.pictures import images
from caffe_style.pictures.sheets import Cell, contact_sheet


def rows(
    given: List[List[str]], networks: List[Any], size: int, make: Callable[[Any, List[str]], Any]
) -> List[Cell]:
    """The pictures given, then what each network makes of them."""
    found = []
    for pictures in given:
        found += [Cell(Path(path).stem, images.read_image(path)) for path in pictures]
        found += [Cell(network.name, make(network, pictures).image) for network in networks]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", nargs="*", default=[], metavar="CONTENT:STYLE")
    parser.add_argument("--textures", nargs="*", default=[], metavar="PICTURE")
    parser.add_argument("--models", default="vgg19-random,strokenet,squeezenet")
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--iterations", type=int, default=100)
    args = parser.parse_args()
    networks = [cs.open_network(name) for name in args.models.split(",")]
    settings = {"size": args.size, "iterations": args.iterations}
    pairs = [pair.split(":") for pair in args.pairs]

    def transfer(init: str) -> Callable[[Any, List[str]], Any]:
        return lambda network, pair: cs.transfer(*pair, network, init=init, **settings)

    def texture(network: Any, pictures: List[str]) -> Any:
        return cs.texture(*pictures, network, **settings)

    args.folder.mkdir(parents=True, exist_ok=True)
    for name, given, make in (
        ("content", pairs, transfer("content")),
        ("noise", pairs, transfer("noise")),
        ("textures", [[path] for path in args.textures], texture),
    ):
        if given:
            title = "%s, %d iterations at %d pixels" % (name, args.iterations, args.size)
            columns = len(given[0]) + len(networks)
            cells = rows(given, networks, args.size, make)
            sheet = contact_sheet(title, cells, columns, args.size)
            images.write_image(args.folder / (name + ".png"), sheet)
            print(args.folder / (name + ".png"), flush=True)


if __name__ == "__main__":
    main()
