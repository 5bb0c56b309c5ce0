"""The page in a real browser: drop, look, touch up, in both languages, at three widths, light and dark."""

import os
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.daemon.harness import pictures
from tests.web.conftest import PATIENCE, eventually
from tests.web.conftest import Page as Site

Scheme = Literal["light", "dark"]
Look = tuple[int, str, Scheme]
LOOKS: list[Look] = sorted(
    product((1280, 390, 2560), ("zh-CN", "en-US"), ("dark", "light")),
    key=lambda look: (look not in {(1280, "en-US", "light"), (390, "zh-CN", "dark")}, look),
)
"""Width, language and scheme; all of them in `make soak`."""
SHOWN_TO = os.environ.get("MATTINGD_SCREENSHOTS")
"""A folder for pictures of the pages in each look."""
SHOWN = "image => image.complete && image.naturalWidth > 0"
HEADS_ARE_AWAY = "[...document.querySelectorAll('thead')].every(it => it.getBoundingClientRect().right <= 0)"
"""On a phone, where rows of tables are paragraphs."""
expect.set_options(timeout=1000 * PATIENCE)
pytestmark = pytest.mark.timeout(1200)
CHROMIUM = "/usr/bin/chromium"
WIDTHS = (390, 1280, 2560)
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("needs Debian's chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def _closed(browser: Browser) -> Iterator[None]:
    """Pages that stay open go on asking the server."""
    yield
    for context in browser.contexts:
        context.close()


@pytest.fixture
def pictured(tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"shoe{number}.png" for number in range(3)]
    for number, file in enumerate(files):
        file.write_bytes(pictures.picture(number, 0, "png"))
    return files


def opened(
    browser: Browser,
    site: Site,
    path: str,
    width: int = 1280,
    language: str = "en-US",
    scheme: Scheme = "light",
) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 860},
        locale=language,
        color_scheme=scheme,
        base_url=site.url,
    )
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.complaints = complaints  # type: ignore[attr-defined]
    page.goto(path)
    return page


def drag_the_split(view: Page, share: float) -> None:
    """Between original and cut-out, to a share of the picture's width."""
    eventually(partial(view.locator(".over").evaluate, SHOWN), "the original is shown")
    box = view.locator(".pile").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    view.mouse.move(box["x"] + box["width"] * 0.5, middle)
    view.mouse.down()
    view.mouse.move(box["x"] + box["width"] * share, middle, steps=3)
    view.mouse.up()


def paint(view: Page) -> None:
    """Remove a line in the middle: a stroke, taken back, painted again and applied."""
    view.click("[data-mode=touch_up]")
    view.click("[data-brush=drop]")
    eventually(partial(view.locator(".shown").evaluate, SHOWN), "the original is shown")
    stroke(view)
    view.keyboard.press("Control+z")
    stroke(view)
    view.click("[data-apply]")


def stroke(view: Page) -> None:
    box = view.locator("canvas").bounding_box()
    assert box is not None
    view.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.45)
    view.mouse.down()
    view.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.55, steps=5)
    view.mouse.up()


def seen(view: Page, look: Look, what: str) -> None:
    """Keep what is on the screen for people who want to see it."""
    if SHOWN_TO:
        name = f"{what}-{'-'.join(map(str, look))}.jpg"
        view.screenshot(path=Path(SHOWN_TO) / name, type="jpeg", quality=75)


def cut(page: Page, file: Path) -> str:
    """The address of a picture that was dropped on the page."""
    page.goto("/")
    page.set_input_files("input[name=image]", file)
    page.wait_for_selector(".viewer")
    return page.url


