"""How natural a talking face is, from landmarks tracked in its pixels and the loudness of its sound.

Formulas follow THEval ("Evaluation Framework for Talking Head Video Generation", 2025) where a docstring says so, on
FaceMesh landmarks. Distances are relative to the outer-eye distance (between landmarks 33 and 263) unless a name says
otherwise, so that the size of the picture does not matter. A figure that a clip cannot give (no silence, say) is None.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sonic.facemesh import EYES, LEFT_BROW, LOWER_INNER, LOWER_OUTER, RIGHT_BROW, STABLE, UPPER_INNER, UPPER_OUTER, Eye
from sonic.geometry import pose_from_rotation, similarity
from sonic.types import F32, F64, N_LANDMARKS, U8

Mask = NDArray[np.bool_]

_LIPS = tuple(sorted({*UPPER_INNER, *LOWER_INNER, *UPPER_OUTER, *LOWER_OUTER}))
_BONE = (33, 133, 362, 263, 168, 6, 197, 195)
"""Eye corners and the bridge of the nose."""
_OUTER_EYES = (33, 263)
_PATCH_ANCHORS = ((6, 20), (25, 20), (39, 20), (58, 20), (32, 19), (32, 24), (32, 36), (32, 42))
"""Where _BONE lies in the patch of 64 x 64 that identity compares."""
_LEAST_BACKGROUND = 0.02
_SCALE_PX = 62.0
"""Outer-eye distance in the tables of the docs: a face of some 130 px in a picture of 256 px."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured; natural ranges are medians of real talkers tracked with the same landmark model."""

    seconds: float
    silent_s: float
    """Silence in runs of at least 300 ms."""
    silent_lip_deviation: float | None
    """THEval silent lip stability; real 0.014 .. 0.026."""
    loudness_mismatch: float | None
    """THEval lip-sync; real 0.24 .. 0.26, lower is not better."""
    opening_loudness_correlation: float
    """At the best lag."""
    lag_ms: float
    """Positive: the lips come later than the sound."""
    lip_gap_sd: float
    """Standard deviation of the inner-lip gap over the distance of the eyes' centres; real 0.048 .. 0.056."""
    lip_dynamics_px: float
    """THEval lip dynamics at an outer-eye distance of 62 px; real 1.4 .. 1.9."""
    brow_dynamics: float
    """THEval eyebrow dynamics; real 0.006 .. 0.007."""
    yaw_sd_deg: float
    pitch_sd_deg: float
    roll_sd_deg: float
    """Real free speech: 3.6, 3.5 and 1.8."""
    head_complexity: float
    """THEval head motion dynamics at an outer-eye distance of 62 px; real 5.0 .. 6.5."""
    blinks_per_minute: float
    """Real 15 .. 24."""
    blink_ms: float | None
    """Median time that a blink keeps the eyes less than 60 % open."""
    jitter: float
    """RMS second difference of eye corners and nose bridge after removing the head's motion."""
    flicker_luma: float | None
    """RMS second difference of the frame mean of luma, of 255; below 0.5 is not seen."""
    flicker_chroma: float | None
    drift_luma_per_minute: float | None
    background_difference: float | None
    """Difference to the picture at rest outside what may move, of 255."""
    identity: float | None
    """Correlation of the aligned eyes and nose with the first frame, median: 1 is the same pixels."""

    def to_dict(self) -> dict[str, float | None]:
        """Name -> value, for JSON."""
        return asdict(self)


