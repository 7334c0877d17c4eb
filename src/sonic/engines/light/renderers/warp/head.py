"""The rigid motion of the head in the picture, and the weaker one of neck and shoulders."""

from dataclasses import dataclass

import numpy as np

from sonic.engines.light.renderers.warp.neutral import HeadFit
from sonic.faces import topology
from sonic.faces.geometry import rotation_from_pose, smoothstep
from sonic.types import F32, F64

_FREE_DEG, _LIMIT_DEG = 15.0, 21.0
"""Rotation of the mesh is exact up to the first and never beyond the second: one picture holds no more."""
_YAW_GAIN, _PITCH_GAIN = 1.95, 1.65
"""The outline of a head hardly turns in a warped photo, so that a viewer, or a tracker, sees less of a turn than the
mesh makes: 0.51 of its yaw, 0.60 of its pitch, all of its roll (medians of a dozen portraits, tracked anew)."""
_TURNED_FROM_DEG, _TURNED_TO_DEG = 10.0, 32.0
"""A head that is turned in the photo already may turn less: between these yaws, down to a fifth."""
_MOST_SHIFT = 1.0
_CAMERA_WIDTHS = 7.0
"""Distance of the camera in face widths, a metre: how much a head grows when it comes nearer."""
_PIVOT_WIDTHS = np.array([0.0, 0.65, 0.56])
"""From the middle of the upper face to the base of the neck (right, down, away), in face widths: what the head turns
about. How far it moves is how far the trunk does."""
_TRUNK_GAIN, _MOST_TRUNK_WIDTHS = 0.8, 0.045
"""Shoulders follow the base of the neck, softly limited: a picture of them holds less than one of the head."""
_FLANK_MM, _FLANK_DEPTH = 6.0, 0.25
"""Depth behind the head's centre counts a quarter: flanks are two or three pixels wide in a photo, and turning them by
their true depth draws those pixels into stripes along jaw and ear."""


@dataclass(frozen=True, slots=True)
class Rigid:
    """x -> matrix @ (x - centre) + centre + offset, in crop px; the matrix holds the scale."""

    matrix: F64
    centre: F64
    offset: F64

    def __call__(self, points: F64) -> F64:
        """(..., 3) -> (..., 3)"""
        return points + (points - self.centre) @ (self.matrix - np.eye(3)).T + self.offset


class Head:
    """Turns Motion's pose and shift into a Rigid for one portrait."""

    def __init__(self, points_px: F64, fit: HeadFit, room: float = 1.0) -> None:
        """``room``: the share of all motion that there is space for, 0 .. 1."""
        self._room = room
        self.centre = points_px[list(topology.STABLE)].mean(0)
        self._flank = self.centre[2] + _FLANK_MM * fit.px_per_mm
        self._width = float(np.linalg.norm((points_px[topology.CHEEK_LEFT] - points_px[topology.CHEEK_RIGHT])[:2]))
        yaw = abs(float(np.rad2deg(np.arcsin(np.clip(fit.rotation[0, 2], -1, 1)))))
        self.freedom = float(1 - 0.8 * smoothstep(_TURNED_FROM_DEG, _TURNED_TO_DEG, yaw))
        """How much of a yaw is followed: 1 for a frontal portrait."""

    def flatten(self, points: F64) -> F64:
        """A copy of (..., 3) px with the depth behind the flanks compressed."""
        flat = points.copy()
        behind = np.maximum(points[..., 2] - self._flank, 0)
        flat[..., 2] -= (1 - _FLANK_DEPTH) * behind
        return flat

    def rigid(self, pose_deg: F32, shift: F32) -> Rigid:
        """The motion of one sample."""
        half = 0.5 + 0.5 * self.freedom
        pose = pose_deg.astype(np.float64) * [_YAW_GAIN * self.freedom, _PITCH_GAIN * half, 1.0]
        size = float(np.linalg.norm(pose))
        if size > _FREE_DEG:
            room = _LIMIT_DEG - _FREE_DEG
            pose *= (_FREE_DEG + room * np.tanh((size - _FREE_DEG) / room)) / size
        pose *= self._room
        right, down, away = (float(v) * self._room for v in np.clip(shift, -_MOST_SHIFT, _MOST_SHIFT))
        scale = _CAMERA_WIDTHS / (_CAMERA_WIDTHS + away)
        return Rigid(scale * rotation_from_pose(pose), self.centre, np.array([right, down, 0]) * self._width * half)

    def trunk_px(self, pose_deg: F32, shift: F32) -> F64:
        """(2,) how far the shoulders go, right and down: what of the head's shift its turning does not explain."""
        turned = rotation_from_pose(pose_deg.astype(np.float64)) @ _PIVOT_WIDTHS - _PIVOT_WIDTHS
        lean = _TRUNK_GAIN * (np.clip(shift.astype(np.float64), -_MOST_SHIFT, _MOST_SHIFT) + turned)[:2]
        size = max(float(np.hypot(*lean)), 1e-9)
        lean *= _MOST_TRUNK_WIDTHS * np.tanh(size / _MOST_TRUNK_WIDTHS) / size
        return np.asarray(lean * self._width * self._room * (0.5 + 0.5 * self.freedom))
