"""Augmentation of speech on its mel power, where noise adds, rooms smear and voices are warped filters."""

import numpy as np
import torch
from torch import Tensor

from sonic.speech.mel import CENTRE, FLOOR, HOP, N_FFT, SPREAD, WINDOW, mel_filters
from sonic.types import SPEECH_RATE_HZ

WARPS = np.geomspace(0.82, 1.22, 13)
PLAIN_SHARE = 0.75
N_BINS = N_FFT // 2 + 1


class Augment:
    """Sound windows -> log-mel, with or without augmentation; owns its generator."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._torch = torch.Generator().manual_seed(seed)
        window = torch.zeros(N_FFT)
        start = (N_FFT - WINDOW) // 2
        window[start : start + WINDOW] = torch.hann_window(WINDOW)
        self._window = window * (2 / window.sum())
        self._filters = torch.from_numpy(np.stack([mel_filters(w) for w in WARPS]))
        hz = torch.linspace(0, SPEECH_RATE_HZ / 2, N_BINS)
        self._plain = torch.from_numpy(mel_filters())
        self._centres = (self._plain @ hz / 1000).reshape(1, 1, -1)

    def power(self, sound: Tensor) -> Tensor:
        """(B, N) -> (B, N // HOP + 1, 257), the same as mel.power_frames."""
        padded = torch.nn.functional.pad(sound, (N_FFT // 2, N_FFT // 2))
        spectrum = torch.stft(padded, N_FFT, HOP, window=self._window, center=False, return_complex=True)
        return (spectrum.real**2 + spectrum.imag**2).transpose(1, 2)

    def clean(self, sound: Tensor, level: Tensor) -> Tensor:
        """(B, N) and (B,) -> (B, N // HOP + 1, 80), the same as mel.log_mel."""
        return self._normalised(self.power(sound) @ self._plain.T, level)

    def noisy(self, sound: Tensor, level: Tensor, length: int) -> Tensor:
        """Random voice, tempo, room, noise, equaliser, band limit and gain: (B, N) -> (B, length, 80).

        The window is stretched or squeezed to ``length`` frames: draw N from ``window_samples``.
        """
        filters = self._filters[torch.from_numpy(self._rng.integers(0, len(WARPS), len(sound)))]
        mel = self._room(torch.bmm(self.power(sound), filters.transpose(1, 2)))
        mel = mel + self._noise(mel, level)
        mel = torch.nn.functional.interpolate(mel.transpose(1, 2), length, mode="linear", align_corners=True).transpose(
            1, 2
        )
        return self._masked(self._normalised(mel * self._equaliser(len(sound)), level))

    def mixed(self, sound: Tensor, level: Tensor, length: int) -> Tensor:
        """As ``noisy``, but most windows are as they were recorded, but for their tempo.

        The encoder has learnt to see through noise; what is learnt from its features loses by more of it.
        """
        plain = self.clean(sound, level).transpose(1, 2)
        plain = torch.nn.functional.interpolate(plain, length, mode="linear", align_corners=True).transpose(1, 2)
        return torch.where(self._chosen(PLAIN_SHARE, len(sound)) > 0, plain, self.noisy(sound, level, length))

    def tempo(self) -> float:
        """A random speed: below 1 is slower speech."""
        return float(np.exp(self._rng.uniform(-0.15, 0.15)))

    def _normalised(self, mel: Tensor, level: Tensor) -> Tensor:
        return (torch.log10(mel / level[:, None, None] + FLOOR) - CENTRE) / SPREAD

    def _uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self._torch) * (high - low) + low

    def _chosen(self, share: float, n: int) -> Tensor:
        return (torch.rand(n, 1, 1, generator=self._torch) < share).float()

    def _room(self, mel: Tensor) -> Tensor:
        """An exponential tail of random length, for a third of the windows."""
        decay = 10 ** (-6 / (100 * float(self._rng.uniform(0.2, 0.7))))
        taps = decay ** torch.arange(1, 40, dtype=torch.float32)
        lag = torch.arange(mel.shape[1])[:, None] - torch.arange(mel.shape[1])[None] - 1
        smear = torch.where((lag >= 0) & (lag < 39), taps[lag.clamp(0, 38)], 0.0) * 0.06
        tail = torch.matmul(smear, mel)
        return mel + tail * self._chosen(0.35, len(mel)) * self._uniform(0.2, 1.5, len(mel), 1, 1)

    def _noise(self, mel: Tensor, level: Tensor) -> Tensor:
        """Coloured noise for all windows (8 to 60 dB below the speech), another voice for some."""
        b, t, k = mel.shape
        colour = self._centres ** self._uniform(-2.5, 0.7, b, 1, 1)
        colour = colour / colour.mean(-1, keepdim=True)
        # A band's power is the mean of a few exponential variables; two keep the grain lively.
        grain = -torch.log(torch.rand(2, b, t, k, generator=self._torch) + 1e-9).mean(0)
        decibel = self._uniform(-60, -8, b, 1, 1)
        noise = level[:, None, None] * 10 ** (decibel / 10) * colour * grain * (3.0 / N_BINS * N_FFT / WINDOW)
        other = (level / level.roll(1, 0))[:, None, None] * 10 ** (self._uniform(-25, -8, b, 1, 1) / 10)
        return noise + mel.roll(1, 0) * other * self._chosen(0.2, b)

    def _equaliser(self, b: int) -> Tensor:
        """Smooth random gain over frequency, and a band limit for some: (B, 1, 80) power factors."""
        knots = self._uniform(-7, 7, b, 1, 6)
        decibel = torch.nn.functional.interpolate(knots, 80, mode="linear", align_corners=True)
        decibel = decibel + self._uniform(-8, 5, b, 1, 1)
        bins = torch.arange(80).reshape(1, 1, 80)
        low = bins > self._uniform(52, 80, b, 1, 1)
        high = bins < self._uniform(0, 8, b, 1, 1)
        return 10 ** (decibel / 10) * torch.where((low | high) & (self._chosen(0.25, b) > 0), 1e-4, 1.0)

    def _masked(self, mel: Tensor) -> Tensor:
        """Up to two masks in time (80 ms) and one in frequency (9 bins), filled with the window's mean."""
        b, t, k = mel.shape
        fill = mel.mean((1, 2), keepdim=True)
        keep = torch.ones(b, t, k, dtype=torch.bool)
        frames, bins = torch.arange(t).reshape(1, t, 1), torch.arange(k).reshape(1, 1, k)
        for _ in range(2):
            start, size = self._uniform(0, t, b, 1, 1), self._uniform(0, 8, b, 1, 1)
            keep &= ~((frames >= start) & (frames < start + size))
        start, size = self._uniform(0, k, b, 1, 1), self._uniform(0, 9, b, 1, 1)
        keep &= ~((bins >= start) & (bins < start + size))
        return torch.where(keep, mel, fill)