@pytest.mark.parametrize("look", LOOKS if "MATTINGD_SOAK" in os.environ else LOOKS[:2], ids=str)
def test_one_picture_is_dropped_looked_at_and_touched_up(
    page: Site, browser: Browser, pictured: list[Path], look: Look
) -> None:
    view = opened(browser, page, "/", *look)
    cut(view, pictured[0])
    seen(view, look, "result")
    first = view.get_attribute(".viewer", "data-result")
    for mode in ("matte", "original", "compare", "result"):
        view.click(f"[data-mode={mode}]")
        eventually(partial(view.locator(".shown").evaluate, SHOWN), f"{mode} is shown")
        if mode == "compare":
            drag_the_split(view, 0.8)
            assert 75 < int(view.input_value(".compare-at input")) < 85
            seen(view, look, "compare")
    view.click("[data-zoom]")
    expect(view.locator(".stage")).to_have_class("stage checker full")
    view.click("[data-zoom]")
    paint(view)
    expect(view.locator(".viewer")).not_to_have_attribute("data-result", str(first))
    with view.expect_download() as download:
        view.click("a[download]")
    assert download.value.suggested_filename == "shoe0_v2.png"
    for path in ("/", "/history", "/history?view=table", "/now", "/api", "/login") if SHOWN_TO else ():
        view.goto(path)
        view.wait_for_selector("#models tr") if path == "/now" else view.wait_for_load_state("networkidle")
        seen(view, look, path.strip("/").replace("?view=", "-") or "start")
    assert view.complaints == []  # type: ignore[attr-defined]


def test_other_settings_finish_it_again(page: Site, browser: Browser, pictured: list[Path]) -> None:
    view = opened(browser, page, "/")
    cut(view, pictured[0])
    first = str(view.get_attribute(".viewer", "data-result"))
    view.click("text=White")
    expect(view.locator(".viewer")).not_to_have_attribute("data-result", first)
    expect(view.locator('#redo input[name=background][value="#ffffff"]')).to_be_checked()
    assert view.complaints == []  # type: ignore[attr-defined]


def test_a_picture_is_put_behind_another(
    page: Site, browser: Browser, pictured: list[Path], tmp_path: Path
) -> None:
    Image.new("RGB", (400, 300), (10, 200, 30)).save(tmp_path / "hall.jpg")
    view = opened(browser, page, "/")
    cut(view, pictured[0])
    first = str(view.get_attribute(".viewer", "data-result"))
    view.set_input_files("input[name=backdrop]", tmp_path / "hall.jpg")
    expect(view.locator(".viewer")).not_to_have_attribute("data-result", first)
    expect(view.locator('#redo input[name=background][value^="picture:"]')).to_be_checked()
    assert view.complaints == []  # type: ignore[attr-defined]


def test_many_become_a_batch_with_a_zip(
    page: Site, browser: Browser, pictured: list[Path], tmp_path: Path
) -> None:
    bad = tmp_path / "<img src=x onerror=document.title=1>.jpg"
    bad.write_bytes(b"no picture")
    view = opened(browser, page, "/")
    view.set_input_files("input[name=image]", [*pictured, bad])
    view.wait_for_url("**/batch/*")
    expect(view.locator(".count")).to_contain_text("4 of 4")
    expect(view.locator(".card.failed .problem")).to_have_count(1)
    expect(view.locator(".card.failed .name")).to_contain_text("onerror")
    assert "mattingd" in view.title()
    with view.expect_download() as download:
        view.click("text=Download all")
    assert download.value.suggested_filename.endswith(".zip")
    view.goto("/history")
    view.fill("#q", "shoe1")
    expect(view.locator(".card")).to_have_count(1)
    chinese = opened(browser, page, "/history?state=failed&q=onerror", language="zh-CN")
    expect(chinese.locator(".problem").first).to_contain_text("图片")
    for path in ("/history?view=table", "/now"):
        chinese.goto(path)
        assert chinese.locator("img[src=x]").count() == 0
        assert "mattingd" in chinese.title()
    assert view.complaints == []  # type: ignore[attr-defined]


