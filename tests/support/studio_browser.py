"""A studio's page in headless Chromium, and what axe-core says of it."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from comfyui_canvas import browser_path

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)  # fmt: skip
SERIOUS = ("serious", "critical")


class Page:
    """One visitor; ``errors`` are those of the page's scripts."""

    def __init__(self, page: Any, port: int, pictures: Path | None) -> None:
        self.page, self.root, self._pictures = page, f"http://127.0.0.1:{port}/", pictures
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)

    def go(self, view: str = "") -> None:
        """Show a view: "", "videos", "verify"."""
        self.page.goto(f"{self.root}#/{view}")
        self.page.wait_for_selector("main > *")

    def press(self, name: str) -> None:
        """The first button or link that is called so."""
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def until(self, expression: str, longest_s: float = 30) -> None:
        """Wait for this to be true; Playwright's own wait needs the eval that the page forbids."""
        until = time.monotonic() + longest_s
        while not self.page.evaluate(expression):
            assert time.monotonic() < until, f"not within {longest_s} s: {expression}"
            self.page.wait_for_timeout(50)

    def picture(self, name: str, *, whole: bool = False) -> None:
        """A screenshot, where they are wanted."""
        if self._pictures:
            self.page.wait_for_timeout(400)
            self.page.screenshot(path=self._pictures / f"{name}.png", full_page=whole)

    def barriers(self, axe: str) -> list[str]:
        """What keeps people out of this view, as axe-core finds it: serious and critical findings."""
        self.page.evaluate(axe)
        found = self.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in found["violations"]
            if each["impact"] in SERIOUS
            for node in each["nodes"]
        ]

    def english(self) -> list[str]:
        """English on the page: three words and more in a row, of what is shown or said by a screen reader."""
        told = self.page.evaluate(
            "[document.body.innerText, ...[...document.querySelectorAll('[title],[aria-label],[placeholder]')].flatMap("
            "e => [e.title, e.getAttribute('aria-label'), e.placeholder])].filter(Boolean)"
        )
        return [found for text in told for found in re.findall(r"(?:\b[a-z']{2,}\b[ ,;:()]+){2,}\b[a-z']{2,}\b", text)]

    def flows_over(self) -> bool:
        """Whether the page is wider than the window."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"))


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium, or None where there is none."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser_path(), args=list(FLAGS))
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def visitor(opened: Any, port: int, **options: Any) -> Iterator[Page]:
    """A visitor with settings of their own: viewport, locale, color_scheme."""
    folder = os.environ.get("STUDIO_PICTURES")
    pictures = Path(folder) if folder else None
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
    context = opened.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": "en-US"} | options)
    context.grant_permissions(["camera", "microphone"], origin=f"http://127.0.0.1:{port}")
    try:
        yield Page(context.new_page(), port, pictures)
    finally:
        context.close()
