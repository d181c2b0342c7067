"""The studio's jobs: made, stopped, continued, killed; and the gallery that is left of them."""

from __future__ import annotations

import io
import json
import signal
import socket
import subprocess
import time

import pytest
from helpers.program import PROGRAM, SHORT, call, posix, wait_for
from helpers.studio import SMALL, Page
from PIL import Image

import caffe_style as cs
from caffe_style.pictures import images

pytest.importorskip("uvicorn", reason="no uvicorn here (extra studio)")

from caffe_style.cli.batch import process  # noqa: E402
from caffe_style.cli.studio.folder import find_pictures, find_unfinished  # noqa: E402
from caffe_style.cli.studio.gallery import gallery  # noqa: E402
from caffe_style.cli.studio.server import Studio  # noqa: E402

COMPUTED = ("space", "scales", "margin")
ENDLESS = {"size": "32", "iterations": "100000"}


@pytest.fixture
def page(folder):
    with Studio(folder) as studio:
        yield Page(studio)


def iteration(page, number):
    return page.json("/jobs/%d/state" % number)["iteration"]


def pause(page, number):
    """Pause a job before its first iteration, and wait until that is done."""
    assert page.post("/jobs/%d/pause" % number)[0] == 200
    assert page.json("/jobs/%d/state" % number)["status"] in ("waiting", "pausing", "paused")
    wait_for(lambda: page.json("/jobs/%d/state" % number)["status"] == "paused")


def test_a_picture_is_made_and_can_be_downloaded(page, folder):
    number = page.add(settings={**SMALL, "bounds": "true", "space": "pixels"})
    assert page.wait(number, "finished")["name"] == "picture-0001.png"
    assert page.json("/jobs/%d/state" % number)["status"] == "finished"
    made = page.gallery()["picture-0001.png"]
    assert made["made"]["content"] == page.id("a.png") and not made["unfinished"]
    assert made["made"]["parameters"]["iterations"] == "2"
    address = "/pictures/%s/" % made["id"]
    status, headers, content = page.get(address + "png")
    assert content == (folder / "picture-0001.png").read_bytes()
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''picture-0001.png"
    (folder / "saved.jpg").write_bytes(page.get(address + "jpg")[2])
    noted = images.read_metadata(folder / "picture-0001.png")
    assert images.read_metadata(folder / "saved.jpg") == noted and noted["bounds"] is True
    assert Image.open(io.BytesIO(page.get(address + "large")[2])).size == (32, 24)
    assert page.get(address + "exe")[0] == 404


def test_the_command_line_repeats_a_picture_of_the_studio(page, folder):
    page.wait(page.add(), "finished")
    like = ("transfer", "--like", "picture-0001.png", "--optimizer", "device", "-o", "again.png")
    assert call(folder, *like, "--quiet").returncode == 0
    pictures = [images.read_image(folder / name) for name in ("picture-0001.png", "again.png")]
    assert (pictures[0] == pictures[1]).all()
    assert page.gallery()["again.png"]["made"]["again"]["settings"]["size"] == "32"


def test_the_form_is_filled_in_as_it_was(page):
    styles = [{"id": page.id("b.png"), "weight": 2.0}, {"id": page.id("a.png"), "weight": 1.0}]
    asked = page.form(
        styles=styles, look="moments", settings={**SMALL, "style_weight": "7.5", "seed": "3"}
    )
    page.wait(json.loads(page.post("/jobs", asked)[1])["number"], "finished")
    again = page.gallery()["picture-0001.png"]["made"]["again"]
    assert again.pop("settings").items() >= asked.pop("settings").items()
    assert again.pop("left_out") == [] and again == asked


@pytest.mark.parametrize("name", ["light", "johnson", "tai"])
def test_the_look_of_a_preset_is_known_again(tmp_path, name):
    preset = cs.get_preset(name)
    network = cs.open_network("strokenet", **preset.network)
    images.write_image(tmp_path / "a.png", images.coloured_noise(30, 40, 1.0, 0))
    settings = {**preset.settings(network.model), "size": 32, "iterations": 2, "style_weight": 9.0}
    result = cs.transfer(tmp_path / "a.png", tmp_path / "a.png", network, **settings)
    cs.write_image(tmp_path / "out.png", result.image, result.parameters)
    pictures = find_pictures(tmp_path)
    listed = {each["name"]: each for each in gallery(tmp_path, pictures, {})}
    again = listed["out.png"]["made"]["again"]
    assert again["look"] == name and again["content"] == listed["a.png"]["id"]
    # The defaults of these follow from other settings.
    found = {key: text for key, text in again["settings"].items() if key not in COMPUTED}
    assert found == {"size": "32", "iterations": "2", "style_weight": "9.0"}
    assert again["left_out"] == []


def test_what_the_form_does_not_have_is_told(folder):
    line = ["transfer", "a.png", "b.png:a.png", "--init", "b.png", "--pooling", "max"]
    assert call(folder, *line, *SHORT, "-o", "out.png").returncode == 0
    listed = gallery(folder.resolve(), find_pictures(folder.resolve()), {})
    again = next(each["made"]["again"] for each in listed if each["name"] == "out.png")
    assert again["left_out"] == ["masks", "init", "pooling"]
    assert "init" not in again["settings"] and again["look"] == "gram"


