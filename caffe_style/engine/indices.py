"""The net by numbers, as pycaffe's underscored names show it."""

from __future__ import annotations

from typing import Any, List

from .blob import Blob


class Indexed:
    """Blobs and layers by their numbers, for scripts that walk the graph; mixed into Net."""

    _tops: List[List[Blob]]
    _bottoms: List[List[Blob]]
    _top_names: List[List[str]]
    _input_names: List[str]
    _output_names: List[str]

    def _numbered(self) -> dict:
        """id of each blob -> (number, name), in order of first use."""
        found: dict = {}
        for blobs, names in zip(self._tops, self._top_names):
            for blob, name in zip(blobs, names):
                found.setdefault(id(blob), (len(found), name, blob))
        return found

    @property
    def _blobs(self) -> List[Blob]:
        """All blobs, in order of first use."""
        return [blob for _, _, blob in self._numbered().values()]

    @property
    def _blob_names(self) -> List[str]:
        """Their names."""
        return [name for _, name, _ in self._numbered().values()]

    @property
    def _inputs(self) -> List[int]:
        """Numbers of the Input layers' tops."""
        names = self._blob_names
        return [names.index(name) for name in self._input_names]

    @property
    def _outputs(self) -> List[int]:
        """Numbers of the blobs that nobody reads, in the order of their names."""
        names = self._blob_names
        return [names.index(name) for name in self._output_names]

    @property
    def _blob_loss_weights(self) -> List[float]:
        """What each blob counts in the loss, in the order of `_blobs`."""
        weights = self.blob_loss_weights  # type: ignore[attr-defined]
        return [weights[name] for name in self._blob_names]

    def _bottom_ids(self, layer: int) -> List[int]:
        """Numbers of the blobs that a layer (by number) reads."""
        return self._ids(self._bottoms[layer])

    def _top_ids(self, layer: int) -> List[int]:
        """Numbers of the blobs that a layer (by number) writes."""
        return self._ids(self._tops[layer])

    def _ids(self, blobs: List[Blob]) -> List[int]:
        numbered = self._numbered()
        return [numbered[id(blob)][0] for blob in blobs]

    def _set_input_arrays(self, data: Any, labels: Any) -> None:
        """`set_input_arrays` under the compiled module's name."""
        self.set_input_arrays(data, labels)  # type: ignore[attr-defined]
