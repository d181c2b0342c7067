"""Weights: downloads from a server of the test's own that misbehaves on request, and local files."""

import dataclasses
import hashlib
import http.server
import json
import re
import threading

import numpy as np
import pytest

from caffe_style.engine import TEST, Net
from caffe_style.errors import WeightsError
from caffe_style.networks import download, install, weights, zoo

PROTOTXT = """
name: "small"
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "fire/conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: %d kernel_size: %d } }
"""


class Server:
    """Serves `body` at any path; `misbehave` holds one function a request, for the first requests."""

    def __init__(self, body):
        self.body, self.misbehave, self.ranges = body, [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.ranges.append(self.headers.get("Range"))
                (outer.misbehave.pop(0) if outer.misbehave else serve)(self, outer.body)

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/small.caffemodel" % self.http.server_port
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


def serve(handler, body, stop=None, ranges=True, kind="application/octet-stream"):
    """Answer as a well-behaved server does, or stop after `stop` bytes of the promised ones."""
    start = 0
    wanted = handler.headers.get("Range")
    if wanted and ranges:
        start = int(re.match(r"bytes=(\d+)-", wanted)[1])
        if start >= len(body):
            handler.send_response(416)
            handler.send_header("Content-Range", "bytes */%d" % len(body))
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206)
        handler.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(body) - 1, len(body)))
    else:
        handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body) - start))
    handler.end_headers()
    handler.wfile.write(body[start:][:stop])


def cut(handler, body):
    serve(handler, body, stop=100)
    handler.close_connection = True


def ignore_range(handler, body):
    serve(handler, body, ranges=False)


def web_page(handler, body):
    serve(handler, b"<html>Please log in</html>", kind="text/html; charset=utf-8")


def disguised_page(handler, body):
    serve(handler, b"<html>Please log in</html>")


def status(number):
    return lambda handler, body: handler.send_error(number)


def save_net(folder, outputs=4, kernel=3, name="fire/conv", value=0.5):
    """Write a caffemodel of the small network, or of a variation of it."""
    prototxt = folder / ("%d-%d.prototxt" % (outputs, kernel))
    prototxt.write_text((PROTOTXT % (outputs, kernel)).replace("fire/conv", name))
    net = Net(str(prototxt), TEST)
    net.params[name][0].data[...] = value + np.arange(net.params[name][0].data.size).reshape(
        net.params[name][0].data.shape
    )
    path = folder / "made.caffemodel"
    net.save(str(path))
    prototxt.unlink()
    return path


@pytest.fixture
def made(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    return save_net(folder)


@pytest.fixture
def server(made):
    server = Server(made.read_bytes())
    yield server
    server.close()


@pytest.fixture
def model(tmp_path, server, monkeypatch):
    monkeypatch.setenv("CAFFE_STYLE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE", 0)
    monkeypatch.setattr(download, "CHUNK", 50)
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "net.prototxt").write_text(PROTOTXT % (4, 3))
    return zoo.Model(
        name="small",
        title="small",
        prototxt=folder / "net.prototxt",
        folder=folder,
        caffemodel="small.caffemodel",
        urls=(server.url,),
        checksum="sha256:" + hashlib.sha256(server.body).hexdigest(),
    )


def files(tmp_path):
    cache = tmp_path / "cache"
    return sorted(path.name for path in cache.iterdir()) if cache.exists() else []


def fetch(model):
    return install.fetch(model, progress=False)


def test_fetch_puts_checked_weights_into_the_cache(model, server, tmp_path):
    assert weights.weights_path(model) is None
    path = fetch(model)
    assert path == weights.weights_path(model) == tmp_path / "cache" / "small.caffemodel"
    assert path.read_bytes() == server.body
    assert files(tmp_path) == ["small.caffemodel", "small.caffemodel.json"]
    assert weights.record(model) == {
        "source": server.url,
        "sha256": hashlib.sha256(server.body).hexdigest(),
        "size": len(server.body),
    }


def test_what_is_here_is_not_fetched_again(model, server):
    fetch(model)
    fetch(model)
    assert len(server.ranges) == 1


def test_a_cut_connection_is_taken_up_again(model, server):
    server.misbehave = [cut, cut, status(503)]
    assert fetch(model).read_bytes() == server.body
    assert server.ranges == [None, "bytes=100-", "bytes=200-", "bytes=200-"]


