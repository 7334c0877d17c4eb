"""Motion: what moves, in numbers that can be plotted, edited, saved and rendered by any renderer.

This is decoded motion, never the diffusion latent, and it is relative to the portrait's own neutral (lips closed, eyes
and head as in the photo), scaled by the size of the face, so that it fits any face.

The algebra below the dataclass is pure: each function returns a new Motion.
"""

import json
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sonic.errors import MediaError
from sonic.types import F32, F64

N_SHAPE = 32
"""Coefficients of the shipped deformation basis (assets/face_model.npz)."""
_WIDTHS = {"shape": N_SHAPE, "lids": 2, "gaze": 2, "brows": 2, "pose_deg": 3, "shift": 3}
_CHANNELS = ("shape", "lip_gap", "lids", "gaze", "brows", "pose_deg", "shift")
_JSON_FORMAT = "sonic-motion-1"
Floats = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Motion:
    """T samples of facial motion; sample i is what the frame shown at i / fps looks like."""

    fps: Fraction
    shape: F32
    """(T, 32) lower-face deformation in standard deviations of the basis; 0 is the closed neutral."""
    lip_gap: F32
    """(T,) opening between the inner lips at their centre, millimetres of the canonical face (eye centres 63 mm apart);
    0 is closed, and closed means closed."""
    lids: F32
    """(T, 2) eyelid opening of the (image-left, image-right) eye: 1 as in the photo, 0 shut, up to 1.15 wide."""
    gaze: F32
    """(T, 2) shift of both irises (right, down) in canonical millimetres; 0 as in the photo."""
    brows: F32
    """(T, 2) raise of the (image-left, image-right) brow in canonical millimetres; negative is a frown."""
    pose_deg: F32
    """(T, 3) head rotation (yaw, pitch, roll) relative to the photo, signs as in geometry.rotation_from_pose."""
    shift: F32
    """(T, 3) head translation (right, down, away) in face widths."""

    def __post_init__(self) -> None:
        n = len(self.lip_gap)
        for name, width in _WIDTHS.items():
            got = getattr(self, name).shape
            if got != (n, width):
                raise ValueError(f"Motion.{name} must have shape ({n}, {width}), got {got}")
        for name in _CHANNELS:
            array = getattr(self, name)
            if array.dtype != np.float32 or not np.isfinite(array).all():
                raise ValueError(f"Motion.{name} must be finite float32, got {array.dtype}")
        if n and float(self.lip_gap.min()) < 0:
            raise ValueError(f"Motion.lip_gap must not be negative, got {float(self.lip_gap.min()):.3f}")

    def __len__(self) -> int:
        return len(self.lip_gap)

    @classmethod
    def still(cls, n_frames: int, fps: Fraction) -> "Motion":
        """The photo itself, n_frames long."""

        def zeros(*shape: int) -> F32:
            return np.zeros((n_frames, *shape), np.float32)

        lids = np.ones((n_frames, 2), np.float32)
        return cls(fps, zeros(N_SHAPE), zeros(), lids, zeros(2), zeros(2), zeros(3), zeros(3))


