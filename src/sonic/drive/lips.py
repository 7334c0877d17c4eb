"""Lips from speech: log-mel, speech features, and a diffusion model over mouth motion."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from sonic.diffusion import PIECE, Networks, speech_latents
from sonic.motion import N_SHAPE
from sonic.types import F32, Samples
from sonic.weights import GAP_SCALE_MM, session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

GUIDANCE = 1.5
"""How strongly the audio is followed; measured on speakers that training never saw (docs/log.md)."""
CHANCE = 0.25
"""How much of a sample's own variation is kept: less follows the sound better, and 0 gives every seed the same lips."""


def lips_from_speech(samples: Samples, *, steps: int, seed: int, piece: int = PIECE) -> Iterator[tuple[F32, F32]]:
    """(shape (n, 32), lip_gap (n,) in mm) at 25 fps for (N,) samples at 16 kHz, piece by piece, as they are asked for.

    Together ceil(seconds * 25) + 1 frames. ``steps`` is the number of denoising steps; the same ``seed`` gives the same
    motion. Raises InstallError if the weights are missing or damaged.
    """
    encoder, denoiser = session("encoder"), session("denoiser")
    networks = Networks(
        hear=lambda mel: np.asarray(encoder.run(None, {"mel": mel[None]})[0][0], np.float32),
        denoise=lambda x, t, heard: _denoised(denoiser, x, t, heard),
        channels=N_SHAPE + 1,
    )
    for latents in speech_latents(samples, networks, steps=steps, seed=seed, chance=CHANCE, piece=piece):
        yield latents[:, :N_SHAPE], np.maximum(latents[:, N_SHAPE] * np.float32(GAP_SCALE_MM), 0)


def _denoised(denoiser: "InferenceSession", x: F32, t: float, heard: F32) -> F32:
    """One call of the network; with guidance, with and without audio in one batch (Ho and Salimans 2022)."""
    if GUIDANCE == 1:
        inputs = {"x": x[None], "t": np.array([t], np.float32), "condition": heard[None]}
        return np.asarray(denoiser.run(None, inputs)[0][0], np.float32)
    inputs = {
        "x": np.stack([x, x]),
        "t": np.full(2, t, np.float32),
        "condition": np.stack([heard, np.zeros_like(heard)]),
    }
    following, free = denoiser.run(None, inputs)[0]
    return np.asarray(free + np.float32(GUIDANCE) * (following - free), np.float32)
