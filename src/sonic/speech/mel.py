"""Log-mel spectrogram: 80 bins of the Slaney scale, 100 frames a second, in numpy.

Frame i is centred on sample 160 i. Every frame depends on 512 samples and on one number for the whole recording, its
speech level, so a recording may be processed in pieces: cut anywhere, the frames are the same.
"""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from sonic.types import F32, F64, SPEECH_RATE_HZ, Samples, Waveform

N_MELS = 80
HOP = SPEECH_RATE_HZ // 100
WINDOW = SPEECH_RATE_HZ // 40
"""25 ms, Hann."""
N_FFT = 512
FLOOR = 1e-6
"""Power below -60 dB of the speech level is silence."""
MIN_LEVEL = 1e-6
"""A recording below about -60 dBFS is not amplified further: hiss stays hiss."""
_BLOCK = 1000
CENTRE, SPREAD = -3.0, 1.5
"""Brings log10 power to about zero mean and unit variance."""


def hz_from_mel(mel: ArrayLike) -> F64:
    """Slaney 1998 (Auditory Toolbox): linear below 1 kHz, logarithmic above."""
    m = np.asarray(mel, np.float64)
    return np.where(m < 15, m * 200 / 3, 1000 * np.exp((m - 15) * np.log(6.4) / 27))


def mel_filters(warp: float = 1.0) -> F32:
    """(N_MELS, 257) triangles of unit area-per-band over 60..7600 Hz; ``warp`` scales the frequencies (vocal-tract
    length)."""
    low, high = 60 * 3 / 200, 15 + 27 * np.log(7600 / 1000) / np.log(6.4)
    edges = hz_from_mel(np.linspace(low, high, N_MELS + 2)) * warp
    bins = np.fft.rfftfreq(N_FFT, 1 / SPEECH_RATE_HZ)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre))
    triangles = np.maximum(triangles, 0)
    return np.asarray(triangles / np.maximum(triangles.sum(1, keepdims=True), 1e-8), np.float32)


@cache
def _filters() -> F32:
    return mel_filters()


def power_frames(samples: Waveform) -> F32:
    """(N,) samples -> (N // HOP + 1, 257) power spectrum; a full-scale sine has about 0 dB in its bin."""
    n_frames = len(samples) // HOP + 1
    padded = np.zeros((n_frames - 1) * HOP + N_FFT, np.float32)
    room = len(padded) - N_FFT // 2
    padded[N_FFT // 2 :][: min(len(samples), room)] = samples[:room]
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    window = np.zeros(N_FFT, np.float32)
    start = (N_FFT - WINDOW) // 2
    window[start : start + WINDOW] = np.hanning(WINDOW + 1)[:-1]
    spectrum = np.fft.rfft(frames * (window * (2 / window.sum())), axis=-1)
    return np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)


def speech_level(samples: Samples) -> float:
    """Power of the loud parts: the 95th percentile of 25 ms frames' mean squares, at least MIN_LEVEL."""
    n = len(samples) // WINDOW * WINDOW
    squares = [np.zeros(0, np.float32)]
    for first in range(0, n, _BLOCK * WINDOW):
        frames = samples[first : min(first + _BLOCK * WINDOW, n)].reshape(-1, WINDOW)
        squares.append(np.einsum("nw,nw->n", frames, frames, dtype=np.float32) / WINDOW)
    levels = np.concatenate(squares)
    return max(float(np.percentile(levels, 95)), MIN_LEVEL) if len(levels) else MIN_LEVEL


def log_mel(samples: Samples, level: float, *, start: int = 0, stop: int | None = None) -> F32:
    """(N,) samples at 16 kHz -> (N // HOP + 1, 80) log-mel, about zero mean and unit variance.

    ``start`` and ``stop`` ask for a part of the frames. ``level`` is speech_level of the whole recording: it makes the
    result independent of the recording's gain.
    """
    n_frames = len(samples) // HOP + 1
    stop = n_frames if stop is None else min(stop, n_frames)
    blocks = [np.zeros((0, N_MELS), np.float32)]
    # Pieces of ten seconds keep the memory flat: a spectrum is 20 times the size of its sound.
    for first in range(start, stop, _BLOCK):
        last = min(first + _BLOCK, stop)
        piece = _piece(samples, first, last)
        blocks.append(normalised(power_frames(piece)[2 : 2 + last - first] @ _filters().T, level))
    return np.concatenate(blocks)


def _piece(samples: Samples, start: int, stop: int) -> F32:
    """The samples of frames start - 2 .. stop + 2, zeros outside the recording."""
    first, last = (start - 2) * HOP, (stop + 2) * HOP
    inside = samples[max(first, 0) : last].astype(np.float32)
    return np.pad(inside, (max(-first, 0), max(0, last - max(first, 0) - len(inside))))


def normalised(mel_power: F32, level: float) -> F32:
    """Band powers -> the encoder's input."""
    return np.asarray((np.log10(mel_power / np.float32(level) + FLOOR) - CENTRE) / SPREAD, np.float32)
