"""Sampling from a diffusion model in numpy: schedule, guidance, DPM-Solver++(2M), and a denoiser called in pieces.

Time runs from 1 (noise) to 0 (data) on the cosine schedule of Nichol and Dhariwal 2021 without its offset:
x_t = cos(pi t / 2) x_0 + sin(pi t / 2) noise. The model predicts x_0.
"""

from collections.abc import Callable

import numpy as np

from sonic.types import F32, F64

Denoise = Callable[[F32, float], F32]
"""(x_t (T, C), t) -> predicted x_0 (T, C)."""

T_FIRST, T_LAST = 0.995, 0.02
"""The sampler's first and last noise level; beyond them the prediction is returned as it is."""


def alpha_sigma(t: F64 | float) -> tuple[F64, F64]:
    """Share of the data and of the noise at time t; their squares sum to one."""
    angle = np.asarray(t, np.float64) * (np.pi / 2)
    return np.cos(angle), np.sin(angle)


def noise(n_frames: int, channels: int, rng: np.random.Generator) -> F32:
    """(n_frames, channels) of unit variance; frame i is the same for every n_frames > i."""
    return rng.standard_normal((n_frames, channels), dtype=np.float32)


def guided(conditional: Denoise, unconditional: Denoise, scale: float) -> Denoise:
    """Classifier-free guidance (Ho and Salimans 2022): 1 is the conditional model, above 1 exaggerates the condition."""

    def denoise(x: F32, t: float) -> F32:
        without = unconditional(x, t)
        return np.asarray(without + np.float32(scale) * (conditional(x, t) - without), np.float32)

    return denoise


def sample(denoise: Denoise, x: F32, steps: int, on_step: Callable[[int], None] | None = None) -> F32:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2) from noise ``x`` (T, C) to data in ``steps`` calls of ``denoise``.

    One step returns the prediction from pure noise; ``on_step`` hears how many steps are done.
    """
    times = np.linspace(T_FIRST, T_LAST, steps) if steps > 1 else np.array([T_FIRST])
    alpha, sigma = alpha_sigma(times)
    half_snr = np.log(alpha / sigma)
    last: F32 | None = None
    for i, t in enumerate(times):
        data = denoise(x, float(t))
        if on_step:
            on_step(i + 1)
        if i + 1 == steps:
            return data
        h = half_snr[i + 1] - half_snr[i]
        estimate = data
        if last is not None:
            r = (half_snr[i] - half_snr[i - 1]) / h
            estimate = data + np.float32(1 / (2 * r)) * (data - last)
        x = np.float32(sigma[i + 1] / sigma[i]) * x - np.float32(alpha[i + 1] * np.expm1(-h)) * estimate
        last = data
    raise ValueError(f"steps must be at least 1, got {steps}")


def in_pieces(run: Callable[[F32], F32], x: F32, *, piece: int, halo: int, rate: int = 1) -> F32:
    """``run`` on a long sequence, ``piece`` output frames at a time: equal to one call, with flat memory.

    ``run`` maps (rate * N, C) to (N, D), and each output frame depends on at most ``halo`` output frames to either side.
    """
    n = len(x) // rate
    outputs = []
    for start in range(0, n, piece):
        stop = min(start + piece, n)
        first, last = max(start - halo, 0), min(stop + halo, n)
        outputs.append(run(x[first * rate : last * rate])[start - first : stop - first])
    return np.concatenate(outputs)
