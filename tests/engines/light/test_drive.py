"""Motion in pieces: the same motion however long they are, made when it is asked for, for any frame rate and length."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonic.engines.light.drive import drive
from sonic.engines.light.nonverbal.expression import MANNERS
from sonic.engines.light.nonverbal.motion import NonverbalGenerator
from sonic.media.recording import load_speech
from sonic.motion import N_SHAPE, Motion, close_in_silence, join, limit, offset, part, retime, smooth, windows
from sonic.settings import Settings
from sonic.types import F32, SPEECH_RATE_HZ, Sound, Speech

FPS = Fraction(25)
CHANNELS = ("shape", "lip_gap", "lids", "gaze", "pose_deg", "shift")
DEMO = Path(__file__).parents[3] / "src" / "sonic" / "assets" / "demo" / "speech.flac"
RATES = st.sampled_from([Fraction(25, 2), Fraction(24000, 1001), FPS, Fraction(30), Fraction(60)])


@pytest.fixture(scope="module")
def demo() -> F32:
    return load_speech(DEMO, print).samples[:]


def speech(samples: F32) -> Speech:
    return Speech(samples, Sound(Path("speech.wav"), "0" * 64))


def assert_same(a: Motion, b: Motion, tolerance: float) -> None:
    assert a.fps == b.fps
    for name in CHANNELS:
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), atol=tolerance, err_msg=name)


def talking(seed: int, n: int) -> Motion:
    """Speech-like, with closures and blinks, everything else noise of a natural size."""
    rng = np.random.default_rng(seed)

    def noise(width: int, scale: float) -> F32:
        return (scale * rng.standard_normal((n, width))).astype(np.float32)

    lids = np.where(rng.random((n, 1)) < 0.05, 0, np.ones((n, 2))).astype(np.float32)
    gap = np.maximum(rng.normal(3, 4, n), 0).astype(np.float32)
    return Motion(FPS, noise(N_SHAPE, 0.3), gap, lids, noise(2, 0.4), noise(3, 2), noise(3, 0.02))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 400), st.integers(1, 150), RATES, st.sampled_from([-0.22, -0.02, 0.2]))
def test_algebra_in_windows_equals_algebra_on_the_whole(
    seed: int, n: int, piece: int, fps: Fraction, late_s: float
) -> None:
    motion = talking(seed, n)
    speaking = np.convolve(np.random.default_rng(seed).standard_normal(n + 14), np.ones(15), "valid") > 0

    def shaped(motion: Motion, speaking: np.ndarray) -> Motion:
        return limit(smooth(close_in_silence(offset(motion, late_s), speaking), 1.0))

    n_asked = max(1, round(n / FPS * fps))
    whole = retime(shaped(motion, speaking), fps, n_asked)
    pieces, given = [], 0
    for window in windows((part(motion, i, i + piece) for i in range(0, n, piece)), n, 50):
        ready = n_asked if window.final == n else min(-int(-window.final * fps // FPS), n_asked)
        at = {"begins": window.begins, "first": given}
        pieces.append(retime(shaped(window.motion, speaking[window.begins : window.end]), fps, ready - given, **at))
        given = ready
    assert_same(join(pieces), whole, 1e-6)


@pytest.mark.parametrize(("piece", "fps"), [(37, FPS), (150, Fraction(30000, 1001)), (211, Fraction(25, 2))])
def test_any_length_of_the_pieces_gives_the_same_motion(demo: F32, piece: int, fps: Fraction) -> None:
    sound, duration_s = speech(demo), len(demo) / SPEECH_RATE_HZ
    knobs = Settings(inference_steps=3, fps=fps, expression="lively")
    whole = list(drive(sound, knobs, duration_s, piece=10_000))
    pieces = list(drive(sound, knobs, duration_s, piece=piece))
    assert len(whole) == 1
    assert len(pieces) > 1
    assert len(join(pieces)) == round(duration_s * fps)
    assert_same(join(pieces), whole[0], 1e-4)


def test_head_and_eyes_of_an_opening_are_those_of_the_whole(demo: F32) -> None:
    long = np.resize(demo, 120 * SPEECH_RATE_HZ)
    knobs = {"seed": 3, "blink_scale": 1.0, "manner": MANNERS["lively"]}
    whole = NonverbalGenerator(long, FPS, **knobs).until(3000)
    growing = NonverbalGenerator(long, FPS, **knobs)
    for end in (10, 300, 900, 1500, 3000):
        opening = growing.until(end)
        for name in ("pose_deg", "shift", "lids", "gaze", "brows", "smile", "parted_mm"):
            np.testing.assert_allclose(getattr(opening, name)[:end], getattr(whole, name)[:end], atol=1e-5)


def test_the_first_piece_of_an_hour_reads_only_its_beginning() -> None:
    class Hour:
        furthest = 0

        def __len__(self) -> int:
            return 3600 * SPEECH_RATE_HZ

        def __getitem__(self, part: slice, /) -> F32:
            start, stop, _ = part.indices(len(self))
            self.furthest = max(self.furthest, stop)
            return np.zeros(stop - start, np.float32)

    hour = Hour()
    pieces = drive(Speech(hour, Sound(Path("hour.wav"), "0" * 64)), Settings(inference_steps=1), 3600.0)
    assert hour.furthest == 0
    assert 200 <= len(next(pieces)) <= 300
    assert hour.furthest < 60 * SPEECH_RATE_HZ
