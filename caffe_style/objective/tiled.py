"""The objective of a picture that is too large for the network, evaluated exactly, tile by tile.

A first pass over the tiles sums what a loss needs of the whole picture, such as its Gram matrix. In a second
pass the gradient of each tile's core is computed, with respect to all pixels of its window. The core's
responses are those of the whole picture, and the gradients add up to the whole picture's, so there are no
seams.
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
    """The Gram loss of `losses.gram` or, with guides, of `losses.covariation`, summed over tiles.

    Parameters
    ----------
    target : ndarray, (N, N), or (K, N, N) with guides
        Mean Gram matrices.
    guides : ndarray, (K, H, W), optional
        Weights of the positions of the whole picture.
    shares : tuple of K floats, optional
        Weight of each kind.
    shift : float
        Shift of all responses.
    positions : int
        Number M of positions in the whole picture.
    weight : float
        Factor of the loss.
    """

    def __init__(
        self,
        target: np.ndarray,
        guides: Optional[np.ndarray] = None,
        shares: Optional[Tuple[float, ...]] = None,
        shift: float = 0.0,
        *,
        positions: int,
        weight: float,
    ) -> None:
        self.target, self.guides, self.shares, self.shift = target, guides, shares, shift
        self.positions, self.weight = positions, weight
        self.slope: Any = None

    def measure(self, features: Any, place: Place) -> np.ndarray:
        """Compute the core's part of the Gram matrix, in double precision."""
        grams = losses.gram_matrices(features, self._guides(features, place), self.shift)
        return arrays.to_numpy(grams).astype(np.float64)

    def settle(self, grams: np.ndarray) -> float:
        """Return the loss of the whole picture's Gram matrix, and keep its slope for `spread`."""
        value, differences, scale = losses.gram_distance(
            grams, self.target, self.positions, self.weight, self.shares
        )
        self.slope = (scale * differences).astype(np.float32)
        return value

    def spread(self, features: Any, gradient: Any, place: Place) -> float:
        """Add the core's gradient and return 0: `settle` returns the whole loss."""
        own = arrays.zeros_like(features)
        slope = arrays.beside(self.slope, features)
        guides = self._guides(features, place)
        losses.add_gram_gradient(own, features, slope, 1.0, guides, self.shift)
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
        Responses of the whole picture.
    weight : float
        Factor of the loss.
    position_power : int
        Power of the number of positions by which the loss is divided.
    """

    def __init__(
        self, loss: Any, target: np.ndarray, weight: float, position_power: int = 0
    ) -> None:
        self.loss, self.target, self.weight = loss, target, weight
        self.position_power = position_power
        self.positions = target[0].size

    measure = settle = None

    def spread(self, features: Any, gradient: Any, place: Place) -> float:
        """Add the core's gradient, and return its share of the loss."""
        share = (arrays.count(features[0]) / self.positions) ** self.position_power
        # The whole target stays on the host: only a tile's part of it has to fit on the device.
        target = arrays.beside(arrays.copy_of(self.target[(slice(None),) + place]), features)
        value, slope = self.loss(features, target, self.weight * share)
        gradient += slope
        return value


class TiledTerm(NamedTuple):
    """One weighted loss on the responses of one blob.

    Attributes
    ----------
    name, blob : str
        Name of the term, and the blob that it reads.
    loss : TiledGram or TiledLocal
        The loss with its target and weight.
    """

    name: str
    blob: str
    loss: Any


class TiledObjective:
    """The sum of terms as a function of the image, with the interface of `objective.Objective`.

    Parameters
    ----------
    network : Network
        Network that computes the responses.
    shape : (int, int)
        Height and width of the picture.
    size : int
        Largest side of a tile in pixels.
    terms : sequence of TiledTerm
        Terms on responses.
    image_terms : sequence of Term
        Terms on the image itself, which are not tiled.
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

    #: Losses whose targets depend on the picture do not work in tiles.
    redraw = None

    def _in_tile(self, term: TiledTerm) -> Any:
        """Return the term's loss on the core of the current tile."""
        field = self.fields[term.blob]

        def evaluate(features: Any, gradients: Any) -> float:
            core, place = self._tile.inside(field), self._tile.within(field)
            return term.loss.spread(arrays.copy_of(features[0][core]), gradients[0][core], place)

        return evaluate

    def __call__(self, image: Any) -> Tuple[float, Any, Dict[str, float]]:
        """Evaluate as `objective.Objective.__call__` does, but return a new array for the gradient."""
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
        """Make the first pass: sum what the losses need of the whole picture."""
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
    """Return the tiles of a picture for these blobs, and the blobs' receptive fields."""
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
    """Run the network on each tile; yield each blob, the core's place, and the core's responses (N, h, w).

    `image` (1, 3, H, W) is as the network reads it. The place is the core's position in the whole picture's
    responses. The responses are on the device of the losses.
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