def test_a_picture_of_a_hot_folder_that_is_made_again_is_followed(page: Site, browser: Browser) -> None:
    file = page.site.hot[0] / "sandal.png"
    file.write_bytes(pictures.picture(31, 0, "png"))
    page.site.wait_ended([file], PATIENCE)
    with page.client() as client:
        (first,) = client.get("/api/v1/jobs", params={"q": "sandal"}).json()["items"]
        view = opened(browser, page, f"/jobs/{first['id']}")
        view.click("[data-retry]")
        expect(view.locator(".job")).not_to_have_attribute("data-id", first["id"])
        second = str(view.get_attribute(".job", "data-id"))
        assert view.url.endswith(f"/jobs/{second}")
        told = client.get(f"/api/v1/jobs/{first['id']}").json()
        assert (told["id"], told["version"], told["successor"]) == (first["id"], first["version"], second)
        assert client.get(f"/api/v1/jobs/{second}").json()["successor"] is None
        paint(view)
        expect(view.locator(".job")).not_to_have_attribute("data-id", second)
        third = str(view.get_attribute(".job", "data-id"))
        expect(view.locator(".viewer")).to_have_attribute(
            "data-result", f"/api/v1/jobs/{third}/result?v={third}"
        )
        view.goto(f"/jobs/{first['id']}")
        assert view.url.endswith(f"/jobs/{third}"), "an old link leads to the newest one"
    assert view.complaints == []  # type: ignore[attr-defined]


def test_what_failed_is_tried_again_from_the_batch_and_from_the_history(
    page: Site, browser: Browser, tmp_path: Path
) -> None:
    bad = [tmp_path / f"{'long name of a bad picture ' * 6}{number}.jpg" for number in range(2)]
    for each in bad:
        each.write_bytes(b"no picture")
    view = opened(browser, page, "/")
    view.set_input_files("input[name=image]", bad)
    view.wait_for_url("**/batch/*")
    expect(view.locator(".card.failed")).to_have_count(2)
    batch = view.url.rpartition("/")[2]
    with page.client() as client:
        jobs = client.get(f"/api/v1/batches/{batch}").json()["jobs"]

        def versions() -> list[int]:
            return [client.get(f"/api/v1/jobs/{job['id']}").json()["version"] for job in jobs]

        before = versions()
        view.click("text=Try all failed again")
        eventually(lambda: min(versions()) > max(before), "both were made again")
        expect(view.locator(".card.failed")).to_have_count(2)
        expect(view.locator("[hx-get*=grid][hx-trigger*=every]")).to_have_count(0)
        view.goto("/history?state=failed&q=long+name")
        before = versions()
        view.locator(".card.failed button").first.click()
        eventually(lambda: max(versions()) > max(before), "one was made again")
        expect(view.locator(".card.failed")).to_have_count(2)
    assert view.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert view.complaints == []  # type: ignore[attr-defined]


def test_the_history_is_a_table_too_and_its_address_keeps_the_filters(
    page: Site, browser: Browser, pictured: list[Path]
) -> None:
    with page.client() as client:
        client.post("/api/matting", files={"image": ("shoe2.png", pictured[2].read_bytes(), "image/png")})
    view = opened(browser, page, "/history")
    view.select_option("select[name=view]", "table")
    expect(view.locator("table.jobs tbody tr").first).to_contain_text("/web/")
    view.set_viewport_size({"width": 768, "height": 1024})
    assert view.evaluate(
        "[...document.querySelectorAll('.scroll')].every(it => it.scrollWidth <= it.clientWidth)"
    )
    view.fill("#q", "shoe2")
    view.wait_for_url("**/history?q=shoe2&view=table")
    expect(view.locator("table.jobs tbody tr").first).to_contain_text("shoe2.png")
    view.reload()
    expect(view.locator("table.jobs tbody tr").first).to_contain_text("shoe2.png")
    view.locator("table.jobs a").first.click()
    view.wait_for_selector(".viewer")
    assert view.complaints == []  # type: ignore[attr-defined]


