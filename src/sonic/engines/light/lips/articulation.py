"""What lips must show for single sounds, and how far mouths move: on top of the motion that the sound makes us expect.

An expectation is a mean: of closed and open lips, of narrow and wide mouths. So each expression shape is moved as far
from its mean as filmed people move it. Where the recogniser hears p, b or m the lips shut and press, on f and v the
lower lip rolls in under the teeth, on u, o and w the mouth gets small and round, on sh and ch it comes forward;
without a voice it rests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from sonic.engines.light.lips.latents import COLUMNS, bare
from sonic.motion import SHAPES, soft_limit
from sonic.types import F32, F64

SOUNDS = ("shut", "teeth", "round", "hush", "tip", "between", "voice")
"""What lips.onnx hears besides the motion: posteriors of p b m, of f v, of u o w, of sh ch, of the tongue's tip behind
the teeth (t d n l) and between them (th), and of any voice."""
OPENING, BEND = 0.1, 1.85
"""Lip gap of people who speak freely, mm: OPENING times the BEND-th power of the gap that the model expects. It learned
from readers, who part their lips more on the whole and leave none of the small openings out. How steep: in speech,
filmed lips are on the mean a third as far apart as at their widest."""
SEEN = {"mouthSmile": 2.0, "mouthStretch": 2.0, "mouthPucker": 2.0, "mouthFunnel": 2.0}
"""How much farther the mesh must move a mouth's corners than a tracker then sees: it sees half of what departs from the
line. What goes with the gap is not raised, or wide openings grin."""
MOST = 1.0
"""Weight that a shape never reaches: no face goes beyond its shapes."""
NEAR, FADE = 10, 4
"""Frames around a voice in which lips may move, as they do before and after words, and over which that fades."""
EASE = 0.5
"""Share of a sound's gesture in the frame before and after it: lips that shut and part within one look torn."""
REACH = NEAR + FADE
"""Frames to either side that ``emphasis`` depends on."""


@dataclass(frozen=True, slots=True)
class Habit:
    """How a shape goes with the lip gap, rest + slope * mm, in what the model expects and in filmed people."""

    expected: tuple[float, float]
    filmed: tuple[float, float]
    spread: float
    """How much farther those people depart from that than the model expects."""


HABITS: Mapping[str, Habit] = {
    "jawOpen": Habit((0.100, 0.0090), (0.015, 0.0109), 1.5),
    "mouthClose": Habit((0.031, -0.0021), (0.000, -0.0026), 1.0),
    "mouthFunnel": Habit((-0.017, 0.0248), (0.000, 0.0166), 2.2),
    "mouthPucker": Habit((0.197, -0.0115), (0.027, -0.0094), 1.7),
    "mouthSmile": Habit((-0.012, 0.0121), (0.000, 0.0123), 2.0),
    "mouthFrown": Habit((0.144, -0.0001), (0.000, 0.0008), 0.5),
    "mouthStretch": Habit((0.006, 0.0150), (0.000, 0.0109), 1.9),
    "mouthRollLower": Habit((0.056, -0.0031), (0.000, -0.0053), 0.5),
    "mouthRollUpper": Habit((0.039, 0.0114), (0.000, 0.0070), 1.0),
    "mouthShrugLower": Habit((0.014, 0.0106), (0.000, 0.0008), 1.0),
    "mouthShrugUpper": Habit((0.102, 0.0112), (0.020, 0.0058), 1.0),
    "mouthPress": Habit((0.164, -0.0051), (0.000, 0.0000), 1.0),
    "mouthLowerDown": Habit((-0.005, 0.0109), (0.000, 0.0156), 2.2),
    "mouthUpperUp": Habit((0.045, 0.0138), (0.020, 0.0101), 2.0),
}
"""By the names of shapes, both sides together; measured on the same recordings (bench/habits.py, docs/log.md)."""


@dataclass(frozen=True, slots=True)
class Gesture:
    """What a sound asks for, by the names of shapes without their side."""

    least: Mapping[str, float]
    """Weights that these shapes have at least ..."""
    leaves: Mapping[str, float]
    """... and the share of theirs that others keep."""


GESTURES: Mapping[str, Gesture] = {
    "shut": Gesture({"mouthPress": 0.2}, {"mouthUpperUp": 0.3, "mouthLowerDown": 0.0, "mouthFunnel": 0.4}),
    "teeth": Gesture(
        {"mouthRollLower": 0.4, "mouthUpperUp": 0.2},
        {"mouthLowerDown": 0.0, "mouthFunnel": 0.3, "mouthPucker": 0.5, "jawOpen": 0.7, "mouthShrugLower": 0.3},
    ),
    "round": Gesture(
        {"mouthPucker": 0.4, "mouthFunnel": 0.15}, {"mouthSmile": 0.2, "mouthStretch": 0.2, "mouthUpperUp": 0.7}
    ),
    "hush": Gesture({"mouthFunnel": 0.3, "mouthPucker": 0.15}, {"mouthSmile": 0.3, "mouthStretch": 0.3}),
    "tip": Gesture({"tongueUp": 1.0}, {}),
    "between": Gesture({"tongueOut": 1.0}, {}),
}
"""By the names of SOUNDS."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How sharply single sounds are shown."""

    least: tuple[float, ...]
    """Posteriors of SOUNDS, but for the voice, from which they begin to show ..."""
    sure: tuple[float, ...]
    """... and at which they show fully."""
    hold: int
    """Frames by which each is held longer to either side."""
    strength: float
    """Factor on the weights of GESTURES."""
    contact_mm: float
    """Lip gap when the lower lip touches the teeth."""


