"""Simpler ways to move a mouth, beside which the model is judged; head, eyes and brows are the model's own."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sonic.evaluation.metrics import as_heard
from sonic.faces.model import face_model
from sonic.motion import BROWS, Motion
from sonic.speech.encoders.whisper import WhisperListener, shipped_encode
from sonic.speech.prosody import Prosody
from sonic.training.face import canonical_clip, mouth_weights
from sonic.training.phones import INDEX, PHONES
from sonic.types import F32, F64, SPEECH_RATE_HZ, U8, Waveform

if TYPE_CHECKING:
    from torch import Tensor

Labels = U8 | NDArray[np.integer]
PHONE_HZ = 50
COARTICULATION_S = 0.05
"""Standard deviation of the Gaussian that runs one phone's opening into the next, to both sides alike: half of a phone
at the usual rate of 10 to 15 phones a second."""
SMOOTH_LOUDNESS_S = 0.04
# fmt: off
OPENNESS = {
    "SIL": 0.0, "P": 0.0, "B": 0.0, "M": 0.0, "F": 0.1, "V": 0.1, "W": 0.15, "S": 0.2, "Z": 0.2, "UW": 0.25,
    "SH": 0.3, "ZH": 0.3, "CH": 0.3, "JH": 0.3, "T": 0.3, "D": 0.3, "N": 0.3, "TH": 0.3, "DH": 0.3, "Y": 0.3, "IY": 0.3,
    "UH": 0.35, "R": 0.35, "K": 0.35, "G": 0.35, "NG": 0.35, "IH": 0.4, "L": 0.4, "ER": 0.45, "HH": 0.5, "EY": 0.55,
    "OW": 0.55, "AH": 0.6, "OY": 0.6, "EH": 0.65, "AO": 0.75, "AE": 0.9, "AW": 0.9, "AY": 0.9, "AA": 1.0,
}
# fmt: on
"""How far the lips part for each phone, 1 is the widest: vowels by their height in the vowel chart of the IPA,
consonants by their place: closed at the lips, narrow at the teeth, as wide as close vowels behind them."""
_TABLE = np.array([OPENNESS[phone] for phone in PHONES])


def still_picture(model: Motion) -> Motion:
    """The portrait at rest."""
    return Motion.still(len(model), model.fps)


def loudness_jaw(model: Motion, voice: Prosody) -> Motion:
    """The jaw follows the smoothed loudness, as wide on the whole as the model's lips; nothing else of the mouth moves.

    With ``shape`` at 0 the renderer parts the lips by moving the jaw.
    """
    track = smoothed(as_heard(voice.loudness[: len(model)]), SMOOTH_LOUDNESS_S * float(model.fps))
    return _opened(model, track)


def visemes(model: Motion, openness: F64) -> Motion:
    """The lips follow a table of phones: ``openness`` (T,), as wide on the whole as the model's lips."""
    return _opened(model, openness[: len(model)])


def redrawn(model: Motion, points: F64) -> Motion | None:
    """The filmed lips themselves, (T, 478, 3) landmarks in px: what face model, renderer and tracker leave of them.

    None if the lips never close: then there is no neutral to move from.
    """
    face = face_model()
    clip = canonical_clip(points.astype(np.float32), face.template.astype(np.float64))
    if clip is None:
        return None
    shape = np.hstack([mouth_weights(clip, face), model.shape[:, BROWS]])
    return replace(model, shape=shape, lip_gap=clip.lip_gap)


def _opened(model: Motion, track: F64) -> Motion:
    """Only the jaw moves, in proportion to ``track`` above its 5th percentile, with the spread of the model's gap."""
    above = np.maximum(track - np.percentile(track, 5), 0)
    gain = float(model.lip_gap.std()) / max(float(above.std()), 1e-9)
    return replace(model, shape=np.zeros_like(model.shape), lip_gap=(gain * above).astype(np.float32))


def expected_opening(labels: Labels, n_frames: int, fps: float) -> F64:
    """(n_frames,) how open these phones (labels at PHONE_HZ) are, run together as COARTICULATION_S says."""
    return _at_frames(_TABLE[np.minimum(labels, len(_TABLE) - 1)], n_frames, fps)


def opening_of_posteriors(posteriors: F32, n_frames: int, fps: float) -> F64:
    """The same for (N, 40) probabilities of phones at PHONE_HZ."""
    return _at_frames(posteriors.astype(np.float64) @ _TABLE, n_frames, fps)


def spans(labels: Labels, phones: tuple[str, ...], fps: float) -> list[tuple[float, float]]:
    """(start, end) in frames of each run of these phones in labels at PHONE_HZ."""
    own = np.isin(labels, [INDEX[p] for p in phones]).astype(np.int8)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], own, [0]])))
    return [(a * fps / PHONE_HZ, b * fps / PHONE_HZ) for a, b in edges.reshape(-1, 2)]


def smoothed(x: F64, sigma: float) -> F64:
    """Gaussian filter; sigma in samples."""
    reach = max(1, int(np.ceil(3 * sigma)))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.convolve(np.pad(x, reach, mode="edge"), taps / taps.sum(), mode="valid")


def _at_frames(track: F64, n_frames: int, fps: float) -> F64:
    soft = smoothed(track, COARTICULATION_S * PHONE_HZ)
    return np.interp(np.arange(n_frames) / fps, np.arange(len(soft)) / PHONE_HZ, soft)


class Recogniser:
    """Phones from sound, by recogniser.pt of ``sonic train recogniser``; needs the extra ``train``."""

    def __init__(self, weights: Path) -> None:
        import torch

        from sonic.training.networks import Recogniser as Network

        torch.set_num_threads(1)
        self._torch = torch
        self._model = Network().eval()
        self._model.load_state_dict(torch.load(weights, weights_only=True))

    def posteriors(self, samples: Waveform) -> F32:
        """(N, 40) probabilities at PHONE_HZ."""
        return np.asarray(self._torch.softmax(self._logits(samples), -1).numpy(), np.float32)

    def labels(self, samples: Waveform, sentence: str) -> U8:
        """(N,) the phones of a GRID sentence laid on the sound at PHONE_HZ."""
        from sonic.training.align import align
        from sonic.training.phones import sentence_phones

        log_posterior = self._torch.log_softmax(self._logits(samples), -1).numpy()
        return align(log_posterior, sentence_phones(sentence))[0]

    def _logits(self, samples: Waveform) -> "Tensor":
        listener = WhisperListener(samples.astype(np.float32), shipped_encode())
        features = listener.frames(0, len(samples) // (SPEECH_RATE_HZ // PHONE_HZ))
        with self._torch.inference_mode():
            logits: Tensor = self._model(self._torch.from_numpy(features)[None])[0]
        return logits
