"""Lips from speech: features of an encoder, a diffusion model over mouth motion, and what single sounds ask for."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sonic.engines.light.lips.articulation import MANNERS, articulated, emphasis
from sonic.engines.light.lips.diffusion import PIECE, networks_of, speech_latents
from sonic.engines.light.lips.former import N_COMPONENTS, shapes_of
from sonic.engines.light.lips.latents import GAP_SCALE_MM
from sonic.types import F32, Samples
from sonic.weights import session

N_LATENT = N_COMPONENTS + 1


def lips_from_speech(
    samples: Samples, *, steps: int, seed: int, articulation: str = "natural", piece: int = PIECE
) -> Iterator[tuple[F32, F32]]:
    """(shape (n, N_SHAPE), lip_gap (n,) mm), 25 fps, for (N,) samples at 16 kHz, piece by piece, as they are asked for.

    Together covering_frames(N, 25) frames. ``steps`` is the number of denoising steps, ``articulation`` one of MANNERS;
    the same ``seed`` gives the same motion. Raises InstallError if the weights are missing or damaged.
    """
    manner = MANNERS[articulation]
    networks = networks_of(session("whisper"), session("lips"), session("denoiser"))

    def hear(features: F32) -> F32:
        heard = networks.hear(features)
        return np.hstack([heard[:, :N_LATENT], emphasis(heard[:, N_LATENT:], manner)])

    for piece_ in speech_latents(samples, replace(networks, hear=hear), steps=steps, seed=seed, piece=piece):
        gap = np.float32(GAP_SCALE_MM) * piece_[:, N_COMPONENTS]
        components, gap = articulated(piece_[:, :N_COMPONENTS], gap, piece_[:, N_LATENT:], manner)
        yield shapes_of(components), gap
