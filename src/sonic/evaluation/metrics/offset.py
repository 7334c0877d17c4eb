"""How far apart picture and sound of a clip are: the mouth that is seen against the mouth that its sound makes us
expect."""

from dataclasses import dataclass

import numpy as np

from sonic.engines.light.lips.articulation import SOUNDS
from sonic.engines.light.lips.latents import N_LATENT, weights_of_latents
from sonic.evaluation.metrics.eyes import eye_distance
from sonic.faces.model import face_model
from sonic.faces.topology import CHIN_TIP, LIP_BOTTOM, LIP_TOP, MOUTH_LEFT, MOUTH_RIGHT, NOSE_ROOT
from sonic.signals import REACH_S, best_lag, lag_curve
from sonic.speech.encoders.whisper import WhisperListener, shipped_encode
from sonic.types import F32, F64, Samples
from sonic.weights import session

FPS = 25
INNER = 2
"""Frames of features in a frame of motion."""
LAGS = np.arange(-int(REACH_S * FPS), int(REACH_S * FPS) + 1)
"""Frames by which the mouth may be later."""
N_LAGS = len(LAGS)
CLEAR = 3.7
"""Least mean correlation of opening, width and jaw at a clip's best lag, times the root of its frames: of 1,650 pieces
of filmed free speech with the sound of another person, 3 to 10 s long, one in fifty reaches it."""
_PIECE, _MARGIN = 1500, 8
"""Frames that are expected at once, and frames around them that they depend on."""


@dataclass(frozen=True, slots=True)
class ClipOffset:
    """What a clip says about its picture and sound."""

    ms: float
    """How much later than its sound the mouth moves; 0 where nothing is clear."""
    there: float
    """Mean correlation of seen and expected opening, width and jaw at that offset."""
    here: float
    """The same at none."""
    clear: bool
    """Whether picture and sound belong together at all: more than chance."""


def clip_offset(samples: Samples, points: F32 | F64) -> ClipOffset:
    """Of (T, 478, 3) landmarks at 25 fps and the sound that begins with them, at 16 kHz."""
    return offset_of(agreement(samples, points), len(points))


def agreement(samples: Samples, points: F32 | F64) -> F64:
    """(N_LAGS,) mean correlation of seen and expected opening, width and jaw, the mouth a frame later each; zeros for
    clips that are too short to tell."""
    seen, expected = seen_mouth(points), expected_mouth(samples, len(points))
    curves = [lag_curve(a, b, float(FPS))[1] for a, b in zip(seen.T, expected.T, strict=True)]
    return np.mean(curves, axis=0) if len(curves[0]) == N_LAGS else np.zeros(N_LAGS)


def offset_of(curve: F64, n_frames: int, *, help_: F64 | None = None) -> ClipOffset:
    """What an agreement says; ``help_`` is that of other clips of the same recording, which the lag is to suit too."""
    lag, _ = best_lag(LAGS, curve if help_ is None else (curve + help_) / 2)
    there = float(np.interp(lag, LAGS, curve))
    clear = there * n_frames**0.5 >= CLEAR
    return ClipOffset(1000 * lag / FPS, there, float(curve[N_LAGS // 2]), clear=clear)


def seen_mouth(points: F32 | F64) -> F64:
    """(T, 478, 3) landmarks -> (T, 3) opening, width and jaw over the outer-eye distance."""
    xy = np.asarray(points[..., :2], np.float64)
    pairs = ((LIP_TOP, LIP_BOTTOM), (MOUTH_LEFT, MOUTH_RIGHT), (NOSE_ROOT[0], CHIN_TIP))
    sizes = [np.linalg.norm(xy[:, a] - xy[:, b], axis=-1) for a, b in pairs]
    return np.asarray(np.stack(sizes, 1) / eye_distance(np.asarray(points, np.float64))[:, None])


def expected_mouth(samples: Samples, n: int) -> F64:
    """(n, 3) opening, width and jaw in mm at 25 fps that the shipped networks expect of this sound."""
    shape, gap = weights_of_latents(_heard(samples, n)[:, :N_LATENT])
    shapes = face_model().shapes.astype(np.float64)
    width, jaw = shapes[:, MOUTH_RIGHT, 0] - shapes[:, MOUTH_LEFT, 0], shapes[:, CHIN_TIP, 1]
    return np.stack([gap, shape @ width, shape @ jaw], 1)


def heard_closures(samples: Samples, n: int) -> F64:
    """(n,) at 25 fps: how probable the shipped networks take p, b or m to be, 0 to 1."""
    return _heard(samples, n)[:, N_LATENT + SOUNDS.index("shut")].astype(np.float64)


def _heard(samples: Samples, n: int) -> F32:
    """(n, N_LATENT + len(SOUNDS)) latents and sounds at 25 fps."""
    listener, network = WhisperListener(samples, shipped_encode()), session("lips")
    pieces = [np.zeros((0, N_LATENT + len(SOUNDS)), np.float32)]
    for first in range(0, n, _PIECE):
        last = min(first + _PIECE, n)
        features = listener.frames(INNER * (first - _MARGIN), INNER * (last + _MARGIN))
        heard = network.run(None, {"features": features[None]})[0][0]
        pieces.append(np.asarray(heard[_MARGIN : _MARGIN + last - first]))
    return np.concatenate(pieces)
