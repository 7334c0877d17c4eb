"""Sampling from a diffusion model in numpy: schedule, DPM-Solver++(2M), networks called in pieces, motion for speech.

Time runs from 1 (noise) to 0 (data) on the cosine schedule of Nichol and Dhariwal 2021 without its offset:
x_t = cos(pi t / 2) x_0 + sin(pi t / 2) noise. The model predicts x_0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import numpy as np

from sonic.mel import HOP, log_mel, speech_level
from sonic.types import F32, F64, SPEECH_RATE_HZ, Samples

Denoise = Callable[[F32, float], F32]
"""(x_t (T, C), t) -> predicted x_0 (T, C)."""

FPS = 25
"""Rate of the motion latents."""
STEP = SPEECH_RATE_HZ // FPS
"""Samples in a frame of motion."""
MELS = STEP // HOP
PAD = 12
"""Frames of silence before and after the recording: its ends are treated like any pause."""
HALO = 32
"""Frames to either side that an output of each network depends on, at most (train/networks.py: 28 and 32)."""
PIECE = 300
"""Frames in one call of a network: 12 s. Longer pieces waste less on halos but need more memory."""

T_FIRST, T_LAST = 0.995, 0.02
"""The sampler's first and last noise level; beyond them the prediction is returned as it is."""


def alpha_sigma(t: F64 | float) -> tuple[F64, F64]:
    """Share of the data and of the noise at time t; their squares sum to one."""
    angle = np.asarray(t, np.float64) * (np.pi / 2)
    return np.cos(angle), np.sin(angle)


def noise(n_frames: int, channels: int, rng: np.random.Generator) -> F32:
    """(n_frames, channels) of unit variance; frame i is the same for every n_frames > i."""
    return rng.standard_normal((n_frames, channels), dtype=np.float32)


def sample(
    denoise: Denoise, x: F32, steps: int, on_step: Callable[[int], None] | None = None, *, chance: float = 1.0
) -> F32:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2) from noise ``x`` (T, C) to data in ``steps`` calls of ``denoise``.

    One step returns the prediction from pure noise; ``on_step`` hears how many steps are done.
    ``chance`` is the share of the sample's own variation that is kept: the first prediction, from noise alone, is the
    mean of all samples, and the result lies between it (0) and the sample (1).
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    times = np.linspace(T_FIRST, T_LAST, steps) if steps > 1 else np.array([T_FIRST])
    alpha, sigma = alpha_sigma(times)
    half_snr = np.log(alpha / sigma)
    mean = data = last = x
    for i, t in enumerate(times):
        data = denoise(x, float(t))
        mean = data if i == 0 else mean
        if on_step:
            on_step(i + 1)
        if i + 1 < steps:
            h = half_snr[i + 1] - half_snr[i]
            estimate = data
            if i:
                r = (half_snr[i] - half_snr[i - 1]) / h
                estimate = data + np.float32(1 / (2 * r)) * (data - last)
            x = np.float32(sigma[i + 1] / sigma[i]) * x - np.float32(alpha[i + 1] * np.expm1(-h)) * estimate
            last = data
    return mean + np.float32(chance) * (data - mean)


def in_pieces(run: Callable[[int, int], F32], n_frames: int, *, piece: int, halo: int) -> F32:
    """``run`` over n_frames, ``piece`` frames at a time: equal to run(0, n_frames), with flat memory.

    ``run(first, last)`` gives the (last - first, D) outputs of these frames, seeing nothing beyond them; each output
    depends on at most ``halo`` frames to either side.
    """
    out: F32 | None = None
    for start in range(0, n_frames, piece):
        stop = min(start + piece, n_frames)
        first, last = max(start - halo, 0), min(stop + halo, n_frames)
        part = run(first, last)[start - first : stop - first]
        if out is None:
            out = np.empty((n_frames, part.shape[1]), part.dtype)
        out[start:stop] = part
    if out is None:
        raise ValueError(f"n_frames must be at least 1, got {n_frames}")
    return out


@dataclass(frozen=True, slots=True)
class Networks:
    """The two trained networks, by whatever runs them."""

    hear: Callable[[F32], F32]
    """Log-mel (4 N, 80) -> (N, C): what the denoiser hears."""
    denoise: Callable[[F32, float, F32], F32]
    """(x_t (N, channels), t, heard (N, C)) -> predicted x_0 (N, channels)."""
    channels: int
    """Motion latents in a frame."""


def speech_latents(
    samples: Samples,
    networks: Networks,
    *,
    steps: int,
    seed: int,
    chance: float = 1.0,
    on_step: Callable[[int], None] | None = None,
) -> F32:
    """(T, channels) motion latents at 25 fps for (N,) samples at 16 kHz; T = ceil(seconds * 25) + 1."""
    n = ceil(len(samples) / STEP) + 1
    heard = _heard(samples, n + 2 * PAD, networks)
    start = noise(len(heard), networks.channels, np.random.default_rng(seed))

    def denoise(x: F32, t: float) -> F32:
        def run(first: int, last: int) -> F32:
            return networks.denoise(x[first:last], t, heard[first:last])

        return in_pieces(run, len(x), piece=PIECE, halo=HALO)

    return sample(denoise, start, steps, on_step, chance=chance)[PAD : PAD + n]


def _heard(samples: Samples, n_frames: int, networks: Networks) -> F32:
    """(n_frames, C), the recording starting at frame PAD; beyond its ends is silence."""
    level = speech_level(samples)
    silence = log_mel(np.zeros(0, np.float32), 1.0)

    def run(first: int, last: int) -> F32:
        start, stop = MELS * (first - PAD), MELS * (last - PAD)
        mel = log_mel(samples, level, start=max(start, 0), stop=max(stop, 0))
        before = np.repeat(silence, max(min(stop, 0) - start, 0), axis=0)
        after = np.repeat(silence, stop - start - len(before) - len(mel), axis=0)
        return networks.hear(np.concatenate([before, mel, after]))

    return in_pieces(run, n_frames, piece=PIECE, halo=HALO)
