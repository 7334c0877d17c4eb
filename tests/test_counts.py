"""How long a video is: one number of frames for every length and every frame rate, whoever counts them."""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonic.counts import covering_frames, samples_of, video_frames, whole_frames
from sonic.engines.light.drive import drive
from sonic.engines.light.lips.diffusion import FPS, Networks, speech_latents
from sonic.engines.light.nonverbal.motion import NonverbalGenerator, NonverbalMotion
from sonic.motion import N_SHAPE, Motion, join, windows
from sonic.settings import Settings
from sonic.speech.prosody import Prosody
from sonic.types import SPEECH_RATE_HZ, Sound, Speech

NTSC = (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001))
RATES = (*(Fraction(n, 2) for n in (25, 31, 40, 48, 50, 60, 75, 100, 120)), *NTSC)
"""All kinds that settings allow: from 12.5 to 60, half frames, and those of television."""
ONCE_SHORT_S = (0.28, 0.56, 1.12, 2.2, 2.24, 4.36, 4.4, 4.44, 4.48, 8.8, 9.8, 16.6, 17.6)
"""Their products with the frame rate are a little above a whole number in floating point."""


@pytest.mark.parametrize("fps", RATES, ids=str)
def test_every_length_has_the_frames_that_exact_arithmetic_gives(fps: Fraction) -> None:
    for n in range(1, 20_001):
        duration_s, exact = n / SPEECH_RATE_HZ, Fraction(n, SPEECH_RATE_HZ) * fps
        assert samples_of(duration_s) == n
        assert video_frames(duration_s, fps) == max(1, round(exact))
        assert whole_frames(n, fps) == floor(exact)
        assert covering_frames(n, fps) == ceil(exact) + 1
        assert (video_frames(duration_s, fps) - 1) / fps < Fraction(n, SPEECH_RATE_HZ), "a frame after the sound"


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 44100, 48000, 96000])
def test_a_length_read_from_samples_gives_these_samples(rate_hz: int) -> None:
    for n in [*range(1, 20_001), *range(20_001, 10**9, 10**6 + 7)]:
        assert samples_of(n / rate_hz, rate_hz) == n


@pytest.mark.parametrize("fps", RATES, ids=str)
def test_lengths_of_whole_frames_have_just_these(fps: Fraction) -> None:
    for n in range(1, 5000):
        assert video_frames(n / float(fps), fps) == n
        assert video_frames(float(f"{float(n / fps):.3f}"), fps) == n, "as people type it"


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 1200), st.integers(1, 400), st.integers(0, 60))
def test_windows_end_where_the_motion_does(n: int, piece: int, margin: int) -> None:
    pieces = (Motion.still(min(piece, n - i), Fraction(FPS)) for i in range(0, n, piece))
    seen = list(windows(pieces, n, margin))
    assert seen[-1].final == seen[-1].end == n
    finals = [window.final for window in seen]
    assert finals == sorted(set(finals))


class Silence:
    """A recording in which nothing is heard."""

    width = 1

    def frames(self, first: int, last: int) -> np.ndarray:
        return np.zeros((last - first, 1), np.float32)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks and generators that make nothing, as much of it as the real ones."""
    nothing = Networks(
        listen=lambda samples: Silence(),
        hear=lambda features: np.zeros((len(features) // 2, 33), np.float32),
        denoise=lambda x, t, heard: 0 * x,
        channels=33,
    )

    def lips(
        samples: object, *, steps: int, seed: int, articulation: str, piece: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for latents in speech_latents(samples, nothing, steps=1, seed=seed, piece=piece):  # type: ignore[arg-type]
            yield np.zeros((len(latents), N_SHAPE), np.float32), latents[:, 32]

    def still(generator: NonverbalGenerator, end: int) -> NonverbalMotion:
        n = generator._n_frames
        motion, silence = Motion.still(n, Fraction(FPS)), np.zeros(n, np.float32)
        voice = Prosody(Fraction(FPS), silence, silence > 0, silence, silence, silence > 0)
        return NonverbalMotion(
            voice, motion.pose_deg, motion.shift, motion.lids, motion.gaze, motion.gaze, silence, silence
        )

    monkeypatch.setattr("sonic.engines.light.drive.lips_from_speech", lips)
    monkeypatch.setattr(NonverbalGenerator, "until", still)


def frames_driven(n_samples: int, duration_s: float, fps: Fraction, piece: int = 300) -> int:
    speech = Speech(np.zeros(n_samples, np.float32), Sound(Path("speech.wav"), "0" * 64))
    return len(join(list(drive(speech, Settings(fps=fps), duration_s, piece=piece))))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("duration_s", ONCE_SHORT_S)
def test_motion_is_as_long_as_the_video_where_it_once_was_not(duration_s: float) -> None:
    for fps in RATES:
        assert frames_driven(320_000, duration_s, fps) == video_frames(duration_s, fps), f"{fps}"


@pytest.mark.usefixtures("quick")
def test_motion_is_as_long_as_the_video_at_every_40_ms() -> None:
    for n in range(1, 501):
        fps = RATES[n % len(RATES)]
        assert frames_driven(640 * n, 640 * n / SPEECH_RATE_HZ, fps) == max(1, round(n * fps / 25)), f"{n}, {fps}"


@pytest.mark.usefixtures("quick")
@settings(max_examples=150, deadline=None)
@given(st.integers(1, 20_000), st.sampled_from(RATES), st.integers(20, 300), st.floats(0.05, 1))
def test_motion_is_as_long_as_any_video(n_samples: int, fps: Fraction, piece: int, share: float) -> None:
    duration_s = share * n_samples / SPEECH_RATE_HZ
    assert frames_driven(n_samples, duration_s, fps, piece) == video_frames(duration_s, fps)
