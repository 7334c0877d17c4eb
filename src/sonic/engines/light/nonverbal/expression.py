"""Bearing and smiles: what a face says beside its words. Held by the manner that was asked for, moved by the voice.

Smiles come where talkers turn to their listener: at ends of phrases, more surely where the pitch rises there, and now
and then on a syllable that is sung out. A smile lifts the cheeks and narrows the eyes. Sounds win over it: where lips
get round it gives way, and lips that shut stay shut, because their gap is a channel of its own.
"""

from dataclasses import dataclass, replace

import numpy as np

from sonic.engines.light.nonverbal.head import one_pole, peaks
from sonic.faces.geometry import smoothstep
from sonic.motion import BROWS, Motion, brow_weights, shape_column
from sonic.speech.prosody import Prosody
from sonic.types import F32, F64


@dataclass(frozen=True, slots=True)
class Manner:
    """How a person bears themselves: what is held throughout, and how far the voice moves it."""

    smile: float = 0.0
    """Held, as a weight of the smile's shapes; negative draws the corners of the mouth down."""
    squint: float = 0.0
    """Held, as a weight of the eyes' narrowing."""
    brows_mm: float = 0.0
    """Held raise of the brows; negative is a frown."""
    smiles: float = 0.0
    """Weight of a typical smile that the voice brings."""
    brow_gain: float = 1.0
    """On the motion of the brows."""
    head_gain: float = 1.0
    """On the turning of the head."""


MANNERS = {
    "neutral": Manner(),
    "friendly": Manner(smile=0.20, squint=0.08, brows_mm=0.5, smiles=0.32, brow_gain=1.2),
    "serious": Manner(smile=-0.10, squint=0.14, brows_mm=-0.9, brow_gain=0.8, head_gain=0.85),
    "lively": Manner(smile=0.08, brows_mm=0.7, smiles=0.38, brow_gain=1.6, head_gain=1.15),
}
"""The choices of Settings.expression."""
MOST_SMILE = 0.75
"""Weight that no smile exceeds: photos hold the folds of one face, and beyond this it would be a grimace."""
_CHEEKS, _EYES, _DIMPLES = 0.55, 0.8, 0.2
"""Weights of the shapes that go with a smile of weight 1: raised cheeks and narrowed eyes make it a sincere one (Ekman,
Davidson and Friesen 1990, "The Duchenne smile"), dimples keep it from pulling the mouth wide."""
_GIVES_WAY = 0.9
"""How much of a smile is gone while the lips are round."""
_ROUND = (0.05, 0.35)
"""Weights of pucker and funnel together from which lips count as round, and with which they surely are."""
_LOOK_BACK_S = 0.3
_BEFORE_S, _RISE_S, _FALL_S = 0.35, 0.45, 1.1
_LIFTED_ST = 3.5


def between(manner: Manner, scale: float) -> Manner:
    """The manner at ``scale``: 0 is neutral, 1 the manner itself, more exaggerates it."""
    return Manner(
        scale * manner.smile,
        scale * manner.squint,
        scale * manner.brows_mm,
        scale * manner.smiles,
        1 + scale * (manner.brow_gain - 1),
        1 + scale * (manner.head_gain - 1),
    )


def smiles(prosody: Prosody, rng: np.random.Generator) -> F32:
    """(T,) at prosody.fps: 0 where there is none, about 1 in a typical smile; no two are alike.

    ``rng`` must come from numpy.random.default_rng (it is split into streams); the same state gives the same smiles,
    and a sample depends on the second of prosody after it only.
    """
    rate, n = float(prosody.fps), len(prosody)
    for_lots, for_sizes, for_mood = rng.spawn(3)
    lots, sizes = for_lots.random((n, 2)), for_sizes.standard_normal((n, 2))
    lift = _lift(prosody, rate)
    out = np.zeros(n)
    for i in np.flatnonzero(prosody.phrase_end).tolist():
        if lots[i, 0] < 0.45 + 0.45 * lift[i]:
            _add_smile(out, i, sizes[i], 0.75 + 0.5 * lift[i], rate)
    for i in peaks(prosody.emphasis, 0.5):
        if lots[i, 1] < 0.35 * lift[i]:
            _add_smile(out, i, sizes[i], 0.7, rate)
    mood = one_pole(one_pole(for_mood.standard_normal((n, 1)), 2.5 * rate), 0.6 * rate)[:, 0] * (2 * 3.1 * rate) ** 0.5
    speaking = one_pole(prosody.speaking.astype(np.float64)[:, None], 0.6 * rate)[:, 0]
    return np.asarray(1.6 * np.tanh((out + 0.22 * speaking * np.maximum(mood, 0)) / 1.6), np.float32)


def _lift(prosody: Prosody, rate: float) -> F64:
    """(T,) 0 .. 1: how far the pitch of the voice has just risen above what is usual."""
    pitch, reach = prosody.pitch_st.astype(np.float64), max(1, round(_LOOK_BACK_S * rate))
    padded = np.pad(np.maximum(pitch, 0), (reach - 1, 0))
    return smoothstep(0.5, _LIFTED_ST, np.lib.stride_tricks.sliding_window_view(padded, reach).max(1))


def _add_smile(out: F64, at: int, lot: F64, size: float, rate: float) -> None:
    """Raises ``out`` in place to one smile that is full at about ``at``, stays for a second or so and fades slowly."""
    hold_s = 0.7 * float(np.exp(0.45 * lot[1]))
    rise_s = _RISE_S * float(np.exp(0.2 * lot[1]))
    start = at / rate - _BEFORE_S
    frames = np.arange(max(0, int(start * rate)), min(len(out), int((start + rise_s + hold_s + _FALL_S) * rate) + 2))
    t = frames / rate - start
    shape = smoothstep(0, rise_s, t) * smoothstep(rise_s + hold_s + _FALL_S, rise_s + hold_s, t)
    out[frames] = np.maximum(out[frames], min(size * float(np.exp(0.3 * lot[0])), 1.8) * shape)


def expressed(motion: Motion, smile: F32, manner: Manner, *, rest_gain: float, mouth_gain: float) -> Motion:
    """The motion with this bearing; ``smile`` (T,) as from ``smiles``.

    What the manner holds does not move, so no gain touches it. Smiles that come and go are multiplied by ``rest_gain``
    and, where the mouth makes them, by ``mouth_gain`` up to 1: with either at 0 they are gone.
    """
    comes = manner.smiles * rest_gain * min(mouth_gain, 1.0) * smile.astype(np.float64)
    wanted = manner.smile + comes
    whole = MOST_SMILE * np.tanh(np.maximum(wanted, 0) / MOST_SMILE)
    on_lips = whole * (1 - _GIVES_WAY * _roundness(motion.shape))
    shape = motion.shape.astype(np.float64)
    brows = brow_weights(np.full((1, 2), manner.brows_mm))
    shape[:, BROWS] += brows
    for name, weight in (
        ("mouthSmile", on_lips),
        ("mouthDimple", _DIMPLES * on_lips),
        ("mouthFrown", np.full(len(motion), max(-manner.smile, 0.0))),
        ("cheekSquint", _CHEEKS * whole),
        ("eyeSquint", manner.squint + _EYES * whole),
    ):
        for side in ("Left", "Right"):
            shape[:, shape_column(name + side)] += weight
    return replace(motion, shape=shape.astype(np.float32))


def _roundness(shape: F32) -> F64:
    """(T,) 0 .. 1."""
    forward = shape[:, shape_column("mouthPucker")] + shape[:, shape_column("mouthFunnel")]
    return smoothstep(*_ROUND, forward)
