"""The examples of docs/studio.md, run as they stand."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="needs the extra studio")

from small_videos import save_sound, tone
from studio_client import Client, running

from sonic import demo
from sonic.apps.studio.config import Config

PAGE = (Path(__file__).parents[3] / "docs" / "studio.md").read_text("utf-8")
ADDRESS = "http://127.0.0.1:8747"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A studio, and the two files that the examples name in the folder in which they run."""
    shutil.copy(demo.PORTRAIT, tmp_path / "portrait.jpg")
    save_sound(tmp_path / "speech.mp3", tone(2.0, 16_000), 16_000)
    with running(Config(tmp_path / "studio")) as (opened, _):
        yield opened


def examples(language: str, client: Client) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert blocks
    return "\n".join(blocks).replace(ADDRESS, f"http://127.0.0.1:{client.port}")


@pytest.mark.slow
@pytest.mark.skipif(not all(map(shutil.which, ("bash", "curl", "jq"))), reason="needs bash, curl 7.82 and jq")
def test_curl(client: Client, tmp_path: Path) -> None:
    text = examples("bash", client)
    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "AI" in ran.stdout.splitlines()[-1] and "生成" in ran.stdout
    assert (tmp_path / "out.json").read_text().startswith("{")
    assert "What is said." in (tmp_path / "out.srt").read_text()
    assert b"ftyp" in (tmp_path / "live.mp4").read_bytes()[:16]
    assert b"ftyp" in (tmp_path / "out.mp4").read_bytes()[:16]


@pytest.mark.slow
def test_python(client: Client, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", examples("python", client)], cwd=tmp_path, check=True)
    assert b"ftyp" in (tmp_path / "out.mp4").read_bytes()[:16]
