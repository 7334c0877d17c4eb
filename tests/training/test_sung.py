"""Held vowels: longer where the voice is, at its pitch, and the motion goes along."""

import numpy as np
import pytest

from sonic.training.sound import UNKNOWN, Utterance
from sonic.training.sung import HELD, TEMPO, held_motion, held_places, held_utterances, stretched, voiced
from sonic.types import F32, SPEECH_RATE_HZ

PITCH_HZ = 160


def vowel(seconds: float) -> F32:
    t = np.arange(round(seconds * SPEECH_RATE_HZ)) / SPEECH_RATE_HZ
    return (0.2 * sum(np.sin(2 * np.pi * k * PITCH_HZ * t) / k for k in range(1, 8))).astype(np.float32)


def hiss(seconds: float) -> F32:
    return (0.03 * np.random.default_rng(0).standard_normal(round(seconds * SPEECH_RATE_HZ))).astype(np.float32)


def clip(key: str = "a") -> Utterance:
    """Three vowels of 0.3 s between hisses of 0.2 s."""
    sound = np.concatenate([*[hiss(0.2), vowel(0.3)] * 3, hiss(0.2)])
    labels = np.full(len(sound) // 320 + 1, UNKNOWN, np.uint8)
    return Utterance(key, "anna", "train", (sound * 32767).astype(np.int16), "AA", labels)


def test_the_voice_is_found() -> None:
    found = voiced(clip().samples.astype(np.float32) / 32768)
    assert found[25:45].all()
    assert not found[5:15].any()
    assert not voiced(np.zeros(1000, np.float32)).any()
    assert len(voiced(np.zeros(0, np.float32))) == 0


@pytest.mark.parametrize("key", list("abcdef"))
def test_vowels_last_longer_and_the_rest_keeps_its_pace(key: str) -> None:
    places = held_places(clip(key))
    pace = np.diff(places) * 100
    assert (pace > 0).all()
    assert places[-1] <= len(clip().samples) / SPEECH_RATE_HZ
    quiet = (places[:-1] < 0.17) | (places[:-1] > 1.55)
    assert (np.abs(pace[quiet] - np.median(pace[quiet])) < 0.02).all()
    assert TEMPO[0] - 0.02 <= np.median(pace[quiet]) <= TEMPO[1] + 0.02
    np.testing.assert_array_equal(places, held_places(clip(key)))


def test_a_stretched_vowel_keeps_its_pitch() -> None:
    sound = stretched(vowel(0.5), np.linspace(0.05, 0.4, 150))
    assert len(sound) == 150 * SPEECH_RATE_HZ // 100
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert np.argmax(spectrum) * SPEECH_RATE_HZ / len(sound) == pytest.approx(PITCH_HZ, abs=3)
    assert sound.std() == pytest.approx(vowel(0.5).std(), rel=0.15)


def test_motion_goes_with_the_sound() -> None:
    own = clip("b")
    (held,) = held_utterances([own])
    assert held.key == "b" + HELD and not held.phones
    opening = np.interp(np.arange(43) / 25, [0.2, 0.25, 0.45, 0.5], [0, 1, 1, 0])[:, None].astype(np.float32)
    moved = held_motion(own, opening)[:, 0]
    assert abs(len(moved) - len(held.samples) / 640) <= 1
    heard = np.abs(held.samples[: len(moved) * 640].reshape(-1, 640) / 32768).mean(1) > 0.05
    first = np.flatnonzero(moved > 0.5)
    assert heard[first[1] : first[-1]].mean() > 0.9
