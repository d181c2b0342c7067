"""The page of a run, asked as a browser does, and as other sites' pages would try to."""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import threading
import time

import numpy as np
import pytest
from helpers.program import wait_for
from PIL import Image

from caffe_style import Preview
from caffe_style.errors import OptionError
from caffe_style.optimise.minimise import Record
from caffe_style.watch.preview import server

PATIENCE = "caffe_style.watch.preview.run.PATIENCE"


@pytest.fixture
def page(monkeypatch):
    with Preview() as preview:
        yield preview
        # What asked for states was no browser, and need not see the end.
        monkeypatch.setattr(PATIENCE, 0)


def ask(preview, path, method="GET", **headers):
    """Status, headers and body of an answer."""
    port = int(preview.url.rsplit(":", 1)[1].strip("/"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=names)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.headers), body


def state(preview, after=0):
    return json.loads(ask(preview, "/state?after=%d" % after)[2])


def token(preview):
    return re.search(rb'name="token" content="([^"]+)"', ask(preview, "/")[2]).group(1).decode()


def record(iteration, **terms):
    terms = terms or {"style conv1": 2.0 / iteration, "content conv2": 0.5}
    return Record(iteration, sum(terms.values()), terms, float(iteration), 0.1, True)


def image(seed=0, height=20, width=30):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


class Run(threading.Thread):
    """Iterations in a thread of their own, as an optimisation would call them."""

    def __init__(self, preview, iterations=10**6):
        super().__init__(daemon=True)
        self.preview, self.iterations, self.done, self.stopped = preview, iterations, 0, False
        self.start()

    def run(self):
        try:
            for iteration in range(1, self.iterations + 1):
                time.sleep(0.002)
                self.done = iteration
                self.preview(record(iteration), image(iteration))
        except StopIteration:
            self.stopped = True


def test_the_page_and_its_files_come_from_here(page):
    status, headers, body = ask(page, "/")
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert b"{{" not in body and not re.search(rb'(src|href)="(https?:)?//', body)
    for name, kind in (
        ("base.css", "text/css"),
        ("page.css", "text/css"),
        ("page.js", "text/javascript"),
    ):
        assert name.encode() in body
        status, headers, body_of_file = ask(page, "/" + name)
        assert status == 200 and headers["Content-Type"].startswith(kind) and body_of_file


def test_before_the_first_iteration_there_is_no_picture(page):
    assert state(page)["status"] == "starting" and state(page)["left"] is None
    assert ask(page, "/picture")[0] == 404


def test_what_the_run_tells_is_what_the_page_gets(page):
    page.begin({"iterations": 8, "style_layers": {"conv1": 1.0}})
    for iteration in (1, 2, 3):
        page(record(iteration), image(iteration))
    seen = state(page)
    assert seen["status"] == "running" and seen["iteration"] == 3 and seen["iterations"] == 8
    assert seen["names"] == ["style conv1", "content conv2"]
    assert seen["rows"][1] == [2, 1.5, 1.0, 0.5] and len(seen["rows"]) == 3
    assert seen["parameters"]["style_layers"] == {"conv1": 1.0}
    assert seen["left"] == pytest.approx(seen["worked"] / 3 * 5)
    assert state(page, after=2)["rows"] == seen["rows"][2:] and state(page, after=2)["after"] == 2
    assert state(page, after=99)["rows"] == []
    assert json.loads(ask(page, "/state?after=nonsense")[2])["after"] == 0


def test_a_loss_that_is_no_number_does_not_break_the_json(page):
    page(record(1, style=float("nan"), content=float("inf")), image())
    assert b"NaN" not in ask(page, "/state")[2]
    assert state(page)["rows"] == [[1, None, None, None]]


def test_the_picture_is_the_last_one_and_not_too_large(page):
    flat = np.full((40, 60, 3), (200, 100, 50), np.uint8)
    page(record(1), image())
    page(record(2), flat)
    shown = Image.open(io.BytesIO(ask(page, "/picture")[2]))
    assert shown.size == (60, 40)
    np.testing.assert_allclose(np.asarray(shown)[20, 30], (200, 100, 50), atol=3)
    page(record(3), np.zeros((1000, 4000, 3), np.uint8))
    assert Image.open(io.BytesIO(ask(page, "/picture")[2])).size == (1600, 400)


def test_pause_continue_and_stop(page):
    secret = token(page)
    run = Run(page)
    wait_for(lambda: run.done > 3)
    assert ask(page, "/pause", "POST", X_Token=secret)[0] == 200
    wait_for(lambda: state(page)["status"] == "paused")
    done, worked = run.done, state(page)["worked"]
    time.sleep(0.2)
    assert run.done == done and state(page)["worked"] == worked
    ask(page, "/continue", "POST", X_Token=secret)
    wait_for(lambda: run.done > done + 3)
    ask(page, "/pause", "POST", X_Token=secret)
    wait_for(lambda: state(page)["status"] == "paused")
    ask(page, "/stop", "POST", X_Token=secret)
    run.join(20)
    assert run.stopped
    # A stop is not undone by a pause from another tab.
    ask(page, "/pause", "POST", X_Token=secret)
    with pytest.raises(StopIteration):
        page(record(9999), image())


