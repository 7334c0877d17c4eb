"""Whisper's features: those of an independent reading of its weights, and the same whatever is asked for when."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonic.speech.encoders.whisper import GRID, LENGTH, WIDTH, WhisperListener, log_mel, loud_power, shipped_encode
from sonic.types import F32

GOLDEN = Path(__file__).parents[1] / "golden" / "whisper.npz"


def sound() -> F32:
    """Six seconds of two tones that come and go."""
    t = np.arange(6 * 16000) / 16000
    low = 0.1 * np.sin(2 * np.pi * (150 + 40 * np.sin(2 * np.pi * 0.7 * t)) * t) * (np.sin(2 * np.pi * 3 * t) > -0.2)
    high = 0.05 * np.sin(2 * np.pi * 2200 * t) * (np.sin(2 * np.pi * 2.1 * t) > 0.5)
    return np.asarray(low + high, np.float32)


def test_features_are_those_of_an_independent_reading_of_the_published_weights() -> None:
    with np.load(GOLDEN) as golden:
        frames, expected = golden["frames"], golden["features"]
    found = WhisperListener(sound(), shipped_encode()).frames(0, 250)[frames]
    np.testing.assert_allclose(found, expected, atol=5e-3 * expected.std())


def encode(mel: F32) -> F32:
    """Stands in for the network: what a frame says depends on all of the window and on its place, as Whisper's does."""
    own = mel.reshape(80, LENGTH, 2).mean((0, 2))
    place = np.linspace(0, 1, LENGTH)
    return np.outer(own + own.mean() + place, np.linspace(0.5, 1, WIDTH)).astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(seconds=st.floats(0.1, 40), cuts=st.lists(st.integers(-40, 2100), min_size=2, max_size=8))
def test_features_do_not_depend_on_what_is_asked_for_at_once(seconds: float, cuts: list[int]) -> None:
    samples = np.random.default_rng(0).uniform(-0.3, 0.3, round(16000 * seconds)).astype(np.float32)
    places = sorted(cuts)
    whole = WhisperListener(samples, encode).frames(places[0], places[-1])
    listener = WhisperListener(samples, encode)
    pieces = [listener.frames(a, b) for a, b in itertools.pairwise(places)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_an_opening_is_heard_as_the_whole_is_but_for_its_last_window() -> None:
    samples = np.random.default_rng(1).uniform(-0.3, 0.3, 16000 * 30).astype(np.float32)
    samples[16000 * 20 :] *= 3  # what comes later is louder
    opening, whole = (WhisperListener(part, encode).frames(0, 600) for part in (samples[: 16000 * 20], samples))
    np.testing.assert_array_equal(opening[: 2 * GRID], whole[: 2 * GRID])


def test_an_hour_keeps_a_few_windows() -> None:
    class Hour:
        largest = 0

        def __len__(self) -> int:
            return 3600 * 16000

        def __getitem__(self, part: slice, /) -> F32:
            start, stop, _ = part.indices(len(self))
            self.largest = max(self.largest, stop - start)
            return np.zeros(stop - start, np.float32)

    hour, calls = Hour(), []
    listener = WhisperListener(hour, lambda mel: calls.append(1) or np.zeros((LENGTH, WIDTH), np.float32))
    for first in range(0, 180_000, 700):
        listener.frames(first, first + 700)
    assert hour.largest <= 16000 * 31
    assert len(calls) <= 180_000 / GRID + 3  # each window once
    assert len(listener._windows) <= 5


def test_loudness_of_the_recording_does_not_matter() -> None:
    loud, quiet = (WhisperListener(sound() * np.float32(g), shipped_encode()).frames(50, 250) for g in (2.0, 0.05))
    np.testing.assert_allclose(loud, quiet, atol=0.02)


@pytest.mark.parametrize("n", [0, 1, 399, 16000])
def test_any_length(n: int) -> None:
    features = WhisperListener(np.zeros(n, np.float32), encode).frames(-24, 80)
    assert features.shape == (104, WIDTH)
    assert np.isfinite(features).all()
    assert loud_power(np.zeros(n, np.float32)) > 0


def test_log_mel_covers_the_sound_a_frame_each_ten_milliseconds() -> None:
    pulse = np.zeros(400 + 160 * 50, np.float32)
    pulse[200 + 160 * 20] = 1.0
    mel = log_mel(pulse)
    assert mel.shape == (80, 50)
    assert int(mel.sum(0).argmax()) == 20
