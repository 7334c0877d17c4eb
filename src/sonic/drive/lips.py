"""Lips from speech: log-mel, speech features, and a diffusion model over mouth motion, all in pieces of bounded memory."""

from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from sonic.diffusion import in_pieces, noise, sample
from sonic.mel import HOP, log_mel, speech_level
from sonic.motion import N_SHAPE
from sonic.types import F32, SPEECH_RATE_HZ, OnProgress, Progress
from sonic.weights import GAP_SCALE_MM, session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FPS = 25
GUIDANCE = 1.0
"""How strongly the audio is followed; measured on speakers that training never saw (docs/log.md)."""
_STEP = SPEECH_RATE_HZ // FPS
_MELS = _STEP // HOP
_PAD = 12
"""Frames of silence before and after the recording: its ends are treated like any pause."""
_HALO = 32
"""Frames to either side that an output of each network depends on (train/networks.py: 28 and 32)."""
_PIECE = 500
"""Frames in a call of a network: 20 s."""


def lips_from_speech(samples: F32, *, steps: int, seed: int, on_progress: OnProgress) -> tuple[F32, F32]:
    """(shape (T, 32), lip_gap (T,) in mm) at 25 fps for (N,) samples at 16 kHz; T = ceil(seconds * 25) + 1.

    ``steps`` is the number of denoising steps; the same ``seed`` gives the same motion. Raises InstallError if the weights
    are missing or damaged.
    """
    n = ceil(len(samples) / _STEP) + 1
    condition = hear(samples, n + 2 * _PAD)
    denoiser = session("denoiser")
    start = noise(len(condition), N_SHAPE + 1, np.random.default_rng(seed))

    def denoise(x: F32, t: float) -> F32:
        both = np.concatenate([x, condition], 1)
        return in_pieces(lambda part: _predict(denoiser, part, t), both, piece=_PIECE, halo=_HALO)

    latents = sample(denoise, start, steps, lambda done: on_progress(Progress("motion", done, steps)))[_PAD : _PAD + n]
    return latents[:, :N_SHAPE], np.maximum(latents[:, N_SHAPE] * np.float32(GAP_SCALE_MM), 0)


def hear(samples: F32, n_frames: int) -> F32:
    """(n_frames, C) what the denoiser hears, the recording starting at frame _PAD."""
    mel = log_mel(samples, speech_level(samples))[: _MELS * (n_frames - _PAD)]
    silence = log_mel(np.zeros(0, np.float32), 1.0)
    before = np.repeat(silence, _MELS * _PAD, axis=0)
    after = np.repeat(silence, _MELS * n_frames - len(before) - len(mel), axis=0)
    encoder = session("encoder")
    return in_pieces(
        lambda part: np.asarray(encoder.run(None, {"mel": part[None]})[0][0], np.float32),
        np.concatenate([before, mel, after]),
        piece=_PIECE,
        halo=_HALO,
        rate=_MELS,
    )


def _predict(denoiser: "InferenceSession", part: F32, t: float) -> F32:
    """One call of the network, with and without audio in one batch where guidance asks for both."""
    x, condition = part[None, :, : N_SHAPE + 1], part[None, :, N_SHAPE + 1 :]
    if GUIDANCE == 1:
        inputs = {"x": x, "t": np.array([t], np.float32), "condition": condition}
        return np.asarray(denoiser.run(None, inputs)[0][0], np.float32)
    inputs = {
        "x": np.repeat(x, 2, axis=0),
        "t": np.full(2, t, np.float32),
        "condition": np.concatenate([condition, np.zeros_like(condition)]),
    }
    heard, deaf = denoiser.run(None, inputs)[0]
    return np.asarray(deaf + np.float32(GUIDANCE) * (heard - deaf), np.float32)
