"""The bundled portrait and recordings: what the first minute with Sonic depends on."""

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from sonic.faces.landmarks import find_faces
from sonic.faces.matte import person_matte
from sonic.faces.portrait import find_face
from sonic.media.photo import load_photo
from sonic.types import F32, Photo

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "src/sonic/assets/demo"


@pytest.fixture(scope="module")
def photo() -> Photo:
    return load_photo(DEMO / "portrait.png")


def decode(path: Path) -> tuple[F32, int]:
    """Mono samples in [-1, 1] and their rate."""
    with av.open(str(path)) as container:
        rate_hz = container.streams.audio[0].rate
        parts = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate(parts, axis=1)[0].astype(np.float32) / 32768, rate_hz


def test_portrait_has_one_face_worth_animating(photo: Photo) -> None:
    assert len(find_faces(photo.rgb)) == 1
    face = find_face(photo, None)
    assert face.quality.mouth_gap < 0.035
    assert max(abs(angle) for angle in face.pose_deg) < 8
    assert face.quality.eye_distance_px > 120
    assert face.quality.notices == ()


def test_portrait_is_told_from_its_background(photo: Photo) -> None:
    matte = person_matte(photo.rgb)
    assert matte[:70].max() < 0.1, "nothing of the person above the hair"
    assert matte[200:700, 300:480].min() > 0.9, "face and neck are solid"


@pytest.mark.slow
def test_recipe_draws_the_shipped_portrait(photo: Photo, tmp_path: Path) -> None:
    out = tmp_path / "again.png"
    subprocess.run([sys.executable, "-m", "recipes.portrait", str(out)], cwd=ROOT, check=True)
    difference = np.abs(load_photo(out).rgb.astype(int) - photo.rgb)
    assert difference.mean() < 0.5
    assert np.percentile(difference, 99.5) < 16


@pytest.mark.parametrize(
    ("path", "shortest_s", "longest_s", "most_bytes"),
    [(DEMO / "speech.flac", 8, 13, 300_000), (ROOT / "tests/data/mandarin.flac", 2, 4, 60_000)],
)
def test_recordings_are_short_clean_and_small(path: Path, shortest_s: float, longest_s: float, most_bytes: int) -> None:
    samples, rate_hz = decode(path)
    assert rate_hz >= 16_000
    assert shortest_s <= len(samples) / rate_hz <= longest_s
    assert 0.5 < np.abs(samples).max() < 0.98, "loud enough, not clipped"
    assert path.stat().st_size <= most_bytes


def test_speech_has_one_clear_pause() -> None:
    samples, rate_hz = decode(DEMO / "speech.flac")
    window = rate_hz // 50
    loud = np.abs(samples[: len(samples) // window * window]).reshape(-1, window).max(1) > 0.01
    gaps = np.diff(np.flatnonzero(loud))
    assert gaps.max() * window / rate_hz > 0.6
