"""A front end of ComfyUI in headless Chromium: what a person in front of the canvas sees."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from comfyui_client import Server

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
SETTINGS = {"Comfy.TutorialCompleted": True, "Comfy.Minimap.Visible": False, "Comfy.Validation.Workflows": True}
"""No tour for newcomers; workflows are validated, which some releases do by default."""
ALERTS = ".p-toast-message, .p-dialog, [role=dialog], [role=alert]"
NOT_OURS = ("Version Compatibility",)
"""Alerts about a server and a front end that were not released together."""
READY = "window.app?.graph && window.app?.extensionManager"
VIDEOS = """() => [...document.querySelectorAll('video')].map((video) => {
  const box = video.getBoundingClientRect()
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)
  const bare = !!top && (top === video || video.contains(top) || top.contains(video))
  return {src: video.currentSrc || video.src, width: video.videoWidth, seconds: video.currentTime, bare}
})"""
"""Each film on the page; bare where nothing lies over its middle."""
PICTURES = """() => app.graph._nodes.filter((node) => node.comfyClass?.startsWith('Sonic')).flatMap((node) => {
  const box = document.querySelector(`[data-node-id="${node.id}"]`)
  const shown = box ? [...box.querySelectorAll('img')] : node.imgs ?? []
  const kept = (picture) => picture.naturalWidth > 1 && !picture.src.startsWith('blob:')
  return shown.some(kept) ? [node.comfyClass] : []
})"""
"""Kinds of our nodes that show a picture which is there, and is their own: a live one that stayed over it is a blob."""


def browser_path() -> str | None:
    """The Chromium of this machine: what CHROMIUM names, else what is on the path."""
    return os.environ.get("CHROMIUM") or next((found for name in BROWSERS if (found := shutil.which(name))), None)


class Canvas:
    """The page of one front end; ``errors`` are its script's uncaught ones since a workflow was last opened."""

    def __init__(self, page: Any, server: Server) -> None:
        self.page, self.server = page, server
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: (self.errors.append(dialog.message), dialog.dismiss()))
        page.goto(f"http://127.0.0.1:{server.port}")
        page.wait_for_function(READY, timeout=120_000)
        page.wait_for_timeout(3000)

    def open(self, workflow: dict[str, Any], name: str, **widgets: Any) -> None:
        """Open a workflow as its template does; ``widgets`` are set wherever a node has one of that name."""
        self.errors.clear()
        self.page.evaluate("([graph, name]) => app.loadGraphData(graph, true, true, name)", [workflow, name])
        self.alter(**widgets)
        self.page.wait_for_timeout(1000)

    def alter(self, **widgets: Any) -> None:
        """Give these values to every node that has a widget of that name."""
        self.page.evaluate(
            "(values) => { for (const node of app.graph._nodes) for (const widget of node.widgets ?? [])"
            " if (widget.name in values) widget.value = values[widget.name] }",
            widgets,
        )

    def alerts(self) -> list[str]:
        """Toasts, dialogs and uncaught errors that a person sees."""
        shown = self.page.locator(ALERTS).all_inner_texts()
        return [text for text in (*shown, *self.errors) if text.strip() and not any(word in text for word in NOT_OURS)]

    def run(self, limit_s: float = 400) -> dict[str, Any]:
        """Press Run and wait for what the server says of it."""
        before = self.server.call("/history").keys()
        self.page.evaluate("() => app.queuePrompt(0, 1)")
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            self.page.wait_for_timeout(500)
            history: dict[str, Any] = self.server.call("/history")
            if new := history.keys() - before:
                self.page.wait_for_timeout(2500)
                return history[new.pop()]  # type: ignore[no-any-return]
        raise TimeoutError(f"no workflow was done within {limit_s:.0f} s")

    def videos(self) -> list[dict[str, Any]]:
        """As VIDEOS, after all of them were asked to play."""
        self.page.evaluate(
            "() => document.querySelectorAll('video').forEach((video) => { video.muted = true; video.play() })"
        )
        self.page.wait_for_timeout(700)
        return self.page.evaluate(VIDEOS)  # type: ignore[no-any-return]

    def pictures(self, n: int, limit_s: float = 60) -> set[str]:
        """As PICTURES, when ``n`` kinds show one: pictures come after the news that a node is done."""
        end = time.monotonic() + limit_s
        while len(found := set(self.page.evaluate(PICTURES))) < n and time.monotonic() < end:
            self.page.wait_for_timeout(500)
        return found

    def screenshot(self, path: Path) -> None:
        """Of the whole page."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(path))


@contextmanager
def canvas(playwright: Any, server: Server, **settings: Any) -> Iterator[Canvas]:
    """The front end that ``server`` serves, with these settings of it."""
    for name, value in (SETTINGS | settings).items():
        server.call(f"/settings/{name}", value)
    browser = playwright.chromium.launch(executable_path=browser_path(), args=list(FLAGS))
    try:
        yield Canvas(browser.new_page(viewport={"width": 1800, "height": 1000}), server)
    finally:
        browser.close()


def read(path: Path) -> dict[str, Any]:
    """A workflow file."""
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
