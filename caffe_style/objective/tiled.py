"""The objective of a picture too large for one run of the network: exact, tile by tile.

A first pass over the tiles adds up what a loss must know of the whole picture, for style its Gram matrix. In
a second each tile's core gets its exact gradient, which runs back to all pixels of the window. Responses of
the core are those of the whole picture, and so is the sum of the gradients: there is nothing to see a seam of.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from .. import losses
from ..backends import arrays
from ..networks.network import Network
from .objective import Objective, Term, set_image
from .objective import responses as responses_of
from .receptive import Field, receptive_fields
from .tiles import Tile, plan

Place = Tuple[slice, slice]


class TiledGram:
    """Gram loss (see `losses.gram`), of positions weighted by a mask where there is one.

    Parameters
    ----------
    target : ndarray, (N, N)
        Mean Gram matrix.
    positions : int
        M, of the whole picture.
    weight : float
    mask : ndarray, (H, W), optional
        Weight of each position, 1 on average: the one guide of `losses.gram_matrices`.
    """

    def __init__(
        self, target: np.ndarray, positions: int, weight: float, mask: Optional[np.ndarray] = None
    ) -> None:
        self.target, self.positions, self.weight = target, positions, weight
        self.guides = None if mask is None else mask[np.newaxis]
        self.slope: Any = None

    def measure(self, features: Any, place: Place) -> np.ndarray:
        """This core's part of the Gram matrix, in double precision."""
        grams = losses.gram_matrices(features, self._guides(features, place))
        return arrays.to_numpy(grams).astype(np.float64)

    def settle(self, grams: np.ndarray) -> float:
        """The loss of the whole picture's Gram matrix; from here on `spread` knows the slope."""
        value, differences, scale = losses.gram_distance(
            grams, self.target, self.positions, self.weight
        )
        self.slope = (scale * differences).astype(np.float32)
        return value

    def spread(self, features: Any, gradient: Any, place: Place) -> float:
        """Add the core's gradient; its share of the loss is in `settle`."""
        own = arrays.zeros_like(features)
        slope = arrays.beside(self.slope, features)
        losses.add_gram_gradient(own, features, slope, 1.0, self._guides(features, place))
        gradient += own
        return 0.0

    def _guides(self, features: Any, place: Place) -> Any:
        if self.guides is None:
            return None
        return arrays.beside(self.guides[(slice(None), *place)], features)


class TiledLocal:
    """A loss that is a sum over positions, such as `losses.content`.

    Parameters
    ----------
    loss : callable
        `loss(features, target, weight, gradient) -> (value, gradient)`.
    target : ndarray, (N, H, W)
        Of the whole picture.
    weight : float
    position_power : int
        The loss is divided by the number of positions to this power.
    """

    def __init__(
        self, loss: Any, target: np.ndarray, weight: float, position_power: int = 0
    ) -> None:
        self.loss, self.target, self.weight = loss, target, weight
        self.position_power = position_power
        self.positions = target[0].size

    measure = settle = None

    def spread(self, features: Any, gradient: Any, place: Place) -> float:
        """Add the core's gradient; returns its share of the loss."""
        share = (arrays.count(features[0]) / self.positions) ** self.position_power
        # The whole target stays on the host: a tile's part of it is all that has to fit.
        target = arrays.beside(arrays.copy_of(self.target[(slice(None),) + place]), features)
        value, slope = self.loss(features, target, self.weight * share)
        gradient += slope
        return value


class TiledTerm(NamedTuple):
    """One weighted loss on the responses of one blob.

    Attributes
    ----------
    name, blob : str
    loss : TiledGram or TiledLocal
    """

    name: str
    blob: str
    loss: Any


