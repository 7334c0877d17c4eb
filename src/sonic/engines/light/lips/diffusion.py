"""Sampling from a diffusion model in numpy: schedule, DPM-Solver++(2M), motion for speech of any length in pieces.

Time runs from 1 (noise) to 0 (data) on the cosine schedule of Nichol and Dhariwal 2021 without its offset:
x_t = cos(pi t / 2) x_0 + sin(pi t / 2) noise. The model predicts x_0.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from sonic.counts import covering_frames
from sonic.engines.light.lips.former import N_COMPONENTS
from sonic.speech.encoders import FEATURE_HZ, Listener
from sonic.speech.encoders.whisper import WhisperListener, encode_with
from sonic.types import F32, F64, SPEECH_RATE_HZ, Samples

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Denoise = Callable[[F32, float], F32]
"""(x_t (T, C), t) -> predicted x_0 (T, C)."""

FPS = 25
"""Rate of the motion latents."""
STEP = SPEECH_RATE_HZ // FPS
"""Samples in a frame of motion."""
INNER = FEATURE_HZ // FPS
"""Frames of features in a frame of motion."""
PAD = 12
"""Frames of silence before and after the recording: its ends are treated like any pause."""
HALO = 32
"""Frames to either side that an output of each network depends on, at most (train/networks.py: 6 and 32)."""
AHEAD = 2 * HALO
"""Frames after a piece that are sampled with it and thrown away: what they lack on their own right has faded by then.
Against 50 s in one piece, latents differ by 1e-6 at most; with HALO frames instead by 1e-3 (bench/pieces.py)."""
PIECE = 300
"""Frames that become final together: 12 s. Longer pieces waste less on halos but need more memory and a longer wait."""

CHANCE = 0.25
"""How much of a sample's own variation is kept: less follows the sound better, and 0 gives every seed the same lips."""
T_FIRST, T_LAST = 0.995, 0.02
"""The sampler's first and last noise level; beyond them the prediction is returned as it is."""


def alpha_sigma(t: F64 | float) -> tuple[F64, F64]:
    """Share of the data and of the noise at time t; their squares sum to one."""
    angle = np.asarray(t, np.float64) * (np.pi / 2)
    return np.cos(angle), np.sin(angle)


def noise(n_frames: int, channels: int, rng: np.random.Generator) -> F32:
    """(n_frames, channels) of unit variance; frame i is the same for every n_frames > i."""
    return rng.standard_normal((n_frames, channels), dtype=np.float32)


def sample(denoise: Denoise, x: F32, steps: int, *, chance: float = 1.0) -> F32:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2) from noise ``x`` (T, C) to data in ``steps`` calls of ``denoise``.

    One step returns the prediction from pure noise. ``chance`` is the share of the sample's own variation that is kept:
    the first prediction, from noise alone, is the mean of all samples, and the result lies between it (0) and the
    sample (1).
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
        if i + 1 < steps:
            h = half_snr[i + 1] - half_snr[i]
            estimate = data
            if i:
                r = (half_snr[i] - half_snr[i - 1]) / h
                estimate = data + np.float32(1 / (2 * r)) * (data - last)
            x = np.float32(sigma[i + 1] / sigma[i]) * x - np.float32(alpha[i + 1] * np.expm1(-h)) * estimate
            last = data
    return mean + np.float32(chance) * (data - mean)


@dataclass(frozen=True, slots=True)
class Networks:
    """The trained networks, by whatever runs them."""

    listen: Callable[[Samples], Listener]
    """The speech encoder at work on a recording."""
    hear: Callable[[F32], F32]
    """Features (INNER N, W) -> (N, C): the expected latents first, then what else is heard."""
    denoise: Callable[[F32, float, F32], F32]
    """(x_t (N, channels), t, expected (N, channels)) -> predicted x_0 (N, channels)."""
    channels: int
    """Motion latents in a frame."""


def networks_of(encoder: "InferenceSession", lips: "InferenceSession", denoiser: "InferenceSession") -> Networks:
    """whisper.onnx, lips.onnx and denoiser.onnx, opened, as the sampler calls them."""

    def denoise(x: F32, t: float, expected: F32) -> F32:
        inputs = {"x": x[None], "t": np.full(1, t, np.float32), "condition": expected[None]}
        return np.asarray(denoiser.run(None, inputs)[0][0], np.float32)

    return Networks(
        listen=lambda samples: WhisperListener(samples, encode_with(encoder)),
        hear=lambda features: np.asarray(lips.run(None, {"features": features[None]})[0][0], np.float32),
        denoise=denoise,
        channels=N_COMPONENTS + 1,
    )


def speech_latents(samples: Samples, networks: Networks, *, steps: int, seed: int, piece: int = PIECE) -> Iterator[F32]:
    """Motion latents at 25 fps for (N,) samples at 16 kHz, and beside them what else is heard, in pieces (n, C), n <=
    ``piece``, as they are asked for; together covering_frames(N, 25) frames, the same for any ``piece`` to some 1e-5.

    Each piece sees, at every step of the sampler, what the piece before it was at that step: no joins, no blending.
    """
    n = covering_frames(len(samples), Fraction(FPS))
    total = n + 2 * PAD
    ear = _Ear(samples, networks)
    rng = np.random.default_rng(seed)
    start = np.empty((0, networks.channels), np.float32)
    before = [start] * steps
    for first in range(0, total, piece):
        last, end = min(first + piece, total), min(first + piece + AHEAD, total)
        left = min(first, HALO)
        start = np.concatenate([start, noise(end - first - len(start), networks.channels, rng)])
        heard = ear.frames(first - left, end)
        carried = _Carried(networks, heard[:, : networks.channels], before, last - first)
        latents = sample(carried.denoise, start, steps, chance=CHANCE)[: last - first]
        before, start = carried.after, start[last - first :]
        final = np.hstack([latents, heard[left : left + last - first, networks.channels :]])
        kept = final[max(PAD - first, 0) : max(PAD + n - first, 0)]
        if len(kept):
            yield kept


class _Carried:
    """The denoiser over one piece, with the end of the piece before it on its left at each step."""

    def __init__(self, networks: Networks, heard: F32, before: list[F32], n: int) -> None:
        self._networks, self._heard, self._before, self._n = networks, heard, before, n
        self.after: list[F32] = []
        """At each step, the last HALO frames of the n that become final."""

    def denoise(self, x: F32, t: float) -> F32:
        """One step of the sampler."""
        left = self._before[len(self.after)]
        seen = np.concatenate([left, x])
        self.after.append(seen[: len(left) + self._n][-HALO:])
        return self._networks.denoise(seen, t, self._heard)[len(left) :]


class _Ear:
    """What is heard in the frames of a recording that starts at frame PAD; before and after it is silence."""

    def __init__(self, samples: Samples, networks: Networks) -> None:
        self._listener, self._hear = networks.listen(samples), networks.hear
        self._n_frames = covering_frames(len(samples), Fraction(FPS)) + 2 * PAD
        self._heard: F32 | None = None
        self._end = 0

    def frames(self, first: int, last: int) -> F32:
        """(last - first, C) of these frames, each of which is heard once; ``first`` never goes back."""
        if self._heard is None or last > self._end:
            begin, stop = max(self._end - HALO, 0), min(last + HALO, self._n_frames)
            features = self._listener.frames(INNER * (begin - PAD), INNER * (stop - PAD))
            new = self._hear(features)[self._end - begin : last - begin]
            self._heard = new if self._heard is None else np.concatenate([self._heard, new])
            self._end = last
        self._heard = self._heard[len(self._heard) - (self._end - first) :]
        return self._heard[: last - first]
