"""The page in a real browser: it shows the run, pauses it, stops it, and fits a phone."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from caffe_style.pictures import images


@pytest.fixture
def run(tmp_path):
    """A run of the command line that takes longer than any test, and its page's address."""
    for seed, name in enumerate(("content.png", "style.png")):
        images.write_image(tmp_path / name, images.coloured_noise(60, 80, 1.0, seed))
    process = subprocess.Popen(
        [sys.executable, "-m", "caffe_style", "transfer", "content.png", "style.png"]
        + ["-o", "out.png", "--model", "strokenet", "--size", "48", "--iterations", "100000"]
        + ["--preview", "0", "--quiet"],
        cwd=str(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stderr.readline()
    assert "preview on http://127.0.0.1:" in line
    yield process, line.split()[-1], tmp_path
    process.kill()
    process.communicate()


@pytest.fixture
def page(browser, run):
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda message: page.problems.append(message.text))
    page.on("request", lambda request: page.problems.append(request.url) if outside(request) else 0)
    page.goto(run[1])
    page.wait_for_selector("svg polyline")
    yield page
    page.close()


def outside(request):
    return not request.url.startswith(("http://127.0.0.1", "data:"))


def iteration(page):
    return int(page.inner_text("#iteration").split()[0])


def wait_for_iteration_after(page, number):
    """Asked from here: the page's own policy forbids to evaluate what Playwright would wait for."""
    deadline = time.monotonic() + 300
    while iteration(page) <= number:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_shows_pauses_and_stops_a_run(page, run):
    process, _, folder = run
    assert page.inner_text("#status") == "Running"
    width, height = page.evaluate("[picture.naturalWidth, picture.naturalHeight]")
    assert (width, height) == (48, 36)
    legend = page.inner_text("#legend")
    assert "total" in legend and "style conv1_1" in legend and "content conv3_2" in legend
    assert page.locator("svg polyline").count() == page.locator("#legend li").count()
    page.click("summary")
    assert "strokenet" in page.inner_text("#parameters")
    before = iteration(page)
    wait_for_iteration_after(page, before)

    page.click("#pause")
    page.wait_for_selector("#status:text-is('Paused')")
    paused = iteration(page)
    time.sleep(1.5)
    assert iteration(page) == paused
    page.click("#pause")
    wait_for_iteration_after(page, paused)

    page.once("dialog", lambda dialog: dialog.dismiss())
    page.click("#stop")
    assert process.poll() is None
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#stop")
    page.wait_for_selector("#status:text-is('Stopped')")
    assert "out.png" in page.inner_text("#message")
    assert page.is_disabled("#pause") and page.is_disabled("#stop")
    assert process.wait(60) == 0
    assert images.read_image(folder / "out.png").shape == (36, 48, 3)
    assert not [text for text in page.problems if "ERR_CONNECTION_REFUSED" not in text]


def test_a_run_that_was_killed_is_told(page, run):
    run[0].kill()
    page.wait_for_selector("#status:has-text('No answer')")
    assert page.is_disabled("#pause")


def test_it_fits_a_phone_and_follows_the_dark(page):
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, dark[4:-1].split(","))) < 150 < 600 < sum(map(int, light[4:-1].split(",")))
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    boxes = [page.locator(name).bounding_box() for name in ("#picture", "section", "#stop")]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 360 for box in boxes)
    assert boxes[0]["y"] < boxes[1]["y"] and boxes[2]["height"] >= 44
    assert not page.problems
