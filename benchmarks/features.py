"""How well networks' Gram matrices tell textures apart: nearest-neighbour retrieval, without an eye.

    python -m benchmarks.features PICTURE PICTURE ... --models strokenet,vgg19-random,squeezenet

Crops are cut from each picture, no two overlapping; each is turned, mirrored, and changed in brightness and
contrast. One is looked up among all others: it counts as found when the crop whose Gram matrices are the
nearest, by their cosine averaged over the model's style layers, is of the same picture. Without colours that is
harder: then crops are grey, of equal mean and contrast. Take pictures that no model was trained on.
"""

from __future__ import annotations

import argparse
from typing import Any, List

import numpy as np

import caffe_style as cs
from caffe_style import losses
from caffe_style.pictures import colors, images

SIZE = 96
PER_PICTURE = 8
#: Long edge that pictures are brought to, so that each gives enough crops.
LONG_EDGE = 480


def crops(picture: np.ndarray, grey: bool, rng: np.random.Generator) -> List[np.ndarray]:
    """Up to PER_PICTURE crops (SIZE, SIZE, 3) uint8."""
    picture = images.resize(picture, LONG_EDGE)
    height, width = (edge // SIZE for edge in picture.shape[:2])
    found = []
    for place in rng.permutation(height * width)[:PER_PICTURE]:
        top, left = SIZE * (place // width), SIZE * (place % width)
        crop = picture[top : top + SIZE, left : left + SIZE].astype(np.float64)
        crop = np.rot90(crop, rng.integers(4))[:, :: rng.choice([-1, 1])]
        if grey:
            light = colors.luminance(crop)
            light = 128 + 45 * (light - light.mean()) / max(light.std(), 1)
            crop = np.repeat(light[:, :, np.newaxis], 3, axis=2)
        crop = 128 + (crop - 128) * rng.uniform(0.8, 1.2) + rng.uniform(-15, 15)
        found.append(np.clip(crop, 0, 255).astype(np.uint8))
    return found


def described(network: Any, crop: np.ndarray) -> List[np.ndarray]:
    """The Gram matrix of each style layer as a vector of length 1."""
    features = network.features(crop, network.model.style_layers)
    vectors = [losses.target_gram(features[blob]).ravel() for blob in network.model.style_layers]
    return [vector / max(np.linalg.norm(vector), 1e-12) for vector in vectors]


def found(layers: List[np.ndarray], owners: np.ndarray) -> float:
    """Part of the crops whose nearest other crop is of the same picture.

    Parameters
    ----------
    layers : list of ndarray, (crops, values)
        Descriptions by layer, each of length 1.
    owners : ndarray, (crops,)
        Number of each crop's picture.
    """
    likeness = sum(vectors @ vectors.T for vectors in layers)
    np.fill_diagonal(likeness, -np.inf)
    return float((owners[likeness.argmax(axis=1)] == owners).mean())


def retrieve(name: str, pictures: List[np.ndarray], grey: bool, seed: int) -> List[float]:
    """`found` with all style layers of a model, then with each alone."""
    network = cs.open_network(name)
    rng = np.random.default_rng(seed)
    cut = [(crop, k) for k, picture in enumerate(pictures) for crop in crops(picture, grey, rng)]
    layers = [np.stack(vectors) for vectors in zip(*(described(network, crop) for crop, _ in cut))]
    owners = np.array([owner for _, owner in cut])
    return [found(layers, owners), *(found([layer], owners) for layer in layers)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--models", default="strokenet,vgg19-random,squeezenet")
    parser.add_argument("--seeds", type=int, default=3, help="how often crops are drawn")
    args = parser.parse_args()
    pictures = [images.read_image(path) for path in args.pictures]
    for grey in (False, True):
        print("grey crops" if grey else "crops in colour")
        for name in args.models.split(","):
            rows = [retrieve(name, pictures, grey, seed) for seed in range(args.seeds)]
            together, *single = np.mean(rows, axis=0)
            print(
                "  %-14s %.3f   layer by layer %s"
                % (name, together, " ".join("%.3f" % value for value in single))
            )


if __name__ == "__main__":
    main()
