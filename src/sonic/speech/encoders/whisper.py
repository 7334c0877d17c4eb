"""The first layers of OpenAI's Whisper (Radford et al. 2022), over windows on a fixed grid in the recording.

Whisper's attention sees whole windows and its frames know their place in them, so what a frame says depends on where
the window lies. Here windows lie on a grid that starts with the recording: 6 s each and 1 s more on either side, always
of the same length, with silence outside the recording. Neighbouring windows fade into each other over half a second.
So every piece of a recording is heard the same way, whoever asks for it, and an opening of a recording is heard as the
whole is, but for its last window.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from sonic.types import F32, F64, SPEECH_RATE_HZ, Samples
from sonic.weights import session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

WIDTH = 512
"""Channels of Whisper base."""
N_MELS = 80
N_FFT = 400
HOP = SPEECH_RATE_HZ // 100
STEP = 2 * HOP
"""Samples in a frame of features."""
GRID, CONTEXT = 300, 50
"""Frames of a window, and the frames that it sees on either side besides."""
LENGTH = GRID + 2 * CONTEXT
FADE = 12
"""Frames on either side of a join over which two windows are mixed."""
MEMORY_S = 22.0
"""How far before a window its loudness is judged."""
LOUD_PERCENTILE = 98.0
LOUD_POWER = 10**-2.5
"""Mean square of the loud parts after normalisation: that of a well-levelled recording."""
MIN_POWER = 1e-6
"""A recording below about -60 dBFS is not amplified further: hiss stays hiss."""
_BLOCK = SPEECH_RATE_HZ // 40

Encode = Callable[[F32], F32]
"""(80, 2 LENGTH) log-mel -> (LENGTH, WIDTH) features."""


def encode_with(network: "InferenceSession") -> Encode:
    """The network of whisper.onnx, opened."""
    return lambda mel: np.asarray(network.run(None, {"mel": mel[None]})[0][0], np.float32)


def shipped_encode() -> Encode:
    """The shipped network. Raises InstallError if its file is missing or damaged."""
    return encode_with(session("whisper"))


class WhisperListener:
    """Implements encoders.Listener for (N,) samples at 16 kHz."""

    width = WIDTH

    def __init__(self, samples: Samples, encode: Encode) -> None:
        self._samples, self._encode = samples, encode
        self._windows: dict[int, F32] = {}

    def frames(self, first: int, last: int) -> F32:
        """As encoders.Listener."""
        low, high = (first - FADE) // GRID, (last - 1 + FADE) // GRID
        self._windows = {k: v for k, v in self._windows.items() if k >= low}
        pieces = [self._own(k, max(first, k * GRID), min(last, (k + 1) * GRID)) for k in range(low, high + 1)]
        return np.asarray(np.concatenate([np.zeros((0, self.width), np.float32), *pieces]))

    def _own(self, k: int, first: int, last: int) -> F32:
        """Frames of the grid's cell ``k``, faded into its neighbours at its ends."""
        if last <= first:
            return np.zeros((0, self.width), np.float32)
        at = np.arange(first, last)
        out: F32 = self._window(k)[at - k * GRID + CONTEXT]
        for other, distance in ((k - 1, at - k * GRID + 0.5), (k + 1, (k + 1) * GRID - 0.5 - at)):
            near = (distance < FADE) & (min(k, other) >= 0)  # nothing fades into the silence before the recording
            if near.any():
                share = (0.5 * (1 - distance[near] / FADE))[:, None].astype(np.float32)
                theirs = self._window(other)[at[near] - other * GRID + CONTEXT]
                out[near] += share * (theirs - out[near])
        return out

    def _window(self, k: int) -> F32:
        if k not in self._windows:
            self._windows[k] = self._encode(self._mel(k))
        return self._windows[k]

    def _mel(self, k: int) -> F32:
        start = (k * GRID - CONTEXT) * STEP
        margin = N_FFT // 2
        first, last = start - margin, start + LENGTH * STEP + margin
        inside = self._samples[max(first, 0) : max(last, 0)].astype(np.float32)
        before = max(-first, 0)
        sound = np.pad(inside, (before, last - first - before - len(inside)))
        heard = self._samples[max(first - round(MEMORY_S * SPEECH_RATE_HZ), 0) : max(last, 0)].astype(np.float32)
        return log_mel(sound * np.float32(np.sqrt(LOUD_POWER / loud_power(heard))))


def loud_power(samples: F32) -> float:
    """Mean square of the loud parts: a high percentile over blocks of 25 ms, at least MIN_POWER."""
    blocks = samples[: len(samples) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    if not len(blocks):
        return MIN_POWER
    power = np.einsum("nw,nw->n", blocks, blocks) / _BLOCK
    return max(float(np.percentile(power, LOUD_PERCENTILE)), MIN_POWER)


def log_mel(sound: F32) -> F32:
    """(n HOP + N_FFT,) samples -> (80, n) as Whisper was trained on it: frame i is centred on sample HOP i + 200."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, N_FFT)[::HOP][: (len(sound) - N_FFT) // HOP]
    spectrum = np.fft.rfft(frames * np.hanning(N_FFT + 1)[:-1].astype(np.float32), axis=-1)
    power = np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)
    level = np.log10(np.maximum(power @ mel_filters().T, 1e-10))
    return np.ascontiguousarray((np.maximum(level, level.max() - 8) + 4).T / 4, np.float32)


@cache
def mel_filters() -> F32:
    """(80, 201) triangles of unit area on the Slaney scale, 0 to 8 kHz."""
    hz = np.fft.rfftfreq(N_FFT, 1 / SPEECH_RATE_HZ)
    edges = _hz_from_mel(np.linspace(0, 15 + 27 * np.log(8000 / 1000) / np.log(6.4), N_MELS + 2))
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.maximum(np.minimum((hz - low) / (centre - low), (high - hz) / (high - centre)), 0)
    return np.asarray(triangles * 2 / (high - low), np.float32)


def _hz_from_mel(mel: F64) -> F64:
    """Slaney 1998 (Auditory Toolbox): linear below 1 kHz, logarithmic above."""
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))
