"""What recordings suffer: noise, rooms, narrow bands and other levels, on the samples themselves."""

import numpy as np

from sonic.types import F32, F64, SPEECH_RATE_HZ

PLAIN_SHARE = 0.4
"""Of recordings that stay as they are."""
SNR_DB = (3.0, 35.0)
ROOM_SHARE, ROOM_S, ROOM_LEVEL = 0.4, (0.15, 0.6), (0.02, 0.15)
BAND_SHARE, BAND_HZ = 0.25, (1800.0, 6000.0)
GAIN_DB = (-12.0, 6.0)


def distorted(samples: F32, rng: np.random.Generator) -> F32:
    """(N,) at 16 kHz, by chance with a room, a narrower band, noise of some colour, and another level."""
    if rng.random() < PLAIN_SHARE or not len(samples):
        return samples
    sound = samples.astype(np.float64)
    if rng.random() < ROOM_SHARE:
        sound = _in_a_room(sound, rng)
    if rng.random() < BAND_SHARE:
        sound = _low_passed(sound, rng.uniform(*BAND_HZ))
    loud = np.sqrt(np.percentile(sound**2, 90)) + 1e-5
    sound = sound + loud * 10 ** (-rng.uniform(*SNR_DB) / 20) * coloured_noise(len(sound), rng)
    sound = sound * 10 ** (rng.uniform(*GAIN_DB) / 20)
    return np.asarray(np.clip(sound, -1, 1), np.float32)


def coloured_noise(n: int, rng: np.random.Generator) -> F64:
    """(n,) of unit variance whose spectrum falls with the frequency, from not at all to as brown noise does."""
    hz = np.fft.rfftfreq(n, 1 / SPEECH_RATE_HZ)
    spectrum = np.fft.rfft(rng.standard_normal(n)) * (np.maximum(hz, 50) / 1000) ** -rng.uniform(0, 1)
    noise = np.fft.irfft(spectrum, n)
    return np.asarray(noise / max(float(noise.std()), 1e-9))


def _in_a_room(sound: F64, rng: np.random.Generator) -> F64:
    """With an exponential tail of noise, as a room's echo is."""
    n = int(rng.uniform(*ROOM_S) * SPEECH_RATE_HZ)
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n) * rng.uniform(*ROOM_LEVEL)
    tail[0] = 1.0
    size = len(sound) + n
    return np.asarray(np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)[: len(sound)])


def _low_passed(sound: F64, edge_hz: float) -> F64:
    hz = np.fft.rfftfreq(len(sound), 1 / SPEECH_RATE_HZ)
    return np.asarray(np.fft.irfft(np.fft.rfft(sound) / (1 + (hz / edge_hz) ** 12), len(sound)))
