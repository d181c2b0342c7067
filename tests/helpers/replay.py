"""Replays what genuine Caffe did on a small network (tests/reference/*.npz), and compares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

import numpy as np

#: Largest difference allowed, relative to the largest value of the array.
TOLERANCE = 1e-4


def relative_error(found: np.ndarray, wanted: np.ndarray) -> float:
    """max |found - wanted| / max |wanted|; infinite for other shapes or other non-finite places."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    finite = np.isfinite(wanted)
    if found.shape != wanted.shape or not np.array_equal(np.isfinite(found), finite):
        return float("inf")
    if not finite.any():
        return 0.0
    difference = np.abs(found[finite] - wanted[finite]).max()
    return float(difference / max(np.abs(wanted[finite]).max(), 1e-3))


class Replay:
    """One recorded case on a pycaffe-like module; `differences` says what did not agree."""

    def __init__(self, caffe: Any, path: Path, prototxt: Path) -> None:
        with np.load(str(path)) as case:
            self.case: Dict[str, np.ndarray] = dict(case)
        self.differences: List[str] = []
        prototxt.write_text(str(self.case["prototxt"]))
        self.net = caffe.Net(str(prototxt), getattr(caffe, str(self.case["phase"])))

    def run(self) -> List[str]:
        """Fill, make the recorded calls, compare."""
        for key, value in self.case.items():
            kind, _, name = key.partition(":")
            if kind == "input":
                self.net.blobs[name].data[...] = value
            elif kind == "param":
                self._param(name).data[...] = value
        for number, call in enumerate(json.loads(str(self.case["calls"]))):
            getattr(self, "_" + call["op"])(number, call)
        self._compare("", ("data", "diff", "pdata", "pdiff"))
        self._compare_names()
        return self.differences

    def _param(self, name: str) -> Any:
        layer, index = name.rsplit(":", 1)
        return self.net.params[layer][int(index)]

    def _compare(self, prefix: str, kinds: tuple) -> None:
        for key, wanted in self.case.items():
            kind, _, name = key[len(prefix) :].partition(":")
            if not key.startswith(prefix) or kind not in kinds:
                continue
            blob = self._param(name) if kind.startswith("p") else self.net.blobs[name]
            error = relative_error(getattr(blob, kind[-4:]), wanted)
            if not error <= TOLERANCE:
                self.differences.append("%s: %.3g" % (key, error))

    def _compare_names(self) -> None:
        meta = json.loads(str(self.case["meta"]))
        for ours, theirs in (
            ("blobs", "blob_names"),
            ("_layer_names", "layer_names"),
            ("inputs", "inputs"),
            ("outputs", "outputs"),
        ):
            found = list(getattr(self.net, ours))
            if found != meta[theirs]:
                self.differences.append("%s: %s, not %s" % (ours, found, meta[theirs]))

    def _run_net(self, number: int, call: dict, kinds: tuple) -> None:
        options = {
            name: call[name]
            for name in ("start", "end", "blobs", "diffs")
            if call.get(name) is not None
        }
        for blob, name in (call.get("kwargs") or {}).items():
            options[blob] = self.case["arg:" + name]
        returned = getattr(self.net, call["op"])(**options)
        shapes = {name: list(value.shape) for name, value in returned.items()}
        if shapes != call["returned"]:
            self.differences.append("call %d returned %s" % (number, shapes))
        if call.get("snapshot"):
            self._compare("step%d:" % number, kinds)

    # -- the recorded operations -----------------------------------------------------------------

    def _forward(self, number: int, call: dict) -> None:
        self._run_net(number, call, ("data",))

    def _backward(self, number: int, call: dict) -> None:
        self._run_net(number, call, ("diff", "pdiff"))

    def _set_diff(self, number: int, call: dict) -> None:
        self.net.blobs[call["blob"]].diff[...] = self.case["arg:" + call["arg"]]

    def _add_diff(self, number: int, call: dict) -> None:
        self.net.blobs[call["blob"]].diff[...] += self.case["arg:" + call["arg"]]

    def _set_data(self, number: int, call: dict) -> None:
        self.net.blobs[call["blob"]].data[...] = self.case["arg:" + call["arg"]]

    def _zero_all_diffs(self, number: int, call: dict) -> None:
        for blob in self.net.blobs.values():
            blob.diff[...] = 0

    def _clear_param_diffs(self, number: int, call: dict) -> None:
        self.net.clear_param_diffs()

    def _reshape_blob(self, number: int, call: dict) -> None:
        self.net.blobs[call["blob"]].reshape(*call["shape"])

    def _net_reshape(self, number: int, call: dict) -> None:
        self.net.reshape()