def measure(
    points_px: F32,
    *,
    fps: float,
    loudness: ArrayLike,
    speaking: Mask,
    frame_means: ArrayLike | None = None,
    background_difference: float | None = None,
    identity: float | None = None,
) -> Report:
    """The report of one clip.

    ``points_px`` is (T, 478, 3) landmarks in px of the video; ``loudness`` (T,) linear RMS of 80 to 3000 Hz at each
    frame; ``speaking`` (T,); ``frame_means`` (T, 3) mean Y, Cb, Cr of each frame, 0 .. 255. Raises ValueError for other
    shapes or less than 3 frames.
    """
    n = len(points_px)
    if points_px.shape != (n, N_LANDMARKS, 3) or n < 3:
        raise ValueError(f"points_px must have shape (N >= 3, {N_LANDMARKS}, 3), got {points_px.shape}")
    if np.shape(loudness) != (n,) or speaking.shape != (n,):
        raise ValueError(f"loudness and speaking must have shape ({n},), got {np.shape(loudness)} and {speaking.shape}")
    points = points_px.astype(np.float64)
    pose_deg, jitter = head(points)
    opening = lip_opening(points)
    silent = long_runs(~speaking, 0.3 * fps)
    lag_s, correlation = lag_and_correlation(opening, loudness, fps)
    blinks = find_blinks(eye_openness(points), fps)
    means = None if frame_means is None else np.asarray(frame_means, np.float64)
    sd = pose_deg.std(0)
    return Report(
        seconds=n / fps,
        silent_s=float(silent.sum()) / fps,
        silent_lip_deviation=silent_lip_deviation(opening, silent),
        loudness_mismatch=loudness_mismatch(opening, loudness, speaking),
        opening_loudness_correlation=correlation,
        lag_ms=1000 * lag_s,
        lip_gap_sd=lip_gap_sd(points),
        lip_dynamics_px=lip_dynamics_px(points),
        brow_dynamics=brow_dynamics(points),
        yaw_sd_deg=float(sd[0]),
        pitch_sd_deg=float(sd[1]),
        roll_sd_deg=float(sd[2]),
        head_complexity=head_complexity(points, pose_deg),
        blinks_per_minute=60 * len(blinks) * fps / n,
        blink_ms=float(np.median(blinks[:, 1] - blinks[:, 0])) / fps * 1000 if len(blinks) else None,
        jitter=jitter,
        flicker_luma=None if means is None else flicker(means[:, :1]),
        flicker_chroma=None if means is None else flicker(means[:, 1:]),
        drift_luma_per_minute=None if means is None else drift_per_minute(means[:, 0], fps),
        background_difference=background_difference,
        identity=identity,
    )


def lip_opening(points: F64) -> F64:
    """(T,) mean vertical gap of the 8 inner-lip pairs over the outer-eye distance (THEval's opening)."""
    upper, lower = points[:, UPPER_INNER[1:9], 1], points[:, LOWER_INNER[1:9], 1]
    return np.asarray(np.abs(lower - upper).mean(1) / _scale(points))


def silent_lip_deviation(opening: F64, silent: Mask) -> float | None:
    """Median absolute deviation of the opening about its mean in the silent frames (THEval silent lip stability)."""
    if silent.sum() < 2:
        return None
    x = opening[silent]
    return float(np.median(np.abs(x - x.mean())))


def loudness_mismatch(opening: F64, loudness: ArrayLike, speaking: Mask) -> float | None:
    """Mean absolute difference of opening and RMS, each scaled to 0 .. 1 over the spoken frames (THEval lip-sync)."""
    if speaking.sum() < max(2.0, 0.1 * len(speaking)):
        return None
    a, b = (x[speaking] - x[speaking].min() for x in (opening, np.asarray(loudness, np.float64)))
    return float(np.abs(a / (a.max() + 1e-8) - b / (b.max() + 1e-8)).mean())


def lag_and_correlation(opening: ArrayLike, loudness: ArrayLike, fps: float) -> tuple[float, float]:
    """(lag in s, Pearson correlation there) of two (T,) tracks, within 300 ms, to a fraction of a frame.

    ``loudness`` is linear and is compared as it is heard, as its power 0.6 (Stevens 1957). Syllables repeat, so a clip
    of few words has several peaks: the one nearest to 0 counts among those of at least 70 % of the highest. A positive
    lag means that the opening comes later than the loudness; (0, 0) where either is constant or too short.
    """
    a, b = np.asarray(opening, np.float64), np.maximum(np.asarray(loudness, np.float64), 0) ** 0.6
    if a.shape != b.shape:
        raise ValueError(f"opening and loudness must have the same length, got {a.shape} and {b.shape}")
    reach = min(int(0.3 * fps), len(a) - 3)
    if reach < 1:
        return 0.0, 0.0
    lags = np.arange(-reach, reach + 1)
    r = np.array([_pearson(a[max(k, 0) : len(a) + min(k, 0)], b[max(-k, 0) : len(b) - max(k, 0)]) for k in lags])
    if r.max() <= 0:
        return 0.0, 0.0
    high = np.flatnonzero(_is_peak(r) & (r >= 0.7 * r.max()))
    top = int(high[np.argmin(np.abs(lags[high]))])
    shift, peak = 0.0, float(r[top])
    if 0 < top < len(r) - 1 and (bend := r[top - 1] - 2 * r[top] + r[top + 1]) < 0:
        shift = float(0.5 * (r[top - 1] - r[top + 1]) / bend)
        peak -= float(0.25 * (r[top - 1] - r[top + 1]) * shift)
    return (float(lags[top]) + shift) / fps, min(peak, 1.0)


def lip_gap_sd(points: F64) -> float:
    """Standard deviation of the distance between the centres of the inner lips over the eyes' centre distance."""
    gap = np.linalg.norm(points[:, UPPER_INNER[5], :2] - points[:, LOWER_INNER[5], :2], axis=1)
    return float((gap / _eye_distance(points)).std())


