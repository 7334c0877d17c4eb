"""``sonic evaluate`` of a video that Sonic did not write: another codec, another rate, a hand-held camera, room noise.

No footage of a person may ship, so the demo portrait is "filmed": it says syllables whose times are known.
"""

import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from small_videos import PORTRAIT

from sonic.apps.cli import main
from sonic.engines.light.renderers.warp import Renderer
from sonic.faces.portrait import analyse_portrait
from sonic.media.photo import load_photo
from sonic.motion import Motion
from sonic.settings import Settings
from sonic.types import F64, U8

FPS, RATE_HZ, SECONDS = Fraction(30_000, 1001), 44_100, 3.0
N_FRAMES = int(SECONDS * FPS)


def syllables(t: F64) -> F64:
    """0 .. 1: how open the mouth and how loud the voice is at ``t`` seconds; three a second, with a pause."""
    words = np.clip(np.sin(2 * np.pi * (3.0 + 0.4 * np.sin(0.9 * t)) * t), 0, 1) * (0.6 + 0.4 * np.sin(2.1 * t))
    return np.asarray(words * ((t > 0.3) & ~((t > 1.9) & (t < 2.3))))


def voice(late_s: float) -> F64:
    """(2, N) a buzz with formants, as loud as the syllables are, in a room that is not silent."""
    t = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    buzz = sum(np.sin(2 * np.pi * 130 * k * t + k) / k for k in range(1, 16))
    sound = 0.3 * syllables(t - late_s) * buzz + 0.002 * np.random.default_rng(1).standard_normal(len(t))
    return np.stack([sound, 0.8 * sound])


@pytest.fixture(scope="module")
def pictures() -> list[U8]:
    """The portrait saying the syllables, seen by a camera that sways and has noise."""
    portrait = analyse_portrait(load_photo(PORTRAIT), Settings(framing="face", min_resolution=240), lambda _line: None)
    t = np.arange(N_FRAMES) / float(FPS)
    motion = Motion.still(N_FRAMES, FPS)
    motion.lip_gap[:] = 11 * syllables(t)
    motion.pose_deg[:] = np.stack([3 * np.sin(1.3 * t), 2 * np.sin(1.9 * t), np.sin(0.7 * t)], 1)
    rng, seen = np.random.default_rng(0), []
    for frame in Renderer(portrait).render([motion]):
        i = frame.index
        sway = np.array([[1, 0, 2 * np.sin(0.05 * i)], [0, 1, 1.5 * np.cos(0.07 * i)]])
        moved = cv2.warpAffine(frame.rgb, sway, (240, 240), borderMode=cv2.BORDER_REPLICATE)
        seen.append(np.clip(moved + rng.normal(0, 3, moved.shape), 0, 255).astype(np.uint8))
    return seen


def film(path: Path, pictures: list[U8], sound: F64 | None) -> Path:
    """A file as cameras write them, by PyAV alone."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=FPS, bit_rate=2_000_000)
        picture.width, picture.height, picture.pix_fmt = pictures[0].shape[1], pictures[0].shape[0], "yuv420p"
        track = container.add_stream("aac", rate=RATE_HZ, layout="stereo") if sound is not None else None
        for rgb in pictures:
            container.mux(picture.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(picture.encode())
        if track is not None:
            samples = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound, np.float32), "fltp", "stereo")
            samples.sample_rate = RATE_HZ
            container.mux(track.encode(samples))
            container.mux(track.encode())
    return path


def evaluated(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    assert main(["evaluate", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_filmed_talker_is_measured(pictures: list[U8], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video, plot = film(tmp_path / "filmed.mov", pictures, voice(0.0)), tmp_path / "plot.png"
    found = evaluated(capsys, video, "-o", plot)
    assert found["lost_frames"] == 0
    assert found["fps"] == pytest.approx(29.97, abs=0.01)
    assert abs(found["lag_ms"]) < 50
    assert found["opening_loudness_correlation"] > 0.6
    assert cv2.imread(str(plot)).shape[1] > 600
    assert {path.name for path in tmp_path.iterdir()} == {"filmed.mov", "plot.png"}


def test_two_filmed_talkers_are_compared(
    pictures: list[U8], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same pictures with late sound: the lips come before the sound, and are the other video's lips."""
    real, late = (film(tmp_path / f"{by}.mp4", pictures, voice(by)) for by in (0.0, 0.1))
    found = evaluated(capsys, late, "--real", real, "-o", tmp_path / "plot.png")
    assert -180 < found["lag_ms"] < -50
    assert found["likeness"]["mouth_correlation"] > 0.95
    assert abs(found["likeness"]["mouth_lag_ms"]) < 20


def test_sound_that_ends_a_little_earlier_is_no_obstacle(
    pictures: list[U8], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = film(tmp_path / "filmed.mov", pictures[:30], voice(0.0)[:, : round(0.87 * RATE_HZ)])
    assert 0.85 < evaluated(capsys, video, "-o", tmp_path / "plot.png")["seconds"] < 1.0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("silent.mov", "sound"),
        ("half.mov", "0.5 s of sound"),
        ("nobody.mov", "a face in 0 of"),
        ("missing.mov", "missing.mov"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    pictures: list[U8], tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    empty = [np.full_like(pictures[0], 120)] * 20
    if name == "silent.mov":
        film(tmp_path / name, pictures[:20], None)
    elif name == "half.mov":
        film(tmp_path / name, pictures[:25], voice(0.0)[:, : round(0.45 * RATE_HZ)])
    elif name == "nobody.mov":
        film(tmp_path / name, empty, voice(0.0)[:, : RATE_HZ * 2 // 3])
    before = set(tmp_path.iterdir())
    assert main(["evaluate", str(tmp_path / name)]) != 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("sonic: ")]
    assert len(said) == 1
    assert words in said[0]
    assert set(tmp_path.iterdir()) == before
