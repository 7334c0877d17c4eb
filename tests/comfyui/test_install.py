"""The pack installed as people install it, beside others, in a ComfyUI that has neither: make test-comfyui-install."""

import json
import os
import shutil
import subprocess
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from comfyui_client import Prompt, Server, failure, node_of, own_packages, prompt_of, running

COMFYUI = os.environ.get("COMFYUI_DIR", "")
CLEAN_PYTHON = os.environ.get("COMFYUI_CLEAN_PYTHON", "")
ZIP = Path(os.environ.get("COMFYUI_PACK", "no such file"))
NEIGHBOURS = [Path(name) for name in os.environ.get("COMFYUI_NEIGHBOURS", "").split()]
"""Folders of other packs, such as a clone of ComfyUI-VideoHelperSuite."""
pytestmark = [
    pytest.mark.comfyui,
    pytest.mark.skipif(
        not (COMFYUI and CLEAN_PYTHON and ZIP.is_file()),
        reason="needs a ComfyUI, its Python without sonic-talk and the pack's ZIP: make test-comfyui-install",
    ),
]
SMALL: dict[str, Any] = {"duration": 1.0, "min_resolution": 256}
IS_MISSING = "import importlib.util as u; raise SystemExit(u.find_spec('sonic') is not None)"


def said(*command: object, folder: Path | None = None) -> str:
    """What a command writes; it must succeed."""
    run = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=folder, env=own_packages())
    assert run.returncode == 0, f"{command}: {run.stdout[-2000:]}{run.stderr[-2000:]}"
    return run.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment over ComfyUI's: it sees all that is there, and what is installed goes into it alone."""
    said(CLEAN_PYTHON, "-c", IS_MISSING)
    folder = tmp_path_factory.mktemp("environment") / "venv"
    said(CLEAN_PYTHON, "-m", "venv", "--without-pip", folder)
    places = said(CLEAN_PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    (own / "comfyui.pth").write_text(places, encoding="utf-8")
    found = next(path for path in (folder / "bin" / "python", folder / "Scripts" / "python.exe") if path.exists())
    assert "pip" in said(found, "-m", "pip", "--version")
    return found


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ComfyUI's folders with the unpacked ZIP and the neighbours in custom_nodes."""
    base = tmp_path_factory.mktemp("zip") / "base"
    packs = base / "custom_nodes"
    packs.mkdir(parents=True)
    with zipfile.ZipFile(ZIP) as pack:
        pack.extractall(packs)
    for folder in NEIGHBOURS:
        shutil.copytree(folder, packs / folder.name, ignore=shutil.ignore_patterns(".git"))
    return base


@pytest.fixture(scope="module")
def installed(python: Path, base: Path) -> Path:
    """The environment, when the requirements of every pack were installed in the packs' own folders."""
    for pack in sorted((base / "custom_nodes").iterdir()):
        said(python, "-m", "pip", "install", "-r", "requirements.txt", folder=pack)
    return python


@pytest.fixture(scope="module")
def server(installed: Path, base: Path) -> Iterator[Server]:
    with running(Path(COMFYUI).absolute(), base, home(base), python=installed) as started:
        yield started


def home(base: Path) -> Path:
    """Where a user of these folders of ComfyUI keeps keys, consents and the log."""
    folder = base.parent / "home"
    folder.mkdir(exist_ok=True)
    return folder


def template(server: Server, name: str) -> Path:
    """A template of the pack as it lies in custom_nodes."""
    (found,) = server.base.glob(f"custom_nodes/*/example_workflows/{name}.json")
    return found


def made(server: Server, prompt: Prompt) -> Path:
    """The newest video that this prompt leaves in the output folder."""
    history = server.run(prompt)
    assert history["status"]["status_str"] == "success", failure(history)
    return max(server.base.glob("output/**/*.mp4"), key=lambda path: path.stat().st_mtime_ns)


def loads(server: Server, pack: str) -> bool:
    """ComfyUI's own list says that it loaded this pack."""
    log = server.log.read_text(errors="replace")
    return any("seconds: " in line and "IMPORT FAILED" not in line and line.endswith(pack) for line in log.splitlines())


def test_without_its_library_the_pack_says_what_to_run(python: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(ZIP) as pack:
        pack.extractall(tmp_path / "base" / "custom_nodes")
    with running(
        Path(COMFYUI).absolute(), tmp_path / "base", home(tmp_path / "base"), python=Path(CLEAN_PYTHON)
    ) as started:
        log = started.log.read_text(errors="replace")
    folder = tmp_path / "base" / "custom_nodes" / "sonic-talk-nodes"
    assert f'in {folder} run: "{CLEAN_PYTHON}" -m pip install -r requirements.txt' in log


def test_no_package_is_left_that_another_cannot_live_with(installed: Path) -> None:
    assert "No broken requirements" in said(installed, "-m", "pip", "check")


def test_the_pack_and_its_neighbours_load(server: Server) -> None:
    assert loads(server, "sonic-talk-nodes")
    assert all(loads(server, folder.name) for folder in NEIGHBOURS)
    assert "sonic-fast" in server.call("/workflow_templates")["sonic-talk-nodes"]


def test_the_fast_template_makes_a_video_that_verifies(
    server: Server, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = made(server, prompt_of(template(server, "sonic-fast"), **SMALL))
    monkeypatch.setenv("SONIC_HOME", str(home(server.base) / "sonic"))
    *_, last = said(installed, "-m", "sonic", "verify", video, "--json").splitlines()
    report = json.loads(last)
    assert report["verdict"] == "intact", report


def test_video_combine_of_a_neighbour_takes_the_frames(server: Server) -> None:
    if "VHS_VideoCombine" not in server.call("/object_info"):
        pytest.skip("ComfyUI-VideoHelperSuite is not among COMFYUI_NEIGHBOURS")
    prompt = prompt_of(template(server, "sonic-frames-for-other-nodes"), **SMALL)
    frames = node_of(prompt, "SonicFramesToImages")
    prompt["99"] = {
        "class_type": "VHS_VideoCombine",
        "inputs": {
            "images": [frames, 0], "audio": [frames, 1], "frame_rate": [frames, 2], "loop_count": 0,
            "filename_prefix": "neighbour/video", "format": "video/h264-mp4", "pingpong": False, "save_output": True,
        },
    }  # fmt: skip
    video = made(server, prompt)
    assert video.parent.name == "neighbour" and sound_of(video)


def sound_of(video: Path) -> bool:
    """Whether a file has a track of sound."""
    from sonic.media.decode import sound_format

    return sound_format(video).rate_hz > 0


def test_a_clone_of_a_repository_that_is_the_pack_loads(installed: Path, base: Path, tmp_path: Path) -> None:
    origin, packs = tmp_path / "origin", tmp_path / "base" / "custom_nodes"
    shutil.copytree(base / "custom_nodes" / "sonic-talk-nodes", origin, ignore=shutil.ignore_patterns("__pycache__"))
    author = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "The pack")):
        said("git", *author, *command, folder=origin)
    packs.mkdir(parents=True)
    said("git", "clone", "-q", origin, packs / "sonic-talk-nodes")
    said(installed, "-m", "pip", "install", "-r", "requirements.txt", folder=packs / "sonic-talk-nodes")
    with running(Path(COMFYUI).absolute(), tmp_path / "base", home(tmp_path / "base"), python=installed) as started:
        assert loads(started, "sonic-talk-nodes")
        video = made(started, prompt_of(template(started, "sonic-fast"), **SMALL))
    assert video.with_suffix(".json").is_file()