def lip_dynamics_px(points: F64) -> float:
    """Standard deviation over time of every distance between two lip points, averaged, at 62 px outer-eye distance."""
    lips = points[:, _LIPS, :2] / _scale(points)[:, None, None] * _SCALE_PX
    first, second = np.triu_indices(len(_LIPS), 1)
    return float(np.mean([np.linalg.norm(lips[:, i] - lips[:, j], axis=1).std() for i, j in zip(first, second)]))  # noqa: B905


def brow_dynamics(points: F64) -> float:
    """Mean absolute frame difference of the distance of brow and eye centres over the eye distance (THEval)."""
    distances = [
        np.linalg.norm(points[:, brow, :2].mean(1) - _eye_centre(points, eye), axis=1) / _eye_distance(points)
        for brow, eye in zip((LEFT_BROW, RIGHT_BROW), EYES, strict=True)
    ]
    return float(np.mean([np.abs(np.diff(d)).mean() for d in distances]))


def head(points: F64) -> tuple[F64, float]:
    """(T, 3) degrees (yaw, pitch, roll) against the clip's first frame, and the jitter of bone points (see Report).

    Each frame is fitted by a similarity to the clip's own mean of the STABLE points (generalised Procrustes).
    """
    stable = points[:, STABLE]
    shape = stable[0] - stable[0].mean(0)
    for _ in range(2):
        scale, rotation, centre = _fit(shape, stable)
        shape = (((stable - centre[:, None]) @ rotation) / scale[:, None, None]).mean(0)
        shape -= shape.mean(0)
    scale, rotation, centre = _fit(shape, stable)
    bone = ((points[:, _BONE] - centre[:, None]) @ rotation) / scale[:, None, None]
    eyes = np.linalg.norm(bone[:, 0] - bone[:, 3], axis=1).mean()
    jitter = float(np.sqrt((np.diff(bone[..., :2], n=2, axis=0) ** 2).sum(-1).mean()) / eyes)
    return pose_from_rotation(rotation @ rotation[0].T), jitter


def head_complexity(points: F64, pose_deg: F64) -> float:
    """sqrt(mean sd of the angles * mean variance of their frame differences + mean variance of the face box's centre).

    Degrees, and px at an outer-eye distance of 62 px (THEval head motion dynamics).
    """
    box = (points[..., :2].max(1) + points[..., :2].min(1)) / 2 / np.median(_scale(points)) * _SCALE_PX
    turning = pose_deg.std(0).mean() * np.diff(pose_deg, axis=0).var(0).mean()
    return float(np.sqrt(turning + box.var(0).mean()))


def eye_openness(points: F64) -> F64:
    """(T,) height of the eyes over their width, mean of both eyes (eye aspect ratio, Soukupova and Cech 2016)."""
    return np.asarray(np.mean([_eye_ratio(points, eye) for eye in EYES], axis=0))


def find_blinks(openness: F64, fps: float) -> NDArray[np.int64]:
    """(B, 2) first frame and end of each blink: less than 60 % open for 60 to 500 ms, below 50 % at its deepest.

    Open is the 75th percentile over the 2 s to either side: a nod changes the ratio slowly, a blink quickly.
    """
    reach = max(2, round(2 * fps))
    usual = np.array([np.percentile(openness[max(i - reach, 0) : i + reach + 1], 75) for i in range(len(openness))])
    relative = openness / np.maximum(usual, 1e-6)
    starts, stops = _runs(relative < 0.6)
    fits = [
        0.06 <= (stop - start + 0.5) / fps <= 0.55 and relative[start:stop].min() < 0.5
        for start, stop in zip(starts, stops, strict=True)
    ]
    return np.asarray(np.stack([starts, stops], 1)[np.array(fits, bool)].reshape(-1, 2))


def identity(pictures: list[U8], points: F64) -> float | None:
    """Median correlation of the upright patch of eyes and nose in each grey picture (H, W) with that in the first.

    ``points`` is (len(pictures), 478, 3) landmarks in px of these pictures. No network knows a face here: pixels that
    were warped keep what makes a person, and a face that drifts into another loses correlation. None for one picture.
    """
    patches = [_eyes_and_nose(picture, p) for picture, p in zip(pictures, points, strict=True)]
    scores = [_pearson(patches[0].ravel(), patch.ravel()) for patch in patches[1:]]
    return float(np.median(scores)) if scores else None


def background_change(pictures: list[U8], points: F64) -> float | None:
    """95th percentile of the difference to the first grey picture, of 255, away from the person; None if nothing is.

    Away: farther from the faces' common box than half of its size, and not below it, where a body is.
    """
    flat = points[..., :2].reshape(-1, 2)
    low, high = flat.min(0), flat.max(0)
    margin = 0.5 * (high - low)
    (left, top), right = np.maximum(low - margin, 0).astype(int), int(high[0] + margin[0])
    away = np.ones(pictures[0].shape, bool)
    away[top:, left : max(right, 0)] = False
    away[int(high[1]) :] = False
    if away.mean() < _LEAST_BACKGROUND or len(pictures) < 2:
        return None
    first = pictures[0][away].astype(np.int16)
    return float(max(np.percentile(np.abs(p[away].astype(np.int16) - first), 95) for p in pictures[1:]))