def test_the_log_is_shown_as_it_is_written(page: Site, browser: Browser) -> None:
    view = opened(browser, page, "/now")
    expect(view.locator("#log li", has_text="starting")).to_have_count(1)
    (page.site.hot[0] / "broken.jpg").write_bytes(b"no picture")
    line = view.locator("#log li", has_text="broken.jpg").first
    expect(line).to_contain_text("failed")
    expect(view.locator("#log li", has_text="starting").first).to_be_visible()
    view.check("[data-log-problems]")
    expect(view.locator("#log li", has_text="starting").first).to_be_hidden()
    expect(line).to_be_visible()
    assert view.complaints == []  # type: ignore[attr-defined]


def test_what_happens_now_is_shown_and_folders_are_paused(page: Site, browser: Browser) -> None:
    view = opened(browser, page, "/now")
    row = view.locator("#now tr", has_text=str(page.site.hot[0]))
    row.get_by_role("button", name="Pause").click()
    expect(view.locator("#now tr mark")).to_have_text("paused")
    view.locator("#now tr", has_text="paused").get_by_role("button", name="Resume").click()
    expect(view.locator("#now tr mark")).to_have_count(0)
    expect(view.locator("#models tr").first).to_contain_text("in use")
    view.locator("section", has_text="More models").get_by_role("button", name="Show").click()
    expect(view.locator("#catalogue tr", has_text="birefnet-general")).to_contain_text("MIT")
    view.click("text=Run the check")
    expect(view.locator("#doctor .finding").first).to_contain_text("engine")
    view.locator("#doctor summary").click()
    expect(view.locator("#doctor .finding.ok").first).to_be_visible()
    view.click("text=Show the plan")
    expect(view.locator("#retention")).to_contain_text("Will be removed: 0")
    assert view.complaints == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(("language", "word"), [("en-US", "Drop pictures here"), ("zh-CN", "把图片拖到这里")])
def test_every_page_fits_every_width_in_both_languages(
    page: Site, browser: Browser, language: str, word: str
) -> None:
    view = opened(browser, page, "/", language=language, scheme="dark" if language == "en-US" else "light")
    expect(view.locator("h1")).to_have_text(word)
    with page.client() as client:
        long = (f"{'IMG_20261129_final_v3_' * 7}.png", pictures.picture(33, 0, "png"), "image/png")
        batch = client.post("/api/v1/jobs", files={"image": long}).json()
    job = f"/jobs/{batch['jobs'][0]['id']}"
    every = ("/", "/history", "/history?view=table", "/now", "/api", "/login", job, f"/batch/{batch['id']}")
    for path in every:
        view.goto(path)
        if path == job:
            view.wait_for_selector(".viewer")
        for width in WIDTHS:
            view.set_viewport_size({"width": width, "height": 860})
            assert view.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
                f"{path} is wider than {width}"
            )
            assert width > min(WIDTHS) or view.evaluate(HEADS_ARE_AWAY), f"{path}: a head is in the way"
    assert view.complaints == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_axe_finds_nothing_serious_on_any_page(
    page: Site, browser: Browser, pictured: list[Path], language: str
) -> None:
    view = opened(browser, page, "/", language=language)
    found = []
    for path in (cut(view, pictured[0]), "/", "/history", "/now", "/api", "/login"):
        view.goto(path)
        view.wait_for_load_state("networkidle") if path != "/now" else view.wait_for_selector("#models tr")
        for scheme in SCHEMES:
            view.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for fault in Axe().run(view).response["violations"]:
                if fault["impact"] in {"serious", "critical"}:
                    where = [f"{node['html'][:200]} {node.get('failureSummary')}" for node in fault["nodes"]]
                    found.append(f"{path}, {scheme}: {fault['help']}: {where}")
    assert not found, "\n".join(found)


def test_a_language_is_chosen_and_kept(page: Site, browser: Browser) -> None:
    view = opened(browser, page, "/history")
    view.click("text=中文")
    expect(view.locator("nav a[aria-current]")).to_have_text("历史记录")
    assert view.url.endswith("/history")
    view.goto("/")
    assert view.get_attribute("html", "lang") == "zh-CN"
