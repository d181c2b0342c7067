"""The studio in a real browser: pictures made, stopped, continued, compared, downloaded and made again."""

from __future__ import annotations

import base64
import time

import pytest
from helpers.program import posix, wait_for

from caffe_style.pictures import images

pytest.importorskip("uvicorn", reason="no uvicorn here (extra studio)")

from caffe_style.cli.batch import process  # noqa: E402
from caffe_style.cli.studio.server import Studio  # noqa: E402

#: Makes what a drag of files carries.
CARRY = """files => {
  const carried = new DataTransfer();
  for (const [name, content] of files) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    carried.items.add(new File([bytes], name));
  }
  return carried;
}"""
#: Controls that a screen reader could not name.
UNLABELLED = """[...document.querySelectorAll("input, select, button, a, summary")].filter((control) => {
  const image = (label) => label.querySelector("img")?.alt;
  const labels = [...(control.labels || [])];
  const named = labels.some((label) => label.textContent.trim() || image(label));
  return !named && !control.getAttribute("aria-label") && !control.textContent.trim();
}).map((control) => control.outerHTML)"""


@pytest.fixture
def open_page(browser):
    """A function that opens a studio's page; there must be no errors on it."""
    pages = []

    def start(studio, **viewport):
        page = browser.new_page(viewport={"width": 1280, "height": 900, **viewport})
        pages.append((page, []))
        problems = pages[-1][1]
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: problems.append(request.url) if outside(request) else 0)
        page.on("dialog", lambda dialog: dialog.accept())
        page.set_default_timeout(120_000)
        page.goto(studio.url)
        page.wait_for_selector("#paintings label")
        return page

    yield start
    for page, problems in pages:
        page.close()
        assert not problems


def outside(request):
    return not request.url.startswith(("http://127.0.0.1", "data:"))


@pytest.fixture
def studio(folder):
    with Studio(folder) as studio:
        yield studio


def drop(page, place, *paths):
    files = [(path.name, base64.b64encode(path.read_bytes()).decode()) for path in paths]
    carried = page.evaluate_handle(CARRY, files)
    page.dispatch_event(place, "dragover", {"dataTransfer": carried})
    page.dispatch_event(place, "drop", {"dataTransfer": carried})


def set_up(page, size, iterations):
    if not page.is_visible("#setting-size"):
        page.click("#more > summary")
    page.fill("#setting-size", str(size))
    page.fill("#setting-iterations", str(iterations))


def checked(page, strip):
    return page.locator("#%s input:checked" % strip)


def downloaded(page, button, path):
    with page.expect_download() as told:
        page.click(button)
    assert told.value.suggested_filename.startswith("picture-0001.")
    told.value.save_as(path)
    return images.read_metadata(path)


