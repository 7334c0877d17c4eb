"""Whatever a stranger hands over is used or refused in one line: no traceback, nothing left behind, nothing waited for.

Each file of the tables is given to the loader; what it refuses is given to the command line as well, and what it takes
is decoded once more, as the encoder of the video does.
"""

from pathlib import Path

import numpy as np
import pytest
from hostile_files import PHOTOS, PLACES, RECORDINGS, REFUSED, USED

import sonic
from sonic.apps.cli import main
from sonic.errors import MediaError
from sonic.media.mono import as_heard
from sonic.media.photo import MAX_PHOTO_PIXELS, load_photo
from sonic.media.recording import load_speech

PORTRAIT = str(Path(sonic.__file__).parent / "assets" / "demo" / "portrait.png")
WHO = ["--consent", "synthetic", "--subject", "nobody"]


def _refused(code: int, shown: str, folder: Path, before: set[Path]) -> None:
    """Exit code 3, one line, no traceback, and nothing that was not there before."""
    lines = [line for line in shown.splitlines() if line]
    assert code == 3, shown
    assert len(lines) == 1, shown
    assert "Traceback" not in shown
    assert 30 < len(lines[0]) < 700
    assert set(folder.rglob("*")) == before


@pytest.mark.parametrize("name", [*PLACES, *RECORDINGS])
def test_recordings(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    outcome, make = (PLACES | RECORDINGS)[name]
    path = make(tmp_path)
    before = set(tmp_path.rglob("*"))
    notices: list[str] = []
    try:
        speech = load_speech(path, notices.append)
    except MediaError:
        assert outcome != USED
        capfd.readouterr()
        code = main(["generate", PORTRAIT, str(path), "-q", "-o", str(tmp_path / "out.mp4"), *WHO])
        return _refused(code, capfd.readouterr().err, tmp_path, before)
    assert outcome != REFUSED, f"{speech.duration_s} s were heard, {notices}"
    assert all(line.isprintable() for line in notices)
    video = np.concatenate(list(as_heard(speech.sound, rate_hz=16_000, channels=2)))
    assert np.isfinite(video).all() and np.abs(video).max(initial=0) <= 1
    assert np.isfinite(speech.samples[:]).all()
    assert len(video) / 16_000 == pytest.approx(speech.duration_s, abs=0.02), "sound and picture are equally long"
    assert set(tmp_path.rglob("*")) == before
    return None


@pytest.mark.parametrize("name", [*PLACES, *PHOTOS])
def test_photos(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    outcome, make = (PLACES | PHOTOS)[name]
    path = make(tmp_path)
    before = set(tmp_path.rglob("*"))
    try:
        photo = load_photo(path)
    except MediaError:
        assert outcome != USED
        capfd.readouterr()
        code = main(["inspect", str(path), "-o", str(tmp_path / "seen.png")])
        return _refused(code, capfd.readouterr().err, tmp_path, before)
    assert outcome != REFUSED
    assert photo.rgb.nbytes <= 3 * MAX_PHOTO_PIXELS
    assert set(tmp_path.rglob("*")) == before
    return None


def test_the_suite_is_as_large_as_it_says() -> None:
    assert len(PLACES) * 2 + len(RECORDINGS) + len(PHOTOS) >= 150
