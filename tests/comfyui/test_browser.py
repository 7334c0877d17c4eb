"""Templates, videos and pictures as three generations of front ends show them: part of make test-comfyui."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from comfyui_canvas import Canvas, browser_path, canvas, read
from comfyui_client import WORKFLOWS, Server, failure, running

COMFYUI = os.environ.get("COMFYUI_DIR", "")
FRONT_ENDS_FOLDER = Path(os.environ.get("COMFYUI_FRONT_ENDS", "no such folder"))
FRONT_ENDS = sorted(FRONT_ENDS_FOLDER.glob("*/comfyui_frontend_package/static"))
LOOKS = {"classic": {"Comfy.VueNodes.Enabled": False}, "nodes-2.0": {"Comfy.VueNodes.Enabled": True}}
"""How front ends draw nodes: on a canvas, or, newer ones, as elements of the page."""
NODES_2 = (1, 40)
"""The front end from which on people have Nodes 2.0."""
pytestmark = [
    pytest.mark.comfyui,
    pytest.mark.skipif(not COMFYUI, reason="no ComfyUI is given: make test-comfyui COMFYUI_DIR=... COMFYUI_PYTHON=..."),
    pytest.mark.skipif(not FRONT_ENDS, reason="COMFYUI_FRONT_ENDS names no folder with front ends: make test-comfyui"),
    pytest.mark.skipif(browser_path() is None, reason="no Chromium on the path; install one or name it in CHROMIUM"),
]
SMALL: dict[str, Any] = {"duration": 1.0, "min_resolution": 192, "preview_frames": 2, "inference_steps": 4}
FAST = next((path for path in WORKFLOWS if path.stem == "sonic-fast"), Path())
STEPS = next((path for path in WORKFLOWS if path.stem == "sonic-high-quality"), Path())
WITH_PICTURES = {"SonicPortrait", "SonicInference", "SonicLatentDecoder", "SonicPostProcessing", "SonicQualityReport"}


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make test-comfyui")
    with api.sync_playwright() as started:
        yield started


@pytest.fixture(scope="module", params=FRONT_ENDS, ids=lambda path: path.parts[-3])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("front-end")
    with running(Path(COMFYUI).absolute(), base / "base", base / "home", request.param) as started:
        yield started


@pytest.fixture(scope="module", params=LOOKS)
def front(request: pytest.FixtureRequest, server: Server, playwright: Any) -> Iterator[Canvas]:
    if request.param == "nodes-2.0" and server.front_end < NODES_2:
        pytest.skip("this front end has no Nodes 2.0")
    with canvas(playwright, server, **LOOKS[request.param]) as opened:
        yield opened


@pytest.fixture
def seen(request: pytest.FixtureRequest, front: Canvas, tmp_path: Path) -> Iterator[Canvas]:
    """The page, of which a screenshot is kept when the test is over: in COMFYUI_PICTURES, where that is given."""
    yield front
    front.screenshot(Path(os.environ.get("COMFYUI_PICTURES", tmp_path)) / f"{request.node.name}.png")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_template_opens_without_an_alert(workflow: Path, seen: Canvas) -> None:
    seen.open(read(workflow), workflow.stem)
    assert not seen.alerts()


def test_the_finished_video_can_be_played_and_a_second_run_replaces_it(seen: Canvas) -> None:
    seen.open(read(FAST), "fast", **SMALL)
    films = []
    for seed in (1, 2):
        seen.alter(seed=seed)
        history = seen.run()
        assert history["status"]["status_str"] == "success", failure(history)
        (film,) = seen.videos()
        assert film["width"] >= SMALL["min_resolution"] and film["seconds"] > 0 and film["bare"], film
        films.append(film["src"].partition("&rand")[0])
    assert films[0] != films[1] and not seen.alerts()


def test_the_single_steps_show_their_pictures_and_the_video(seen: Canvas) -> None:
    again = bool(seen.server.call("/history"))  # the other look ran it: what is cached, some front ends do not show
    seen.open(read(STEPS), "steps", **SMALL, face=int(again), seed=int(again))
    history = seen.run()
    assert history["status"]["status_str"] == "success", failure(history)
    (film,) = seen.videos()
    assert film["seconds"] > 0 and seen.pictures(len(WITH_PICTURES)) == WITH_PICTURES
    assert not seen.alerts()


def test_an_invalid_workflow_would_be_noticed(seen: Canvas) -> None:
    seen.open(read(FAST) | {"id": "sonic-fast"}, "no-uuid")
    assert any("id" in text for text in seen.alerts())