def test_from_two_files_to_a_gallery(open_page, folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for seed, name in enumerate(("photograph.png", "painting.png"), 5):
        images.write_image(elsewhere / name, images.coloured_noise(96, 128, 1.0, seed))
    with Studio(folder) as studio:
        page = open_page(studio)
        drop(page, "#photograph", elsewhere / "photograph.png", elsewhere / "painting.png")
        page.wait_for_selector("#photographs input:checked", state="attached")
        page.wait_for_selector("#paintings input:checked", state="attached")
        assert page.get_attribute("#photographs :checked + img", "alt") == "photograph.png"
        assert page.get_attribute("#paintings :checked + img", "alt") == "painting.png"

        # Made, watched, paused and stopped.
        set_up(page, 128, 30)
        page.click("#make")
        page.click("#pause")
        page.wait_for_selector("#status:text-is('Paused')")
        page.wait_for_selector("#picture:visible")
        assert page.locator("#chart polyline").count() > 1
        assert "of 30" in page.inner_text("#iteration")
        page.click("#stop")
        page.wait_for_selector("#picture-view:not([hidden])")
        assert page.inner_text("#ended").startswith("interrupted")
        assert "was stopped" in page.inner_text("#jobs")

        # Continued to the end.
        page.click("#resume")
        page.wait_for_selector("#run-view:not([hidden])")
        page.wait_for_selector("#picture-view:not([hidden])")
        assert page.inner_text("#name") == "picture-0001.png" and not page.inner_text("#ended")
        assert not page.is_visible("#resume")

        # Compared, by keyboard, and downloaded.
        page.wait_for_function("before.naturalWidth == 128 && after.naturalWidth == 128")
        hidden = "getComputedStyle(before).clipPath"
        assert page.evaluate(hidden) == "inset(0px 100% 0px 0px)"
        page.focus("#divide")
        page.keyboard.press("End")
        assert page.evaluate(hidden) == "inset(0px 0% 0px 0px)"
        for button, suffix in (("#png", ".png"), ("#jpg", ".jpg")):
            assert downloaded(page, button, elsewhere / ("saved" + suffix))["size"] == 128

        # Again with another painting.
        page.click("#again")
        assert page.input_value("#setting-size") == "128"
        checked(page, "paintings").uncheck()
        page.check("#paintings label:has(img[alt='fractal.jpg']) input")
        set_up(page, 128, 2)
        page.click("#make")
        page.wait_for_selector("#name:text-is('picture-0002.png')")
        assert images.read_metadata(folder / "picture-0002.png")["style"].endswith("fractal.jpg")

    with Studio(folder) as studio:
        page = open_page(studio)
        assert page.locator("#gallery li").count() == 2
        page.click("#gallery li:last-child button")
        assert page.inner_text("#name") == "picture-0001.png"
        assert page.is_visible("#divide") and page.is_visible("#again")
        assert page.locator("#job-list").is_hidden()


def test_wrong_files_are_told(open_page, studio, tmp_path_factory):
    notes = tmp_path_factory.mktemp("elsewhere") / "notes.txt"
    notes.write_text("no picture")
    page = open_page(studio)
    page.set_input_files("#add-photograph", str(notes))
    page.wait_for_selector("#notice:not([hidden])")
    assert page.inner_text("#notice-text").startswith("notes.txt: not a picture")
    page.click("#notice-close")
    page.click("#make")
    page.wait_for_selector("#notice-text:text-is('Choose a photograph first')")


def begin(page, iterations):
    page.check("#photographs label:has(img[alt='a.png']) input")
    page.check("#paintings label:has(img[alt='b.png']) input")
    set_up(page, 48, iterations)
    page.click("#make")


@posix
def test_a_killed_job_and_a_full_disk_are_told(open_page, studio, monkeypatch):
    page = open_page(studio)
    begin(page, 100_000)
    page.wait_for_selector("#chart polyline")
    next(iter(studio.jobs.get(1).processes._running)).kill()
    page.wait_for_selector("#status:text-is('Failed')")
    page.wait_for_selector("#message:has-text('its process was killed by signal 9')")

    import resource

    start = process.start_worker

    def limited(*arguments, **settings):
        limit = (2000, resource.RLIM_INFINITY)
        settings["preexec_fn"] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        return start(*arguments, **settings)

    monkeypatch.setattr(process, "start_worker", limited)
    set_up(page, 48, 2)
    page.click("#make")
    page.wait_for_selector("#jobs li:has-text('picture-0002.png: cannot be written')")


def test_a_studio_that_has_ended_is_told(open_page, folder):
    with Studio(folder) as studio:
        page = open_page(studio)
    page.wait_for_selector("#notice-text:has-text('the program has ended')")


def tab_to(page, selector):
    """Press the tabulator until something has the focus."""
    for _ in range(100):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError("%s is not reached" % selector)


def test_a_picture_by_keyboard_alone(open_page, studio, folder):
    page = open_page(studio)
    tab_to(page, "#photographs input")
    page.keyboard.press("Space")
    tab_to(page, "#paintings input")
    page.keyboard.press("Space")
    tab_to(page, "#looks input")
    page.keyboard.press("ArrowRight")
    assert "summed" in page.inner_text("#look-text")
    tab_to(page, "#strength")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#strength-text") == "1.4 times the usual"
    tab_to(page, "#colours")
    page.keyboard.press("End")
    tab_to(page, "#more > summary")
    page.keyboard.press("Enter")
    tab_to(page, "#setting-size")
    page.keyboard.type("32")
    tab_to(page, "#setting-iterations")
    page.keyboard.type("2")
    tab_to(page, "#make")
    page.keyboard.press("Enter")
    page.wait_for_selector("#picture-view:not([hidden])")
    noted = images.read_metadata(folder / "picture-0001.png")
    assert (noted["style_loss"], noted["colors"]) == ("gram-sum", "content")
    assert noted["size"] == 32 and noted["iterations"] == 2


def test_it_fits_a_phone_follows_the_dark_and_names_all_controls(open_page, studio):
    page = open_page(studio)
    page.click("#more > summary")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, dark[4:-1].split(","))) < 150 < 600 < sum(map(int, light[4:-1].split(",")))
    begin(page, 2)
    page.wait_for_selector("#picture-view:not([hidden])")
    # With two paintings each has a weight.
    page.check("#paintings label:has(img[alt='a.png']) input")
    wait_for(lambda: page.is_visible("#weights"))
    assert page.evaluate(UNLABELLED) == []
    for width in (360, 768, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        time.sleep(0.1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for name in ("#make", "#compare", "#png", "#gallery button", "#add-photograph"):
            box = page.locator(name).first.bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["height"] >= 40
