"""Sound without a voice: noise, hum, chords, beats and breath. Under all of it lips stay closed."""

from collections.abc import Iterator

import numpy as np

from sonic.training.distort import coloured_noise
from sonic.training.phones import SILENCE
from sonic.training.sound import Utterance, n_labels
from sonic.types import F64, SPEECH_RATE_HZ

LENGTH_S = 6.0
SPEAKER = "noise"
"""What such utterances are said by."""


def noises(count: int, rng: np.random.Generator) -> Iterator[Utterance]:
    """``count`` pieces of six seconds, labelled as silence."""
    n = round(LENGTH_S * SPEECH_RATE_HZ)
    kinds = (_swelling_noise, _music, _music, _breaths, _nearly_nothing)
    for i in range(count):
        sound = kinds[i % len(kinds)](n, rng)
        sound = sound / max(float(np.abs(sound).max()), 1e-9) * 10 ** rng.uniform(-2.5, -0.1)
        labels = np.full(n_labels(n), SILENCE, np.uint8)
        yield Utterance(f"noise{i:04d}", SPEAKER, "train", (sound * 32767).astype(np.int16), "", labels)


def _swelling_noise(n: int, rng: np.random.Generator) -> F64:
    """Noise that comes and goes, at times at once."""
    knots = rng.uniform(-1.5, 0, 8)
    sound = coloured_noise(n, rng) * 10 ** np.interp(np.linspace(0, 7, n), np.arange(8), knots)
    if rng.random() < 0.4:
        first, last = np.sort(rng.integers(0, n, 2))
        sound[first:last] = 0
    return np.asarray(sound)


def _music(n: int, rng: np.random.Generator) -> F64:
    """Chords or a tune of tones with harmonics, plucked or held, with or without a beat."""
    t = np.arange(n) / SPEECH_RATE_HZ
    beat_s = rng.uniform(0.18, 0.9)
    beat = (t / beat_s).astype(int)
    since = t - beat * beat_s
    voices, decay, bright = int(rng.integers(1, 5)), rng.uniform(0, 7), rng.uniform(0.6, 2.2)
    notes = 110 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 19, 24], (beat[-1] + 1, voices)) / 12)
    phase = 2 * np.pi * np.cumsum(notes[beat], axis=0) / SPEECH_RATE_HZ
    sound = sum(np.sin(k * phase).sum(1) / k**bright for k in range(1, 7)) * np.exp(-decay * since)
    if rng.random() < 0.6:
        sound = sound + rng.uniform(0.3, 2) * rng.standard_normal(n) * np.exp(-rng.uniform(15, 60) * since)
    return np.asarray(sound)


def _breaths(n: int, rng: np.random.Generator) -> F64:
    """Puffs of noise through one wide resonance, half a second long."""
    sound = np.zeros(n)
    for start in np.cumsum(rng.uniform(0.8, 2.5, 8)):
        size, first = int(rng.uniform(0.25, 0.8) * SPEECH_RATE_HZ), int(start * SPEECH_RATE_HZ)
        if first + size < n:
            sound[first : first + size] += np.hanning(size) * _around(rng.uniform(700, 3500), size, rng)
    return sound + 1e-3 * rng.standard_normal(n)


def _around(centre_hz: float, n: int, rng: np.random.Generator) -> F64:
    hz = np.fft.rfftfreq(n, 1 / SPEECH_RATE_HZ)
    shape = np.exp(-(((hz - centre_hz) / (0.6 * centre_hz)) ** 2))
    return np.asarray(np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * shape, n))


def _nearly_nothing(n: int, rng: np.random.Generator) -> F64:
    """The hiss and hum of an input without a source."""
    hum = np.sin(2 * np.pi * rng.choice([50.0, 60.0]) * np.arange(n) / SPEECH_RATE_HZ)
    return np.asarray(coloured_noise(n, rng) + rng.uniform(0, 3) * hum)
