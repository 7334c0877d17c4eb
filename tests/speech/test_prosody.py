"""Speech and silence are told apart in quiet, noisy and clipped recordings; nothing is found where there is nothing."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonic.speech.prosody import REACH_S, Prosody, judged, prosody
from sonic.types import F32, SPEECH_RATE_HZ

PHRASES_S = ((0.5, 2.0), (2.8, 4.4), (5.4, 7.0))


def voice(phrases: tuple[tuple[float, float], ...] = PHRASES_S, seconds: float = 8.0, pitch_hz: float = 120.0) -> F32:
    """Syllables of a buzz with three formants at five a second; digital silence elsewhere."""
    t = np.arange(round(seconds * SPEECH_RATE_HZ)) / SPEECH_RATE_HZ
    buzz = sum(
        np.exp(-(((k * pitch_hz - f) / 220) ** 2)) * np.sin(2 * np.pi * k * pitch_hz * t)
        for k in range(1, 25)
        for f in (500, 1400, 2400)
    )
    syllables = 0.12 + 0.88 * np.sin(np.pi * 2.5 * t) ** 2
    spoken = np.zeros(len(t))
    for start, stop in phrases:
        spoken[(t >= start) & (t < stop)] = 1.0
    return (0.1 * buzz * syllables * spoken).astype(np.float32)


def true_mask(n: int, fps: float = 25.0) -> np.ndarray:
    t = np.arange(n) / fps
    return np.any([(t >= a) & (t < b) for a, b in PHRASES_S], axis=0)


def agreement(found: Prosody) -> float:
    return float((found.speaking == true_mask(len(found), float(found.fps))).mean())


@pytest.mark.parametrize("gain", [1.0, 0.02, 0.003])
def test_speech_is_found_at_any_level(gain: float) -> None:
    assert agreement(prosody(voice() * np.float32(gain))) > 0.95


@pytest.mark.parametrize("snr_db", [20, 10, 6])
def test_speech_is_found_in_noise(snr_db: float) -> None:
    clean = voice()
    power = float((clean[true_mask(len(clean), SPEECH_RATE_HZ)] ** 2).mean())
    noise = np.random.default_rng(0).standard_normal(len(clean)) * (power * 10 ** (-snr_db / 10)) ** 0.5
    assert agreement(prosody((clean + noise).astype(np.float32))) > 0.9


def test_speech_is_found_in_a_clipped_recording() -> None:
    noise = np.random.default_rng(0).standard_normal(8 * SPEECH_RATE_HZ).astype(np.float32) * 1e-4
    assert agreement(prosody(np.clip((voice() + noise) * 50, -1, 1))) > 0.93


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(48_000, np.float32),
        np.random.default_rng(0).standard_normal(48_000).astype(np.float32) * np.float32(0.1),
        np.random.default_rng(0).standard_normal(48_000).astype(np.float32) * np.float32(1e-4),
        np.ones(48_000, np.float32),
        np.full(48_000, np.nan, np.float32),
        np.zeros(0, np.float32),
        np.zeros(1, np.float32),
    ],
    ids=["silence", "hiss", "faint hiss", "constant", "not a number", "nothing", "one sample"],
)
def test_nobody_speaks_in_silence_and_steady_noise(samples: F32) -> None:
    found = prosody(samples)
    assert not found.speaking.any()
    assert not found.emphasis.any()
    assert not found.phrase_end.any()
    assert np.isfinite(found.loudness_db).all()


def test_phrases_end_once_and_soon_after_the_voice_does() -> None:
    ends_s = np.flatnonzero(prosody(voice()).phrase_end) / 25
    assert len(ends_s) == 3
    assert np.abs(ends_s - [stop for _, stop in PHRASES_S]).max() < 0.2


@pytest.mark.parametrize("fps", [Fraction(25, 2), Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_any_frame_rate_covers_the_whole_recording(fps: Fraction) -> None:
    found = prosody(voice(), fps)
    assert len(found) == int(np.ceil(8 * fps)) + 1
    assert agreement(found) > 0.93


def test_a_louder_and_higher_syllable_is_the_emphasised_one() -> None:
    calm, high = voice(((0.4, 4.0),), 4.4), voice(((0.4, 4.0),), 4.4, pitch_hz=165.0) * 2
    samples = calm.copy()
    word = slice(round(2.0 * SPEECH_RATE_HZ), round(2.4 * SPEECH_RATE_HZ))
    samples[word] = high[word]
    found = prosody(samples)
    assert 2.0 <= np.argmax(found.emphasis) / 25 <= 2.4
    assert found.emphasis.max() <= 1
    assert found.pitch_st[52:58].mean() == pytest.approx(12 * np.log2(165 / 120), abs=1.0)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), end=st.integers(25 * 26, 25 * 90), calm=st.floats(1, 60))
def test_what_comes_much_later_changes_nothing(seed: int, end: int, calm: float) -> None:
    rng = np.random.default_rng(seed)
    loud = np.convolve(rng.standard_normal(25 * 100 + 500), np.hanning(int(calm) + 2), "same")[: 25 * 100]
    level_and_pitch = np.stack([-35 + 12 * loud / loud.std(), np.where(loud > 0, rng.uniform(80, 220, len(loud)), 0.0)])
    whole, part = judged(level_and_pitch, Fraction(25)), judged(level_and_pitch[:, :end], Fraction(25))
    n = end - int(REACH_S * 25)
    for name in ("loudness_db", "speaking", "pitch_st", "emphasis", "phrase_end"):
        assert np.array_equal(getattr(whole, name)[:n], getattr(part, name)[:n]), name
