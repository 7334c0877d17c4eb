"""What lips must show for single sounds, and how far mouths move: on top of the motion that the sound makes us expect.

An expectation is a mean: of closed and open lips, of narrow and wide mouths. Where the recogniser hears p, b or m the
lips shut, on f and v the lower lip comes to the teeth, on u, o and w the mouth gets small and round; without a voice it
rests. Whatever is asked of the mouth here is asked in millimetres, and the whole lower face follows as it most likely
does: the components of lips.former are uncorrelated with unit variance, so of all shapes that fit, the one with the
least coefficients is the likeliest.
"""

from dataclasses import dataclass

import numpy as np

from sonic.engines.light.lips.former import measures
from sonic.types import F32, F64

SOUNDS = ("shut", "teeth", "round", "voice")
"""What lips.onnx hears besides the motion: posteriors of p b m, of f v, of u o w, and of any voice."""
MEASURES = ("width", "jaw", "upper lip", "lower lip", "protrusion", "corners")
"""Millimetres from the closed neutral: mouth width, chin down, upper lip up, lower lip down, lips forward, corners
down."""
EXPECTED_WITH_GAP = np.array([0.28, 0.26, 0.29, 0.77, -0.13, 0.08])
FILMED_WITH_GAP = np.array([0.18, 0.45, 0.27, 0.90, -0.16, 0.08])
"""How far each goes with a millimetre of lip gap: in what the model expects, and in filmed people who speak freely."""
SPREAD = np.array([1.8, 1.1, 1.3, 1.0, 1.8, 1.0])
"""How much farther those people move each, at the same gap, than the model expects: without the tracker's noise, which
closed lips show (docs/log.md)."""
OPENING, BEND = 0.445, 1.2
"""Lip gap of people who speak freely, mm: OPENING times the BEND-th power of the gap that the model expects. It learned
from readers, who part their lips more on the whole and leave none of the small openings out."""
NEAR, FADE = 10, 4
"""Frames around a voice in which lips may move, as they do before and after words, and over which that fades."""
REACH = NEAR + FADE
"""Frames to either side that ``emphasis`` depends on."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How sharply single sounds are shown."""

    least: tuple[float, float, float]
    """Posteriors of the first three SOUNDS from which they begin to show ..."""
    sure: tuple[float, float, float]
    """... and at which they show fully."""
    hold: int
    """Frames by which each is held longer to either side."""
    narrow_mm: float
    """Mouth width of a round mouth against its neutral, at least so much less."""
    forward_mm: float
    """How far lips come forward in it."""
    contact_mm: float
    """Lip gap when the lower lip touches the teeth."""


MANNERS = {
    "natural": Manner((0.10, 0.2, 0.25), (0.25, 0.5, 0.6), 0, 3.0, 1.0, 1.0),
    "clear": Manner((0.06, 0.12, 0.2), (0.16, 0.3, 0.45), 1, 5.0, 1.8, 0.6),
}
"""The choices of Settings.articulation. ``clear`` is for people who read lips: it does not open the mouth wider."""
LIFT_MM = 1.2
"""How far the upper lip rises from the teeth on f and v."""
VOICE_LEAST, VOICE_SURE = 0.25, 0.6
"""Posterior of a voice below which lips rest and from which they move."""


def emphasis(sounds: F32, manner: Manner) -> F32:
    """(T, 4) posteriors of SOUNDS at 25 Hz -> (T, 4) how far each is shown, 0 to 1; each depends on REACH frames."""
    low, high = np.array(manner.least), np.array(manner.sure)
    shown = np.clip((sounds[:, :3] - low) / (high - low), 0, 1)
    shown = _largest_around(shown, manner.hold)
    voice = _mean_around(_largest_around(sounds[:, 3:], NEAR), FADE)
    voice = np.clip((voice - VOICE_LEAST) / (VOICE_SURE - VOICE_LEAST), 0, 1)
    return np.asarray(np.hstack([shown, voice]), np.float32)


def articulated(shape: F32, gap_mm: F32, shown: F32, manner: Manner) -> tuple[F32, F32]:
    """Expected (components (T, 32), lip gap (T,) in mm) with the spread of free speech and what ``emphasis`` asks for.

    Frame by frame: nothing depends on its neighbours.
    """
    shut, teeth, round_, voice = shown.T.astype(np.float64)
    expected = np.maximum(gap_mm, 0).astype(np.float64)
    gap = OPENING * expected**BEND
    gap += teeth * np.minimum(manner.contact_mm - gap, 0)
    gap *= 1 - shut
    now = shape.astype(np.float64) @ measures().T
    wanted = np.outer(gap, FILMED_WITH_GAP) + SPREAD * (now - np.outer(expected, EXPECTED_WITH_GAP))
    width, _, upper, _, forward, _ = wanted.T
    width += round_ * np.minimum(-manner.narrow_mm - width, 0)
    forward += round_ * np.maximum(manner.forward_mm - forward, 0)
    upper += teeth * np.maximum(LIFT_MM - upper, 0)
    moved = shape + (wanted - now) @ np.linalg.pinv(measures()).T
    return np.asarray(moved * voice[:, None], np.float32), np.asarray(gap * voice, np.float32)


def _largest_around(x: F32 | F64, reach: int) -> F64:
    """The largest of each column within ``reach`` rows."""
    padded = np.pad(x.astype(np.float64), ((reach, reach), (0, 0)), mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0).max(-1))


def _mean_around(x: F64, reach: int) -> F64:
    padded = np.pad(x, ((reach, reach), (0, 0)), mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0).mean(-1))