MANNERS = {
    "natural": Manner((0.10, 0.2, 0.25, 0.3, 0.3, 0.3), (0.25, 0.5, 0.6, 0.7, 0.7, 0.7), 0, 1.0, 1.5),
    "clear": Manner((0.06, 0.12, 0.2, 0.2, 0.2, 0.2), (0.16, 0.3, 0.45, 0.5, 0.5, 0.5), 1, 1.5, 1.2),
}
"""The choices of Settings.articulation. ``clear`` is for people who read lips: it does not open the mouth wider."""
VOICE_LEAST, VOICE_SURE = 0.25, 0.6
"""Posterior of a voice below which lips rest and from which they move."""


def emphasis(sounds: F32, manner: Manner) -> F32:
    """(T, 7) posteriors of SOUNDS at 25 Hz -> (T, 7) how far each is shown, 0 to 1; each depends on REACH frames."""
    low, high = np.array(manner.least), np.array(manner.sure)
    shown = np.clip((sounds[:, :-1] - low) / (high - low), 0, 1)
    shown = _largest_around(shown, manner.hold)
    shown = np.maximum(shown, EASE * _largest_around(shown, 1))
    voice = _mean_around(_largest_around(sounds[:, -1:], NEAR), FADE)
    voice = np.clip((voice - VOICE_LEAST) / (VOICE_SURE - VOICE_LEAST), 0, 1)
    return np.asarray(np.hstack([shown, voice]), np.float32)


def articulated(shape: F32, gap_mm: F32, shown: F32, manner: Manner) -> tuple[F32, F32]:
    """Expected weights (T, N_SHAPE) and lip gap (T,) in mm, with the spread of free speech and what ``emphasis`` asks
    for.

    Frame by frame: nothing depends on its neighbours.
    """
    amount = dict(zip(SOUNDS, shown.T.astype(np.float64), strict=True))
    expected = np.maximum(gap_mm, 0).astype(np.float64)
    gap = OPENING * expected**BEND
    gap += amount["teeth"] * np.minimum(manner.contact_mm - gap, 0)
    gap *= 1 - amount["shut"]
    moved = _spread(shape, expected, gap)
    for sound, gesture in GESTURES.items():
        for column, share in _columns(gesture.leaves):
            moved[:, column] *= 1 - amount[sound] * (1 - share)
        for column, least in _columns(gesture.least):
            moved[:, column] = np.maximum(moved[:, column], amount[sound] * manner.strength * least)
    voice = amount["voice"]
    return np.asarray(moved * voice[:, None], np.float32), np.asarray(gap * voice, np.float32)


def _spread(shape: F32, expected_mm: F64, gap_mm: F64) -> F64:
    """The weights at the lip gap ``gap_mm`` that filmed people have where the model expects these at its own."""
    (rest, slope), (filmed_rest, filmed_slope), spread = _habits()
    moved = shape.astype(np.float64)
    departs = moved[:, COLUMNS] - rest - np.outer(expected_mm, slope)
    wanted = filmed_rest + np.outer(gap_mm, filmed_slope) + spread * departs
    moved[:, COLUMNS] = soft_limit(np.maximum(wanted, 0), MOST)
    return np.asarray(moved)


@cache
def _habits() -> tuple[F64, F64, F64]:
    """HABITS of the spoken shapes: (rest, slope) expected and filmed, (2, K) each, and spread (K,)."""
    own = [HABITS[bare(SHAPES[k])] for k in COLUMNS]
    expected, filmed = (np.array([getattr(h, name) for h in own]).T for name in ("expected", "filmed"))
    seen = np.array([SEEN.get(bare(SHAPES[k]), 1.0) for k in COLUMNS])
    return expected, filmed, np.array([h.spread for h in own]) * seen


def _columns(weights: Mapping[str, float]) -> list[tuple[int, float]]:
    """(column of Motion.shape, weight) of shapes that are named without their side; names it lacks are left out."""
    return [(k, weights[own]) for k, name in enumerate(SHAPES) if (own := bare(name)) in weights]


def _largest_around(x: F32 | F64, reach: int) -> F64:
    """The largest of each column within ``reach`` rows."""
    padded = np.pad(x.astype(np.float64), ((reach, reach), (0, 0)), mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0).max(-1))


def _mean_around(x: F64, reach: int) -> F64:
    padded = np.pad(x, ((reach, reach), (0, 0)), mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0).mean(-1))