def test_a_download_given_up_goes_on_next_time(model, server, tmp_path):
    server.misbehave = [cut] + [status(503)] * download.PATIENCE
    with pytest.raises(WeightsError, match="the server answers 503.*continues") as caught:
        fetch(model)
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == ["small.caffemodel.part"]
    assert weights.weights_path(model) is None
    assert fetch(model).read_bytes() == server.body
    assert server.ranges[-1] == "bytes=100-"


def test_a_server_without_ranges_is_read_from_the_beginning(model, server):
    server.misbehave = [cut, ignore_range]
    assert fetch(model).read_bytes() == server.body


def test_a_whole_part_needs_no_more_bytes(model, server, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "small.caffemodel.part").write_bytes(server.body)
    assert fetch(model).read_bytes() == server.body


@pytest.mark.parametrize("size", [50, 100_000])
def test_a_part_of_another_file_does_no_lasting_harm(model, server, tmp_path, size):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "small.caffemodel.part").write_bytes(b"x" * size)
    if size < len(server.body):
        with pytest.raises(WeightsError, match="another checksum"):
            fetch(model)
        assert files(tmp_path) == []
    assert fetch(model).read_bytes() == server.body


@pytest.mark.parametrize(
    "answer, message",
    [
        (web_page, "sends a web page"),
        (disguised_page, "another checksum"),
        (status(404), "the server answers 404"),
    ],
)
def test_a_wrong_answer_is_one_line_and_leaves_nothing(model, server, tmp_path, answer, message):
    server.misbehave = [answer]
    with pytest.raises(WeightsError, match=message) as caught:
        fetch(model)
    assert "\n" not in str(caught.value) and "models add small FILE" in str(caught.value)
    assert files(tmp_path) == []


def test_a_truncated_file_without_checksum_is_refused(model, server, tmp_path):
    server.body = server.body[: len(server.body) // 2]
    with pytest.raises(WeightsError):
        fetch(dataclasses.replace(model, checksum=None))
    assert files(tmp_path) == []


def test_mirrors_are_tried_in_order(model, server):
    urls = ("http://127.0.0.1:9/away", server.url + "?gone", server.url)
    server.misbehave = [status(404)]
    path = fetch(dataclasses.replace(model, urls=urls))
    assert path.read_bytes() == server.body
    assert weights.record(model)["source"] == server.url


def test_without_network_the_way_out_is_named_at_once(model, monkeypatch):
    monkeypatch.setattr(download.time, "sleep", pytest.fail)
    offline = dataclasses.replace(model, urls=("http://127.0.0.1:9/small.caffemodel",))
    with pytest.raises(WeightsError, match="refused.*`caffe-style models add small FILE`"):
        fetch(offline)
    with pytest.raises(WeightsError, match="no address is known"):
        fetch(dataclasses.replace(model, urls=()))


def test_a_cache_that_cannot_be_written_says_so(model, tmp_path):
    (tmp_path / "cache").write_text("a file, where a folder should be")
    with pytest.raises(WeightsError, match="cannot write"):
        fetch(model)


def test_add_copies_a_file_that_fits(model, made, tmp_path):
    path = install.add(model, made)
    made.unlink()
    net = Net(str(model.prototxt), str(path), TEST)
    assert net.params["fire/conv"][0].data.ravel()[:2].tolist() == [0.5, 1.5]
    assert files(tmp_path) == ["small.caffemodel", "small.caffemodel.json"]
    assert weights.record(model)["source"] == str(made)


def test_add_replaces_what_was_there(model, made):
    install.add(model, made)
    path = install.add(model, save_net(made.parent, value=7))
    assert Net(str(model.prototxt), str(path), TEST).params["fire/conv"][0].data.flat[0] == 7


@pytest.mark.parametrize(
    "variation, message",
    [
        ({"name": "other"}, "it lacks layer fire/conv"),
        ({"outputs": 5}, "fire/conv has shapes 5x3x3x3 and 5 where 4x3x3x3 and 4 are needed"),
        ({"kernel": 1}, "fire/conv has shapes 4x3x1x1 and 4 where 4x3x3x3 and 4 are needed"),
    ],
)
def test_add_refuses_another_network(model, made, tmp_path, variation, message):
    with pytest.raises(WeightsError, match=message):
        install.add(model, save_net(made.parent, **variation))
    assert files(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"\x89PNG nonsense", b"<html>"])