def test_stopped_continued_after_a_restart_and_finished(folder):
    settings = {"size": "32", "iterations": "40"}
    with Studio(folder) as studio:
        page = Page(studio)
        number = page.add(settings=settings)
        pause(page, number)
        assert page.get("/jobs/%d/picture" % number)[2][:2] == b"\xff\xd8"
        page.post("/jobs/%d/stop" % number)
        told = page.wait(number, "stopped")["message"]
        assert told == "The picture so far is picture-0001.png. It can be continued."
        # Continued, and stopped once more, it is one job.
        asked = {"unfinished": page.job(number)["picture"]}
        number = json.loads(page.post("/jobs", asked)[1])["number"]
        assert page.post("/jobs", asked) == (400, "picture-0001.png is being made already")
        assert [job["number"] for job in page.json("/state")["jobs"]] == [number]
        pause(page, number)
        page.post("/jobs/%d/stop" % number)
        page.wait(number, "stopped")
    with Studio(folder) as studio:
        page = Page(studio)
        stopped = page.gallery()["picture-0001.png"]
        assert stopped["unfinished"] and "interrupted" in stopped["made"]["ended"]
        status, text = page.post("/jobs", {"unfinished": stopped["id"]})
        assert status == 200
        page.wait(json.loads(text)["number"], "finished")
        made = page.gallery()["picture-0001.png"]
        assert made["made"]["ended"] is None and not made["unfinished"]
        assert page.post("/jobs", {"unfinished": stopped["id"]})[0] == 404
    assert not find_unfinished(folder)
    # The same picture as that of a run that was not interrupted.
    line = ["transfer", "a.png", "b.png", "--model", "strokenet", "--optimizer", "device"]
    line += ["--size", "32", "--iterations", "40", "-o", "whole.png", "--quiet"]
    assert call(folder, *line).returncode == 0
    pictures = [images.read_image(folder / name) for name in ("picture-0001.png", "whole.png")]
    assert (pictures[0] == pictures[1]).all()


def test_jobs_wait_for_one_another_and_can_be_removed(page, folder):
    first, second, third = (page.add(settings=ENDLESS) for _ in range(3))
    wait_for(lambda: iteration(page, first) > 0)
    assert [job["status"] for job in page.json("/state")["jobs"]] == [
        *("waiting", "waiting", "starting")
    ]
    assert page.json("/jobs/%d/state" % second)["status"] == "waiting"
    page.post("/jobs/%d/stop" % second)
    assert page.wait(second, "stopped")["message"] == "It had no picture yet."
    page.post("/jobs/%d/stop" % first)
    page.wait(first, "stopped")
    wait_for(lambda: iteration(page, third) > 0)
    assert page.get("/jobs/%d/picture" % second)[0] == 404
    page.studio.jobs.close()
    assert page.job(third)["status"] == "stopped"
    assert sorted(page.gallery()) == ["picture-0001.png", "picture-0003.png"]


def running(page, number):
    """The process of a running job."""
    return next(iter(page.studio.jobs.get(number).processes._running))


@posix
def test_a_killed_job_is_told_and_the_next_one_is_made(page):
    killed, next_one = page.add(settings=ENDLESS), page.add()
    wait_for(lambda: iteration(page, killed) > 0)
    running(page, killed).kill()
    told = page.wait(killed, "failed")["message"]
    assert told == "its process was killed by signal 9 (not enough memory?)."
    assert page.json("/jobs/%d/state" % killed)["message"] == told
    page.wait(next_one, "finished")


@posix
def test_a_full_disk_is_told(page, monkeypatch):
    """A limit on the size of files stands for the disk: the picture fits nowhere."""
    import resource

    start = process.start_worker

    def limited(*arguments, **settings):
        limit = (2000, resource.RLIM_INFINITY)
        settings["preexec_fn"] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        return start(*arguments, **settings)

    monkeypatch.setattr(process, "start_worker", limited)
    number = page.add()
    told = page.wait(number, "failed")["message"]
    assert told == "picture-0001.png: cannot be written (File too large)."


def test_a_run_that_refuses_its_input_says_why(page, folder):
    number = page.add(settings={**SMALL, "style_layers": "nowhere"})
    assert "nowhere" in page.wait(number, "failed")["message"]
    assert not (folder / "picture-0001.png").exists()


@posix
def test_the_command_ends_with_ctrl_c_and_keeps_what_there_is(folder):
    command = [*PROGRAM, "studio", str(folder), "--port", "0"]
    program = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    line = program.stderr.readline()
    assert "studio on http://127.0.0.1:" in line

    class Program:
        url = line.split()[3]

    page = Page(Program)
    number = page.add(settings=ENDLESS)
    wait_for(lambda: iteration(page, number) > 0)
    # A request that is not answered yet does not matter.
    waiting = socket.create_connection(("127.0.0.1", page.port), timeout=20)
    waiting.sendall(b"GET /backends HTTP/1.1\r\nHost: localhost\r\n\r\n")
    time.sleep(0.1)
    program.send_signal(signal.SIGINT)
    assert program.wait(120) == 0
    assert program.stderr.read() == ""
    waiting.close()
    assert images.read_metadata(folder / "picture-0001.png")["ended"]
    assert list(find_unfinished(folder).values()) == ["picture-0001.png"]
    program.stderr.close()
