"""How the head turns and moves, and landmarks with that motion removed."""

import numpy as np

from sonic.evaluation.metrics.eyes import SCALE_PX, outer_eye_distance
from sonic.faces.geometry import pose_from_rotation
from sonic.faces.topology import STABLE
from sonic.types import F64

BONE = (33, 133, 362, 263, 168, 6, 197, 195)
"""Eye corners and the bridge of the nose."""


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
    bone = ((points[:, BONE] - centre[:, None]) @ rotation) / scale[:, None, None]
    eyes = np.linalg.norm(bone[:, 0] - bone[:, 3], axis=1).mean()
    jitter = float(np.sqrt((np.diff(bone[..., :2], n=2, axis=0) ** 2).sum(-1).mean()) / eyes)
    return pose_from_rotation(rotation @ rotation[0].T), jitter


def head_complexity(points: F64, pose_deg: F64) -> float:
    """sqrt(mean sd of the angles * mean variance of their frame differences + mean variance of the face box's centre).

    Degrees, and px at an outer-eye distance of 62 px (THEval head motion dynamics).
    """
    box = (points[..., :2].max(1) + points[..., :2].min(1)) / 2 / np.median(outer_eye_distance(points)) * SCALE_PX
    turning = pose_deg.std(0).mean() * np.diff(pose_deg, axis=0).var(0).mean()
    return float(np.sqrt(turning + box.var(0).mean()))


def without_head_motion(points: F64, reference: F64) -> F64:
    """(T, 478, 3) landmarks laid on one face (478, 3) by the STABLE points, a similarity for each frame: same unit,
    axes and place as ``reference``."""
    stable = reference[list(STABLE)]
    centre_there = stable.mean(0)
    scale, rotation, centre = _fit(stable - centre_there, points[:, STABLE])
    return np.asarray((points - centre[:, None]) @ rotation / scale[:, None, None] + centre_there)


def _fit(shape: F64, frames: F64) -> tuple[F64, F64, F64]:
    """Similarity of the centred (N, 3) shape to each of (T, N, 3) frames: (T,) scale, (T, 3, 3), (T, 3) centre."""
    centre = frames.mean(1)
    u, s, vt = np.linalg.svd(np.einsum("tni,nj->tij", frames - centre[:, None], shape))
    signs = np.ones_like(s)
    signs[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * signs[:, None]) @ vt
    return (s * signs).sum(1) / (shape**2).sum(), rotation, centre