def smooth(motion: Motion, strength: float) -> Motion:
    """Less jitter, same timing: a zero-phase Gaussian over mouth, head and brows; 0 is off, 1 is strong.

    Lip closures keep their depth: at a minimum of lip_gap that is low against its neighbourhood the mouth is what it
    was before. Lids and gaze pass unchanged, because blinks and saccades are as quick as frames.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must be between 0 and 1, got {strength:g}")
    if strength == 0 or len(motion) < 2:
        return motion
    fps = float(motion.fps)
    mouth_sigma, head_sigma = 0.055 * strength * fps, 0.06 * strength * fps
    kept = _spread(_closure(motion.lip_gap, fps), 0.04 * fps)

    def mouth(x: F32) -> F32:
        y = _gaussian(x, mouth_sigma)
        return _f32(y + _column(kept, x) * (x - y))

    return replace(
        motion,
        shape=mouth(motion.shape),
        lip_gap=np.maximum(mouth(motion.lip_gap), 0),
        brows=_f32(_gaussian(motion.brows, head_sigma)),
        pose_deg=_f32(_gaussian(motion.pose_deg, head_sigma)),
        shift=_f32(_gaussian(motion.shift, head_sigma)),
    )


def limit(motion: Motion) -> Motion:
    """Soft limits of what a renderer can show from one photo; values up to 70 % of a limit stay as they are.

    Rotation 10 degrees (length of the vector), shift 0.08 face widths (in the picture, and in depth), 3.5 standard
    deviations a shape coefficient, lip gap 24 mm, gaze 2 mm, brows 4 mm; lids are cut to 0 .. 1.15.
    """
    return replace(
        motion,
        shape=_soft(motion.shape, 3.5),
        lip_gap=_soft(motion.lip_gap, 24.0),
        lids=np.clip(motion.lids, np.float32(0), np.float32(1.15)),
        gaze=_soft_length(motion.gaze, 2.0),
        brows=_soft(motion.brows, 4.0),
        pose_deg=_soft_length(motion.pose_deg, 10.0),
        shift=np.hstack([_soft_length(motion.shift[:, :2], 0.08), _soft(motion.shift[:, 2:], 0.08)]),
    )


def scale_mouth(motion: Motion, gain: float) -> Motion:
    """Mouth motion times ``gain``; 0 leaves the lips closed and still."""
    return replace(motion, shape=_f32(motion.shape * gain), lip_gap=_f32(motion.lip_gap * gain))


def scale_rest(motion: Motion, gain: float) -> Motion:
    """Head, gaze and brow motion times ``gain``, and the part of the lids that follows them; blinks stay."""
    gaze, brows = _f32(motion.gaze * gain), _f32(motion.brows * gain)
    blink = motion.lids / lid_follow(motion.gaze, motion.brows)
    blink = np.where(np.abs(blink - 1) < 1e-5, np.float32(1), blink)
    return replace(
        motion,
        lids=_f32(blink * lid_follow(gaze, brows)),
        gaze=gaze,
        brows=brows,
        pose_deg=_f32(motion.pose_deg * gain),
        shift=_f32(motion.shift * gain),
    )


def lid_follow(gaze: F32, brows: F32) -> F32:
    """(T, 2) factor on the lids: the upper lid sinks with a look down and rises with a look up or a raised brow."""
    return _f32(np.clip(1.0 - 0.07 * gaze[:, 1:] + 0.012 * brows, 0.7, 1.15))


def blend(a: Motion, b: Motion, weight: float | ArrayLike) -> Motion:
    """``a`` where weight is 0, ``b`` where it is 1; weight is one number or (T,), in [0, 1].

    Raises ValueError if the two differ in length or fps.
    """
    if a.fps != b.fps or len(a) != len(b):
        raise ValueError(f"cannot blend {len(a)} frames at {a.fps}/s with {len(b)} frames at {b.fps}/s; retime one")
    w = np.broadcast_to(np.asarray(weight, np.float64), (len(a),))
    mixed = {n: _f32((x := getattr(a, n)) * (1 - _column(w, x)) + getattr(b, n) * _column(w, x)) for n in _CHANNELS}
    return Motion(fps=a.fps, **mixed)


def offset(motion: Motion, seconds: float) -> Motion:
    """All channels later by ``seconds`` (earlier if negative) at the same length; the ends hold."""
    return _sample(motion, np.arange(len(motion)) / float(motion.fps) - seconds, motion.fps)


def retime(motion: Motion, fps: Fraction, n_frames: int) -> Motion:
    """The same motion at another frame rate; after its end the last sample holds.

    Head and shape are cubic, the rest linear between samples. Each blink and each lip closure lands on the nearest new
    frame at its full depth, so that neither is lost at 12.5 frames a second.
    """
    if fps == motion.fps and n_frames == len(motion):
        return motion
    return _sample(motion, np.arange(n_frames) / float(fps), fps)


def close_in_silence(
    motion: Motion, speaking: NDArray[np.bool_], *, close_s: float = 0.16, open_s: float = 0.12
) -> Motion:
    """Closes the lips within ``close_s`` after speech and opens them from ``open_s`` before it; keeps speech as it is.

    ``speaking`` is (T,) at motion.fps, without gaps that a mouth would not close in (below some 0.2 s). The opening
    ahead of speech goes towards the first spoken frame, so a word that starts with p, b or m starts closed.
    """
    n, fps = len(motion), float(motion.fps)
    if speaking.shape != (n,):
        raise ValueError(f"speaking must have shape ({n},), got {speaking.shape}")
    frames = np.arange(n)
    last = np.maximum.accumulate(np.where(speaking, frames, -(10**9)))
    following = np.minimum.accumulate(np.where(speaking, frames, 10**9)[::-1])[::-1]
    after = _fall((frames - last) / fps / close_s)
    before = _fall((following - frames) / fps / open_s)
    gate = np.maximum(after, before)
    toward = _f32(motion.lip_gap[np.minimum(following, n - 1)] * np.where(speaking, 0, 0.6 * before)) if n else 0
    return replace(
        motion,
        shape=_f32(motion.shape * gate[:, None]),
        lip_gap=np.maximum(_f32(motion.lip_gap * gate), toward),
    )


def to_json(motion: Motion) -> str:
    """The motion as text that people can edit; from_json gives it back bit for bit."""
    body = {name: _rows(getattr(motion, name)) for name in _CHANNELS}
    return json.dumps({"format": _JSON_FORMAT, "fps": str(motion.fps), **body})


def from_json(text: str) -> Motion:
    """The motion of to_json. Raises MediaError for anything else."""
    try:
        data = json.loads(text)
        if data["format"] != _JSON_FORMAT:
            raise ValueError(f"its format is {data['format']!r}")
        above, _, below = data["fps"].partition("/")
        fps = Fraction(int(above), int(below or 1))
        if fps <= 0:
            raise ValueError(f"its fps is {data['fps']}")
        with np.errstate(over="ignore"):  # Motion refuses what is not finite
            arrays = {name: np.array(data[name], np.float32) for name in _CHANNELS}
        n = len(arrays["lip_gap"])
        flat = {name: array.reshape(n, _WIDTHS[name]) if name in _WIDTHS else array for name, array in arrays.items()}
        return Motion(fps=fps, **flat)
    except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else error
        raise MediaError(f"motion file: {what}; it must be {_JSON_FORMAT} JSON as written by Sonic") from error


def _f32(x: ArrayLike) -> F32:
    return np.asarray(x, np.float32)


def _column(weight: Floats, like: F32) -> Floats:
    """(T,) -> (T,) or (T, 1), whichever multiplies ``like``."""
    return weight if like.ndim == 1 else weight[:, None]


def _rows(array: F32) -> list[float] | list[list[float]]:
    if array.ndim == 2:
        return [[float(f"{v:.9g}") for v in row] for row in array]
    return [float(f"{v:.9g}") for v in array]


def _fall(x: Floats) -> F64:
    """1 at x <= 0, 0 at x >= 1, zero slope at both."""
    t = np.clip(1.0 - x, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def _gaussian(x: F32, sigma: float) -> F64:
    """Gaussian filter along axis 0, the ends held; sigma in frames."""
    reach = int(np.ceil(3 * sigma))
    if sigma < 0.05:
        return np.asarray(x, np.float64)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    taps /= taps.sum()
    padded = np.pad(x.astype(np.float64), [(reach, reach), *[(0, 0)] * (x.ndim - 1)], mode="edge")
    return np.asarray(sum(tap * padded[i : i + len(x)] for i, tap in enumerate(taps)))


def _soft(x: Floats, most: float) -> F32:
    """Odd and monotone: identity up to 70 % of ``most``, then bending towards it."""
    size = np.abs(x)
    knee = 0.7 * most
    bent = knee + (most - knee) * np.tanh((size - knee) / (most - knee))
    return _f32(np.where(size <= knee, x, np.sign(x) * bent))


def _soft_length(x: F32, most: float) -> F32:
    """_soft on the length of each row."""
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return _f32(x * (_soft(length, most) / np.maximum(length, 1e-9)))


def _is_minimum(x: Floats) -> NDArray[np.bool_]:
    """(T,) where a sample is not above its neighbours."""
    padded = np.pad(np.asarray(x, np.float64), 1, mode="edge")
    return np.asarray((padded[1:-1] <= padded[:-2]) & (padded[1:-1] <= padded[2:]))


def _closure(gap: F32, fps: float) -> F64:
    """(T,) 1 at minima of lip_gap that are closures, fading to 0 at 60 % of the largest gap within 0.25 s."""
    reach = max(1, round(0.25 * fps))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(gap, reach, mode="edge"), 2 * reach + 1)
    around = np.maximum(windows.max(1), 1e-3)
    weight = _fall((gap / around - 0.3) / 0.3)
    return np.where(_is_minimum(gap) | (gap == 0), weight, 0.0)


def _spread(weight: F64, width: float) -> F64:
    """Each peak of (T,) as a triangle of ``width`` frames to either side."""
    out = weight.copy()
    for k in range(1, int(np.ceil(width)) + 1):
        fade = max(0.0, 1 - k / (width + 1))
        out[k:] = np.maximum(out[k:], fade * weight[:-k])
        out[:-k] = np.maximum(out[:-k], fade * weight[k:])
    return out


def _sample(motion: Motion, times_s: F64, fps: Fraction) -> Motion:
    """The motion at these evenly spaced times, minima of lids and lip_gap on the nearest of them."""
    rate = float(motion.fps)
    at = np.clip(times_s * rate, 0, max(len(motion) - 1, 0))
    out = {n: _cubic(getattr(motion, n), at) for n in ("shape", "pose_deg", "shift")}
    out |= {n: _f32(_linear(getattr(motion, n), at)) for n in ("lip_gap", "lids", "gaze", "brows")}
    if len(motion) and len(at):
        nearest = np.rint((np.arange(len(motion)) / rate - times_s[0]) * float(fps)).astype(np.int64)
        _keep_minima(out["lip_gap"], motion.lip_gap, nearest, _closure(motion.lip_gap, rate) > 0.5)
        for eye in range(2):
            lid = motion.lids[:, eye]
            _keep_minima(out["lids"][:, eye], lid, nearest, _is_minimum(lid) & (lid < 0.9))
    return Motion(fps=fps, **out)


def _keep_minima(out: F32, source: F32, nearest: NDArray[np.int64], chosen: NDArray[np.bool_]) -> None:
    """Lowers ``out`` in place to the chosen source samples, each at its nearest place."""
    chosen = chosen & (nearest >= 0) & (nearest < len(out))
    np.minimum.at(out, nearest[chosen], source[chosen])


def _linear(x: F32, at: F64) -> F64:
    """Rows of ``x`` at fractional positions."""
    low = np.minimum(at.astype(np.int64), max(len(x) - 2, 0))
    f = (at - low).reshape(-1, *[1] * (x.ndim - 1))
    return np.asarray(x[low] * (1 - f) + x[np.minimum(low + 1, len(x) - 1)] * f)


def _cubic(x: F32, at: F64) -> F32:
    """Rows of ``x`` at fractional positions, through the samples (Catmull and Rom 1974).

    Channel by channel: the shape of ten minutes in double precision, five times over, would be 20 MB.
    """
    low = np.minimum(at.astype(np.int64), max(len(x) - 2, 0))
    f = at - low
    rows = [np.clip(low + k, 0, len(x) - 1) for k in (-1, 0, 1, 2)]
    out = np.empty((len(at), x.shape[1]), np.float32)
    for channel, track in enumerate(x.T):
        a, b, c, d = (track[row].astype(np.float64) for row in rows)
        out[:, channel] = b + 0.5 * f * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)))
    return out