def mean_ycc(rgb: U8) -> F64:
    """Mean Y, Cb, Cr of a frame (H, W, 3), 0 .. 255 (ITU-R BT.709)."""
    r, g, b = (float(v) for v in rgb.reshape(-1, 3).mean(0))
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    return np.array([y, (b - y) / 1.8556, (r - y) / 1.5748])


def flicker(means: ArrayLike) -> float:
    """RMS second difference of frame means (T, C), in their own unit."""
    x = np.asarray(means, np.float64)
    return float(np.sqrt((np.diff(x, n=2, axis=0) ** 2).mean())) if len(x) > 2 else 0.0


def drift_per_minute(means: ArrayLike, fps: float) -> float:
    """Slope of a line through the frame means (T,), in their unit per minute."""
    x = np.asarray(means, np.float64)
    return float(np.polyfit(np.arange(len(x)) / fps / 60, x, 1)[0]) if len(x) > 1 else 0.0


def long_runs(mask: Mask, shortest: float) -> Mask:
    """The runs of True of at least ``shortest`` frames."""
    out = np.zeros_like(mask)
    for start, stop in zip(*_runs(mask), strict=True):
        out[start:stop] = stop - start >= shortest
    return out


def _eyes_and_nose(picture: U8, points: F64) -> F64:
    """(64, 64) the picture sampled on a grid that goes with the eyes: nearest pixels, softened."""
    scale, rotation, shift = similarity(_PATCH_ANCHORS, points[list(_BONE), :2])
    y, x = np.mgrid[0:64, 0:64].reshape(2, -1)
    places = scale * np.stack([x, y], 1) @ rotation.T + shift
    column, row = np.clip(np.rint(places).astype(int).T, 0, np.array(picture.shape[::-1])[:, None] - 1)
    patch = picture[row, column].reshape(64, 64).astype(np.float64)
    return np.asarray(patch.reshape(32, 2, 32, 2).mean((1, 3)))


def _runs(mask: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    edges = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    return np.asarray(np.flatnonzero(edges == 1)), np.asarray(np.flatnonzero(edges == -1))


def _scale(points: F64) -> F64:
    """(T,) outer-eye distance in px."""
    a, b = _OUTER_EYES
    return np.asarray(np.maximum(np.linalg.norm(points[:, a, :2] - points[:, b, :2], axis=1), 1e-6))


def _eye_centre(points: F64, eye: Eye) -> F64:
    return np.asarray(points[:, [*eye.corners, *eye.upper, *eye.lower], :2].mean(1))


def _eye_distance(points: F64) -> F64:
    """(T,) between the centres of the eyes in px."""
    left, right = (_eye_centre(points, eye) for eye in EYES)
    return np.asarray(np.maximum(np.linalg.norm(left - right, axis=1), 1e-6))


def _eye_ratio(points: F64, eye: Eye) -> F64:
    """(T,) mean height of the middle of the eye over its width."""
    upper, lower = points[:, eye.upper[2:5], :2], points[:, eye.lower[2:5], :2]
    width = np.linalg.norm(points[:, eye.corners[0], :2] - points[:, eye.corners[1], :2], axis=1)
    return np.asarray(np.linalg.norm(upper - lower, axis=2).mean(1) / np.maximum(width, 1e-6))


def _fit(shape: F64, frames: F64) -> tuple[F64, F64, F64]:
    """Similarity of the centred (N, 3) shape to each of (T, N, 3) frames: (T,) scale, (T, 3, 3), (T, 3) centre."""
    centre = frames.mean(1)
    u, s, vt = np.linalg.svd(np.einsum("tni,nj->tij", frames - centre[:, None], shape))
    signs = np.ones_like(s)
    signs[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * signs[:, None]) @ vt
    return (s * signs).sum(1) / (shape**2).sum(), rotation, centre


def _pearson(a: F64, b: F64) -> float:
    a, b = a - a.mean(), b - b.mean()
    energy = float((a * a).sum() * (b * b).sum())
    return float((a * b).sum()) / energy**0.5 if energy > 1e-18 else 0.0


def _is_peak(x: F64) -> Mask:
    """Samples that no neighbour exceeds."""
    padded = np.concatenate([[-np.inf], x, [-np.inf]])
    return np.asarray((x >= padded[:-2]) & (x >= padded[2:]))
