"""The page as the README shows it: `make screenshots` drops photographs on a real one.

The photographs are those of `mattingd demo`, cut out by the real model.
"""

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import mattingd.cli
from tests.web.conftest import PATIENCE, eventually
from tests.web.conftest import Page as Site

CHROMIUM = "/usr/bin/chromium"
PHOTOGRAPHS = sorted((Path(mattingd.cli.__file__).parent / "demo_pictures").glob("*.jpg"))


def take(browser: Browser, site: Site, folder: Path) -> None:
    """Write four pictures of the page into `folder`."""
    chelsea = next(each for each in PHOTOGRAPHS if each.stem == "chelsea")
    view = opened(browser, site)
    view.set_input_files("input[name=image]", chelsea)
    view.wait_for_selector(".viewer")
    view.click("[data-mode=compare]")
    original = view.locator(".over")
    eventually(lambda: original.evaluate("image => image.naturalWidth > 0"), "the original is shown")
    view.wait_for_timeout(800)
    keep(view, folder / "page-compare.webp")
    view = opened(browser, site)
    view.set_input_files("input[name=image]", PHOTOGRAPHS)
    view.wait_for_url("**/batch/*")
    view.wait_for_selector("a[download]")
    eventually(lambda: view.locator(".card img").count() == len(PHOTOGRAPHS), "all are done")
    view.wait_for_timeout(800)
    keep(view, folder / "page-batch.webp")
    view = opened(browser, site, "zh-CN", "dark")
    view.goto("/history")
    view.wait_for_timeout(800)
    keep(view, folder / "page-history-zh.webp")
    view = opened(browser, site)
    view.goto("/now")
    view.wait_for_selector("#models tr")
    view.wait_for_selector("#log li")
    view.wait_for_timeout(800)
    keep(view, folder / "page-now.webp")


def keep(view: Page, file: Path) -> None:
    """Write what is seen."""
    with Image.open(io.BytesIO(view.screenshot())) as seen:
        seen.convert("RGB").save(file, quality=82, method=6)


def opened(
    browser: Browser, site: Site, language: str = "en-US", scheme: Literal["light", "dark"] = "light"
) -> Page:
    """A new window at the start."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, locale=language, color_scheme=scheme, base_url=site.url
    )
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.goto("/")
    return page


def main(folder: Path) -> None:
    """Start a daemon with its page, and take the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    root = Path(tempfile.gettempdir()) / "studio"
    shutil.rmtree(root, ignore_errors=True)
    with sync_playwright() as playwright:
        site = Site(root, folders=("products",))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            site.site.wait_ready(site.site.start(test_engine=False, ready=False), 2 * PATIENCE)
            site.wait()
            take(browser, site, folder)
        finally:
            browser.close()
            site.site.close()
            site.site.remove()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
