"""The studio's answers, asked as its page does, and as other sites' pages would try to."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import sys

import pytest
from helpers.program import call, line_of, posix
from helpers.studio import Page
from PIL import Image

from caffe_style import cli, errors
from caffe_style.cli import doctor
from caffe_style.pictures import images
from caffe_style.settings.transfer import TransferSettings

pytest.importorskip("uvicorn", reason="no uvicorn here (extra studio)")

from caffe_style.cli.studio import uploads  # noqa: E402
from caffe_style.cli.studio.folder import find_pictures  # noqa: E402
from caffe_style.cli.studio.looks import LOOKS, TITLES  # noqa: E402
from caffe_style.cli.studio.server import Studio  # noqa: E402


@pytest.fixture
def page(folder):
    with Studio(folder) as studio:
        yield Page(studio)


def test_the_page_and_its_files_come_from_here(page):
    status, headers, body = page.get("/")
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in headers["content-security-policy"]
    assert b"{{" not in body and not re.search(rb'(src|href)="(https?:)?//', body)
    for name in ("base.css", "page.css", "page.js", "run.js", "form.js", "looks/gram.jpg"):
        assert page.get("/" + name)[0] == 200
    for name in ("page.html", "run.html", "../server.py", "server.py", "/etc/passwd"):
        assert page.get("/" + name)[0] == 404


def test_looks_have_pictures_and_these_are_small(page):
    drawn = [name for name, look in LOOKS.items() if name in TITLES or "preset" in look.options]
    sizes = [len(page.get("/looks/%s.jpg" % name)[2]) for name in drawn]
    assert min(sizes) > 500 and sum(sizes) < 150_000
    assert [look["name"] for look in page.json("/form")["looks"]] == list(LOOKS)


@pytest.mark.parametrize("path", ["/", "/state", "/pictures", "/form", "/jobs/1/state"])
@pytest.mark.parametrize(
    "headers", [{"Host": "site.example"}, {"Origin": "http://site.example"}, {"Origin": "null"}]
)
def test_other_sites_get_nothing(page, path, headers):
    status, _, body = page.get(path, **headers)
    assert status == 403 and b"this page" in body


@pytest.mark.parametrize("path", ["/jobs", "/uploads", "/jobs/1/stop", "/jobs/1/pause"])
@pytest.mark.parametrize("headers", [{}, {"X_Token": "guess"}, {"X_Token": "\xe9"}])
def test_without_the_token_nothing_is_done(page, folder, path, headers):
    status, _, body = page.ask("POST", path, b"x" * 1000, **headers)
    assert status == 403 and body == b"wrong token: reload the page"
    assert not (folder / "uploads").exists() and not page.json("/state")["jobs"]


def picture(kind="PNG", size=(40, 30)):
    file = io.BytesIO()
    Image.new("RGB", size, (10, 200, 90)).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind, suffix", [("PNG", ".png"), ("JPEG", ".jpg"), ("WEBP", ".webp")])
def test_an_uploaded_picture_is_kept_once(page, folder, kind, suffix):
    answers = {page.post("/uploads", picture(kind), X_Name="../../evil.exe") for _ in range(2)}
    assert len(answers) == 1
    identity = json.loads(answers.pop()[1])["id"]
    (kept,) = (folder / "uploads").iterdir()
    assert kept.suffix == suffix and kept.read_bytes() == picture(kind)
    assert find_pictures(folder.resolve())[identity].path == kept.resolve()
    shown = page.get("/pictures/%s/small" % identity)
    assert Image.open(io.BytesIO(shown[2])).size == (40, 30)


def test_names_are_never_paths(page, folder):
    page.post("/uploads", picture(), X_Name="%2e%2e%2fevil.png")
    assert not list(folder.parent.rglob("evil*"))
    for name in ("../a.png", "..%2fa.png", "a.png", "%2fetc%2fpasswd"):
        assert page.get("/pictures/%s/png" % name)[0] == 404


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "the file is empty"),
        (b"hello", "not a picture"),
        (picture()[:60], "not a complete picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n", "a EPS file"),
    ],
)
def test_wrong_files_are_refused_with_a_sentence(page, folder, content, words):
    status, text = page.post("/uploads", content, X_Name="my%20notes.txt")
    assert status == 400 and text.startswith("my notes.txt") and words in text
    assert str(folder) not in text and not any((folder / "uploads").iterdir())


def test_uploads_are_limited_in_size_and_number(page, folder, monkeypatch):
    monkeypatch.setattr("caffe_style.cli.studio.app.LARGEST", 1000)
    status, text = page.post("/uploads", b"x" * 1001)
    assert status == 413 and "make it smaller" in text
    monkeypatch.setattr(uploads, "MOST_PIXELS", 100)
    status, text = page.post("/uploads", picture(size=(101, 1)), X_Name="wide.png")
    assert status == 400 and text.startswith("wide.png: more than") and "smaller" in text
    monkeypatch.setattr(uploads, "MOST", 2)
    for size, expected in ((1, 200), (2, 200), (3, 400)):
        status, text = page.post("/uploads", picture(size=(size, size)))
        assert status == expected
    assert "There are 2 uploaded pictures already" in text
    assert len(list((folder / "uploads").iterdir())) == 2


def test_a_full_disk_refuses_an_upload_with_a_sentence(page, folder, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("caffe_style.cli.studio.uploads.files.replace_file", full)
    status, text = page.post("/uploads", picture(), X_Name="cat.png")
    assert (status, text) == (400, "cat.png cannot be kept: No space left on device")


@posix
def test_links_out_of_the_folder_are_not_followed(tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    images.write_image(outside / "secret.png", images.coloured_noise(8, 8, 1.0, 0))
    (folder / "link.png").symlink_to(outside / "secret.png")
    (folder / "uploads").symlink_to(outside)
    images.write_image(folder / "own.png", images.coloured_noise(8, 8, 1.0, 0))
    (folder / "again.png").symlink_to(folder / "own.png")
    names = {each.name for each in find_pictures(folder).values() if each.place != "examples"}
    assert names == {"own.png", "again.png"}


def test_the_form_has_the_settings_of_the_command_line(page):
    form = page.json("/form")
    fields = {field["name"]: field for group in form["groups"] for field in group["fields"]}
    left_out = {one.name for one in TransferSettings.list()} - set(fields)
    assert left_out == {"style_loss", "segments"}  # a look, and files
    assert fields["size"]["default"] == "512" and fields["space"]["choices"] == [
        *("pixels", "smooth", "whitened")
    ]
    assert "strokenet" in [model["name"] for model in form["models"]]


def test_the_backends_are_those_that_doctor_finds(page):
    assert list(page.json("/backends")) == doctor.examine()["backends"]


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"content": None}, "Choose a photograph first"),
        ({"content": "0123"}, "no longer in the folder"),
        ({"content": ["a.png"]}, "no longer in the folder"),
        ({"styles": []}, "Choose a painting first"),
        ({"styles": [{"id": "/etc/passwd"}]}, "no longer in the folder"),
        ({"styles": [{}] * 9}, "at most 8 paintings"),
        ({"look": "nice"}, "Choose a look"),
        ({"model": "../models/strokenet"}, "Choose a model"),
        ({"settings": {"size": "4"}}, "size must be a whole number, at least 16"),
        ({"settings": {"bounds": "perhaps"}}, "bounds must be true or false"),
        ({"settings": {"init": "a.png"}}, "init must begin with one of"),
        ({"settings": {"init": "/etc/hostname"}}, "init must begin with one of"),
        ({"settings": {"segments": "a.png"}}, "unknown setting"),
        ({"settings": {"output": "../evil.png"}}, "unknown setting"),
        ({"settings": {"size": 64}}, "unknown setting or too long a value"),
        ({"settings": {"style_layers": "--output=evil.png"}}, "expected one argument"),
    ],
)
def test_a_form_with_a_mistake_is_refused_with_a_sentence(page, changes, words):
    status, text = page.post("/jobs", page.form(**changes))
    assert status == 400 and words in text and "\n" not in text
    assert not page.json("/state")["jobs"]


@pytest.mark.parametrize("body", [b"", b"[]", b"[" * 60000, b"{", b'{"unfinished": 7}'])
def test_what_is_no_form_is_refused(page, body):
    assert page.post("/jobs", body)[0] in (400, 404)


def test_a_weight_that_is_no_number_is_refused(page):
    styles = [{"id": page.id("b.png"), "weight": "much"}]
    status, text = page.post("/jobs", page.form(styles=styles))
    assert status == 400 and "the weight of a painting must be a number" in text


def test_slow_connections_keep_nobody_out(page):
    address = "127.0.0.1", page.port
    slow = [socket.create_connection(address, timeout=20) for _ in range(200)]
    for connection in slow[::2]:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: ")
    number = page.add()
    page.wait(number, "finished")
    for connection in slow:
        connection.close()


def test_connections_are_bounded_and_silent_ones_go(folder, monkeypatch):
    monkeypatch.setattr("caffe_style.cli.studio.server.MOST", 5)
    monkeypatch.setattr("caffe_style.cli.studio.server.SILENCE", 0.5)
    with Studio(folder) as studio:
        address = "127.0.0.1", int(studio.url.rsplit(":", 1)[1].strip("/"))
        slow = [socket.create_connection(address, timeout=20) for _ in range(10)]
        for connection in slow:
            with pytest.raises(ConnectionError):
                if connection.recv(1) == b"":
                    raise ConnectionError
            connection.close()
        assert Page(studio).get("/state")[0] == 200


def test_folders_and_ports_that_will_not_do(folder):
    with pytest.raises(errors.OptionError, match="no such folder"):
        Studio(folder / "nowhere")
    with pytest.raises(errors.OptionError, match="a.png is not a folder"):
        Studio(folder / "a.png")
    with pytest.raises(errors.OptionError, match="studio port 65536: choose one from 1"):
        Studio(folder, 65536)
    with Studio(folder) as studio:
        with pytest.raises(errors.OptionError, match="another studio is open on this folder"):
            Studio(folder)
        (folder / "other").mkdir()
        with pytest.raises(errors.OptionError, match="in use; choose another"):
            Studio(folder / "other", Page(studio).port)
    with Studio(folder):
        pass  # it is free again


def test_without_the_extra_one_line_says_so(folder, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("caffe_style.cli.studio")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert cli.main(["studio", str(folder)]) == 2
    assert "pip install 'caffe_style[studio]'" in capsys.readouterr().err
    assert sorted(os.listdir(folder)) == ["a.png", "b.png"]


def test_the_command_refuses_in_one_line(folder):
    line_of(call(folder, "studio", "nowhere"), "nowhere: no such folder")
