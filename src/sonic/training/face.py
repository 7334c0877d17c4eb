"""Tracked clips without the pose of the head, as displacement from the clip's own closed-lip neutral."""

from dataclasses import dataclass

import numpy as np

from sonic.faces.geometry import pose_from_rotation, similarity, smoothstep
from sonic.faces.model import FaceModel
from sonic.faces.projection import coefficients
from sonic.faces.topology import LIP_BOTTOM, LIP_TOP, N_SURFACE, STABLE
from sonic.motion import MOUTH
from sonic.types import F32, F64

DEAD_ZONE_MM = 0.6
"""Openings below this are the tracker's noise on closed lips: they become exactly 0."""
CLOSED_PERCENTILE = 8
MAX_CLOSED_MM = 3.0
"""A clip whose smallest openings exceed this never closes its lips and has no neutral."""
SMOOTH = np.array([-3, 12, 17, 12, -3]) / 35
"""Savitzky-Golay, five frames, second order: takes the tracker's jitter, keeps closures."""
_STABLE = list(STABLE)


@dataclass(frozen=True, slots=True)
class CanonicalClip:
    """A clip in canonical axes, head pose removed."""

    speaker: str
    points: F64
    """(T, 468, 3) mm, origin at the mean of STABLE."""
    closed: F64
    """(468, 3) mm: this clip's closed-lip neutral."""
    lip_gap: F32
    """(T,) mm; 0 is closed."""
    pose_deg: F64
    """(T, 3) camera pose of the head: yaw, pitch, roll."""


def canonical_clip(points_px: F32, template: F64, speaker: str = "") -> CanonicalClip | None:
    """Remove the head's pose from a clip; None if its lips never close.

    Two passes, because a first fit to a stranger's template biases the pose: the second fit is to the clip's own
    median face.
    """
    points, _ = _without_pose(points_px[:, :N_SURFACE].astype(np.float64), template)
    own = np.median(points, axis=0)
    points, rotations = _without_pose(points_px[:, :N_SURFACE].astype(np.float64), own)
    points = _smoothed(points)
    gap = np.linalg.norm(points[:, LIP_TOP] - points[:, LIP_BOTTOM], axis=-1)
    level = float(np.percentile(gap, CLOSED_PERCENTILE))
    if level > MAX_CLOSED_MM:
        return None
    closed = points[gap <= level + 1e-9].mean(0)
    lip_gap = np.maximum(gap - level - DEAD_ZONE_MM, 0).astype(np.float32)
    return CanonicalClip(speaker, points, closed, lip_gap, pose_from_rotation(rotations))


def _without_pose(points: F64, face: F64) -> tuple[F64, F64]:
    """(T, 468, 3) px -> the same in the face's axes and unit, and the (T, 3, 3) rotations."""
    fits = [similarity(face[_STABLE], frame[_STABLE]) for frame in points]
    posed = [((frame - t) @ r) / s for frame, (s, r, t) in zip(points, fits, strict=True)]
    return np.stack(posed), np.stack([r for _, r, _ in fits])


def _smoothed(points: F64) -> F64:
    padded = np.pad(points, ((2, 2), (0, 0), (0, 0)), mode="edge")
    n = len(points)
    return np.asarray(sum(w * padded[i : i + n] for i, w in enumerate(SMOOTH)))


def lower_face_weight(template: F64) -> F64:
    """(468,) in [0, 1]: how far speech moves a landmark; 0 at the eyes and above, less on the nose."""
    x, y = template[:, 0], template[:, 1]
    nose = np.exp(-((x / 14) ** 2)) * smoothstep(60, 48, y)
    return np.asarray(smoothstep(22, 48, y) * (1 - 0.6 * nose))


def displacement(clip: CanonicalClip, weight: F64) -> F64:
    """(T, 468, 3) mm from the clip's closed neutral, lower face only."""
    return np.asarray((clip.points - clip.closed) * weight[:, None])


def mouth_weights(clip: CanonicalClip, model: FaceModel) -> F32:
    """(T, len(MOUTH_SHAPES)) weights of the mouth's expression shapes that come closest to what was seen."""
    weight = lower_face_weight(model.template.astype(np.float64))
    shapes = model.shapes[MOUTH].astype(np.float64) * weight[:, None]
    return coefficients(displacement(clip, weight), shapes)