def test_add_refuses_what_is_no_caffemodel(model, tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        install.add(model, tmp_path / "file")
    assert "\n" not in str(caught.value) and str(tmp_path / "file") in str(caught.value)
    assert files(tmp_path) == []


def test_add_refuses_a_missing_file(model, tmp_path):
    with pytest.raises(WeightsError, match="there is no file"):
        install.add(model, tmp_path / "nothing")


def test_published_layer_names_become_the_prototxts(model, made):
    published = save_net(made.parent, name="fire/squeeze")
    renaming = dataclasses.replace(model, renames={"squeeze": "conv"})
    path = install.add(renaming, published)
    net = Net(str(model.prototxt), str(path), TEST)
    assert net.params["fire/conv"][0].data.ravel()[:2].tolist() == [0.5, 1.5]
    with pytest.raises(WeightsError, match="lacks layer"):
        install.add(model, published)


def test_a_file_in_the_old_format_fits(model, tmp_path):
    """VGG's files: `layers`, with every shape padded to four axes by ones."""
    from caffe_style.engine.proto.caffe_pb2 import NetParameter

    old = NetParameter()
    layer = old.layers.add(name="fire/conv", type=4)
    for shape in ((4, 3, 3, 3), (1, 1, 1, 4)):
        layer.blobs.add(
            **dict(zip(("num", "channels", "height", "width"), shape)),
            data=[1.0] * int(np.prod(shape)),
        )
    (tmp_path / "old.caffemodel").write_bytes(old.SerializeToString())
    path = install.add(model, tmp_path / "old.caffemodel")
    assert Net(str(model.prototxt), str(path), TEST).params["fire/conv"][1].data.sum() == 4


def test_weights_of_a_users_model_lie_beside_it(model, made, tmp_path):
    own = dataclasses.replace(model, own=True)
    assert install.fetch(own, progress=False) == model.folder / "small.caffemodel"
    assert files(tmp_path) == []
    assert str(model.folder) in weights.how_to_get(own)


def test_the_missing_weights_are_named_with_the_way_to_them(model):
    assert weights.how_to_get(zoo.get_model("vgg19")) == (
        "the weights of vgg19 are not here: `caffe-style models fetch vgg19`,"
        " or `caffe-style models add vgg19 FILE`"
    )
    assert "fetch" not in weights.how_to_get(dataclasses.replace(model, urls=()))


def test_random_models_need_no_weights(made):
    for call in (install.fetch, lambda name: install.add(name, made)):
        with pytest.raises(WeightsError, match="vgg19-random needs no weights"):
            call("vgg19-random")


def test_squeezenets_weights_fit(squeezenet_weights, tmp_path, monkeypatch):
    monkeypatch.setenv("CAFFE_STYLE_HOME", str(tmp_path))
    path = install.add("squeezenet", squeezenet_weights)
    assert path.read_bytes() == squeezenet_weights.read_bytes()
    with pytest.raises(WeightsError, match="does not fit vgg16: it lacks layer conv1_1"):
        install.add("vgg16", squeezenet_weights)


def run_command(capsys, *arguments):
    import argparse

    from caffe_style.cli import models

    parser = argparse.ArgumentParser()
    models.add_parser(parser.add_subparsers())
    args = parser.parse_args(["models", *arguments])
    assert args.run(args) == 0
    return capsys.readouterr().out


def test_models_list_is_a_table(model, capsys):
    lines = run_command(capsys, "list").splitlines()
    assert lines[0].split()[:2] == ["MODEL", "WEIGHTS"]
    assert len(lines) == 1 + len(zoo.list_models())
    column = lines[0].index("WEIGHTS")
    assert all(re.match(r"  [a-zW]", line[column - 2 :]) for line in lines)
    facts = json.loads(run_command(capsys, "list", "--json"))
    assert [entry["name"] for entry in facts] == [entry.name for entry in zoo.list_models()]
    assert {entry["state"] for entry in facts} == {"missing", "random", "here"}


def test_models_show_add_and_fetch(model, made, capsys):
    assert "license" in run_command(capsys, "show", "vgg19")
    facts = json.loads(run_command(capsys, "show", str(model.prototxt), "--json"))
    assert facts["weights"] is None and facts["state"] == "missing"
    added = run_command(capsys, "add", str(model.prototxt), str(made)).strip()
    assert added == str(model.folder / "net.caffemodel")
    facts = json.loads(run_command(capsys, "show", str(model.prototxt), "--json"))
    assert (facts["weights"], facts["state"]) == (added, "here")
    assert run_command(capsys, "fetch", str(model.prototxt), "--quiet").strip() == added
