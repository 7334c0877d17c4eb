"""The examples do what their page says, with the settings of a quick look."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
QUICK = ("--min-resolution", "160", "--inference-steps", "1")

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the source distribution has no examples")


def batch(manifest: str, out: Path, *options: str) -> dict[str, object]:
    command = [sys.executable, "-m", "sonic", "batch", str(EXAMPLES / manifest), "-o", str(out), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_lessons_in_two_languages_with_their_captions(tmp_path: Path) -> None:
    result = batch("lessons/lessons.csv", tmp_path, "--consent", "synthetic", "--workers", "1", *QUICK)
    assert result["made"] == 2
    assert "voice," in (tmp_path / "portrait-speech.srt").read_text(encoding="utf-8")
    assert "你好" in (tmp_path / "portrait-mandarin.vtt").read_text(encoding="utf-8")
    assert "portrait-mandarin.mp4" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_products_for_two_platforms_keep_their_rules(tmp_path: Path) -> None:
    batch("shop/products.jsonl", tmp_path, "--workers", "1")
    for name in ("tiktok", "square"):
        command = [
            sys.executable,
            "-m",
            "sonic",
            "check",
            str(tmp_path / f"portrait-speech-{name}.mp4"),
            "--platform",
            name,
        ]
        assert subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.slow
def test_a_program_of_ones_own(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "newsroom" / "bulletin.py"), str(tmp_path), "160"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "keeps the rules of Square" in done.stdout and "keeps the rules of Landscape" in done.stdout
    assert (tmp_path / "bulletin-square.srt").is_file()