class TiledObjective:
    """The sum of terms as a function of the image; called as `objective.Objective` is.

    Parameters
    ----------
    network : Network
    shape : (int, int)
        Height and width of the picture.
    size : int
        Largest side of a tile in pixels.
    terms : sequence of TiledTerm
    image_terms : sequence of Term
        On the image itself, which is at hand whole.
    """

    def __init__(
        self,
        network: Network,
        shape: Tuple[int, int],
        size: int,
        terms: Sequence[TiledTerm],
        image_terms: Sequence[Term],
    ) -> None:
        self.network, self.terms, self.image_terms = network, list(terms), list(image_terms)
        blobs = [term.blob for term in terms]
        self.tiles, self.fields = cut(network, shape, size, blobs)
        self._tile = self.tiles[0]
        self._inner = Objective(
            network.net,
            network.input_blob,
            [Term(term.name, (term.blob,), self._in_tile(term)) for term in terms],
        )

    def _in_tile(self, term: TiledTerm) -> Any:
        """The term's loss on the core of the present tile."""
        field = self.fields[term.blob]

        def evaluate(features: Any, gradients: Any) -> float:
            core, place = self._tile.inside(field), self._tile.within(field)
            return term.loss.spread(arrays.copy_of(features[0][core]), gradients[0][core], place)

        return evaluate

    def __call__(self, image: Any) -> Tuple[float, Any, Dict[str, float]]:
        """Evaluate: see `objective.Objective.__call__`. The gradient is the caller's to keep."""
        parts = self._settle(image)
        xp = arrays.namespace(image)
        gradient = xp.zeros_like(image, dtype=xp.float32)
        for tile in self.tiles:
            self._tile = tile
            rows, columns = tile.window
            window = image[:, :, rows, columns]
            self.network.resize(*window.shape[2:])
            _, slope, values = self._inner(window)
            gradient[:, :, rows, columns] += slope
            for name, value in values.items():
                parts[name] += value
        for term in self.image_terms:
            parts[term.name] = float(term.loss([image[0]], [gradient[0]]))
        return sum(parts.values()), gradient, parts

    def _settle(self, image: Any) -> Dict[str, float]:
        """First pass: what the losses must know of the whole picture."""
        parts = {term.name: 0.0 for term in self.terms}
        asking = [term for term in self.terms if term.loss.measure is not None]
        sums: Dict[str, Any] = {}
        blobs = [term.blob for term in asking]
        for blob, place, features in responses(self.network, image, self.tiles, self.fields, blobs):
            for term in asking:
                if term.blob == blob:
                    sums[term.name] = sums.get(term.name, 0) + term.loss.measure(features, place)
        for term in asking:
            parts[term.name] = term.loss.settle(sums[term.name])
        return parts


def cut(
    network: Network, shape: Tuple[int, int], size: int, blobs: Sequence[str]
) -> Tuple[List[Tile], Dict[str, Field]]:
    """The tiles of a picture for these blobs, and the blobs' receptive fields."""
    last = network.last_layer(list(blobs) + [network.input_blob])
    fields = receptive_fields(network.param, network.input_blob, last)
    return plan(shape, size, fields.values()), fields


def responses(
    network: Network,
    image: Any,
    tiles: Sequence[Tile],
    fields: Dict[str, Field],
    blobs: Sequence[str],
) -> Iterator[Tuple[str, Place, Any]]:
    """Run the network over the tiles; yield blob, place in the whole, and the core's responses (N, h, w).

    `image` is (1, 3, H, W), as the network reads it; the responses are where the net's losses work.
    """
    if not blobs:
        return
    net = network.net
    last = list(net._layer_names).index(network.last_layer(blobs))
    for tile in tiles:
        rows, columns = tile.window
        network.resize(rows.stop - rows.start, columns.stop - columns.start)
        set_image(net, network.input_blob, image[:, :, rows, columns])
        net._forward(0, last)
        for blob in dict.fromkeys(blobs):
            core = arrays.copy_of(responses_of(net, blob)[0][tile.inside(fields[blob])])
            yield blob, tile.within(fields[blob]), core
