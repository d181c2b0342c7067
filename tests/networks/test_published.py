"""The report of published nets, on nets that are here and on a server of our own."""

from __future__ import annotations

import functools
import http.server
import re
import sys
import threading

import pytest
from helpers.engine_nets import input_layer

from benchmarks import published

GOOD = input_layer("x", (1, 2)) + 'layer { name: "r" type: "ReLU" bottom: "x" top: "y" }'


@pytest.mark.parametrize(
    "text, builds, runs, note",
    [
        (GOOD, True, True, r"y \(1, 2\) in"),
        (GOOD.replace("ReLU", "Yolo"), False, False, "unknown layer type 'Yolo'"),
        (GOOD.replace("ReLU", 'ReLU" yolo_param { a: 1 } name: "q'), False, False, "yolo_param"),
        (
            'layer { name: "m" type: "MemoryData" top: "d" top: "l" memory_data_param'
            " { batch_size: 1 channels: 1 height: 1 width: 1 } }",
            True,
            False,
            "set_input_arrays",
        ),
    ],
)
def test_examine(tmp_path, text, builds, runs, note):
    (tmp_path / "net.prototxt").write_text(text)
    outcome = published.examine(tmp_path / "net.prototxt")
    assert (outcome.builds, outcome.runs) == (builds, runs)
    assert re.search(note, outcome.note), outcome.note


def test_fetched_nets_are_reported(tmp_path, monkeypatch, capsys):
    (tmp_path / "good.prototxt").write_text(GOOD)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = "http://127.0.0.1:%d/" % server.server_port
        monkeypatch.setattr(published, "_URL", url + "%s%s%s")
        nets = {"good": ("good", ".", "prototxt"), "gone": ("gone", ".", "prototxt")}
        monkeypatch.setattr(published, "NETS", nets)
        for _ in range(2):  # the second time from the folder
            monkeypatch.setattr(sys, "argv", ["published", "--folder", str(tmp_path / "kept")])
            assert published.main() == 0
            out = capsys.readouterr().out
            assert "good             runs" in out and "gone             not fetched" in out
            assert out.endswith("of 1 fetched 1 build and 1 run\n")
            (tmp_path / "good.prototxt").write_text("nothing that parses")
        server.shutdown()
