"""Lips from speech: log-mel, speech features, and a diffusion model over mouth motion."""

from collections.abc import Iterator

import numpy as np

from sonic.engines.light.lips.diffusion import PIECE, networks_of, speech_latents
from sonic.engines.light.lips.latents import GAP_SCALE_MM
from sonic.motion import N_SHAPE
from sonic.types import F32, Samples
from sonic.weights import session

OPENING, ARTICULATION = 1.1, 1.5
"""Of the lip gap, and of the mouth's shape, its width above all: the reader that the model learned from opens a little
less than people who speak freely, and moves the width half as far (docs/log.md)."""


def lips_from_speech(samples: Samples, *, steps: int, seed: int, piece: int = PIECE) -> Iterator[tuple[F32, F32]]:
    """(shape (n, 32), lip_gap (n,) in mm) at 25 fps for (N,) samples at 16 kHz, piece by piece, as they are asked for.

    Together covering_frames(N, 25) frames. ``steps`` is the number of denoising steps; the same ``seed`` gives the same
    motion. Raises InstallError if the weights are missing or damaged.
    """
    networks = networks_of(session("encoder"), session("denoiser"))
    for latents in speech_latents(samples, networks, steps=steps, seed=seed, piece=piece):
        gap = np.float32(OPENING * GAP_SCALE_MM) * latents[:, N_SHAPE]
        yield np.float32(ARTICULATION) * latents[:, :N_SHAPE], np.maximum(gap, 0)