def test_without_the_token_nothing_is_done(page):
    run = Run(page)
    for headers in ({}, {"X_Token": "guess"}, {"X_Token": "\xe9"}):
        for wish in ("/pause", "/stop"):
            assert ask(page, wish, "POST", **headers)[0] == 403
    done = run.done
    wait_for(lambda: run.done > done + 5)
    assert not run.stopped
    secret = token(page)
    assert ask(page, "/explode", "POST", X_Token=secret)[0] == 404
    assert ask(page, "/stop", X_Token=secret)[0] == 404  # a link cannot stop it
    ask(page, "/stop", "POST", X_Token=secret)
    run.join(20)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
@pytest.mark.parametrize("path", ["/", "/state", "/picture"])
def test_other_names_for_this_machine_get_nothing(page, host, path):
    page(record(1), image())
    status, _, body = ask(page, path, Host=host)
    assert status == 403 and body == b"this page is for this machine only"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", ""])
def test_pages_of_other_sites_get_nothing(page, origin):
    status, _, body = ask(page, "/state", Origin=origin)
    assert status == 403 and body == b"this page answers no other page"
    secret = token(page)
    assert ask(page, "/pause", "POST", Origin=origin, X_Token=secret)[0] == 403
    assert ask(page, "/pause", "POST", Origin=page.url.rstrip("/"), X_Token=secret)[0] == 200


@pytest.mark.parametrize("host", ["localhost:9000", "LOCALHOST", "127.0.0.1"])
def test_tunnels_are_fine(page, host):
    assert ask(page, "/state", Host=host)[0] == 200


@pytest.mark.parametrize(
    "path", ["/page.html", "/run.html", "/../run.py", "//etc/passwd", "/preview/run.py"]
)
def test_no_other_file_is_given_away(page, path):
    assert ask(page, path)[0] == 404


def test_only_this_machine_can_connect(page):
    assert page._server.server_address[0] == "127.0.0.1"


def test_ports_that_will_not_do():
    for port in (-1, 65536):
        with pytest.raises(OptionError, match="from 1 to 65535"):
            Preview(port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OptionError, match="in use; choose another"):
            Preview(taken.getsockname()[1])


def test_the_port_is_free_again_afterwards(monkeypatch):
    monkeypatch.setattr(PATIENCE, 0)
    with Preview() as first:
        port = int(first.url.rsplit(":", 1)[1].strip("/"))
        state(first)
    with Preview(port) as second:
        assert state(second)["run"] != first.identity


def test_the_end_waits_for_a_page_that_is_open_and_for_no_other(page):
    page(record(1), image())
    ended = threading.Event()

    def end():
        page.end("finished", "The picture is out.png")
        ended.set()

    state(page)
    threading.Thread(target=end, daemon=True).start()
    wait_for(lambda: page._ended)
    assert not ended.is_set()
    seen = state(page)
    assert seen["status"] == "finished" and "out.png" in seen["message"] and seen["left"] is None
    state(page)
    assert ended.wait(20)
    page.end("failed", "too late")
    assert state(page)["status"] == "finished"


def test_a_browser_that_went_away_is_waited_for_only_a_moment(page, monkeypatch):
    monkeypatch.setattr(PATIENCE, 0.2)
    state(page)
    page.end("finished", "")


def test_requests_on_one_connection(page):
    """As browsers send them; one that was refused ends it, since its body was not read."""
    port = int(page.url.rsplit(":", 1)[1].strip("/"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for _ in range(3):
        connection.request("GET", "/state")
        answer = connection.getresponse()
        assert answer.status == 200 and answer.headers["Connection"] is None
        answer.read()
        socket_before = connection.sock
    assert connection.sock is socket_before is not None
    connection.request("POST", "/stop", body=b"GET /state HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = connection.getresponse()
    assert answer.status == 403 and answer.headers["Connection"] == "close"
    connection.close()


def test_leaving_the_context_ends_the_run():
    with Preview() as page:
        page(record(1), image())
    assert page._status == "finished"


def test_an_error_of_the_run_is_shown():
    with pytest.raises(ValueError):
        with Preview() as page:
            raise ValueError("no good")
    assert page._status == "failed" and page._message == "no good"


def test_connections_are_bounded_and_slow_ones_go(page, monkeypatch):
    address = "127.0.0.1", int(page.url.rsplit(":", 1)[1].strip("/"))
    slow = [socket.create_connection(address, timeout=20) for _ in range(server.MOST)]
    wait_for(lambda: len(page._server._begun) == server.MOST)
    extra = socket.create_connection(address, timeout=20)
    assert extra.recv(1) == b""
    monkeypatch.setattr(server, "LIFETIME", 0.0)
    assert all(connection.recv(1) == b"" for connection in slow)
    monkeypatch.setattr(server, "LIFETIME", 60.0)
    wait_for(lambda: not page._server._begun)
    assert ask(page, "/")[0] == 200
    for connection in [*slow, extra]:
        connection.close()
