"""A solver of a small net, a line through the origin, whose updates are easily written out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

from caffe_style import engine

#: score = W x; the loss is half the mean squared distance to the target.
NET = """
name: "line"
layer { name: "data" type: "DummyData" top: "x" top: "target" dummy_data_param {
  shape { dim: 2 dim: 3 } shape { dim: 2 dim: 4 } data_filler { value: 1 } data_filler { value: 2 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "score" param { lr_mult: 0.5 decay_mult: 2 }
  inner_product_param { num_output: 4 bias_term: false
    weight_filler { type: "gaussian" std: 0.5 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "score" bottom: "target" top: "loss" }
"""
BASE = 'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" random_seed: 3 snapshot_prefix: "run" '
#: The momenta of each type of solver.
MOMENTA = {
    "SGD": "momentum: 0.9",
    "Nesterov": "momentum: 0.9",
    "AdaGrad": "",
    "RMSProp": "rms_decay: 0.9",
    "AdaDelta": "momentum: 0.9",
    "Adam": "momentum: 0.9 momentum2: 0.99",
}


def maker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Make the folder the working directory; return a function that makes a solver of a prototxt's text."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GLOG_minloglevel", "0")
    (folder / "net.prototxt").write_text(NET)

    def make(text: str = "", name: str = "solver.prototxt", base: str = BASE) -> Any:
        (folder / name).write_text(base + text)
        return engine.get_solver(name)

    return make


def weights(net: Any) -> np.ndarray:
    """The line's weights."""
    return net.params["ip"][0].data
