"""The face model (template and deformation basis) from tracked clips.

Template: generalised Procrustes mean of the closed-lip neutrals, every speaker with the same weight, made symmetric.
Basis: principal components of the lower face's displacement from the clip's own closed-lip neutral, mirrored frames
included, so that each component is either symmetric or antisymmetric.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sonic.errors import MediaError
from sonic.faces.geometry import pose_from_rotation, rotation_from_pose, similarity, smoothstep
from sonic.faces.topology import CHIN_TIP, FOREHEAD, LEFT_EYE, LIP_BOTTOM, LIP_TOP, N_SURFACE, RIGHT_EYE, STABLE
from sonic.motion import N_SHAPE
from sonic.training.tracks import Tracks
from sonic.types import F32, F64, Observer

FACE_MODEL = "face_model.npz"
EYE_DISTANCE_MM = 63.0
"""Between the eye centres: the unit of the canonical face."""
DEAD_ZONE_MM = 0.6
"""Openings below this are the tracker's noise on closed lips: they become exactly 0."""
CLOSED_PERCENTILE = 8
MAX_CLOSED_MM = 3.0
"""A clip whose smallest openings exceed this never closes its lips and has no neutral."""
MAX_CLIPS, MAX_ALL = 80, 2000
"""Clips of one speaker and in all that the face is fitted to: more only cost memory."""
SMOOTH = np.array([-3, 12, 17, 12, -3]) / 35
"""Savitzky-Golay, five frames, second order: takes the tracker's jitter, keeps closures."""
MOUTH_CORNERS = (
    *((61, 291), (76, 306), (62, 292), (78, 308), (146, 375), (77, 307)),
    *((96, 325), (95, 324), (185, 409), (184, 408), (183, 407), (191, 415)),
)
"""Mirror pairs that lie too close together to be found by distance."""
MIRROR = np.array([-1.0, 1.0, 1.0])
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


def load_tracks(tracks: Tracks) -> dict[str, list[F32]]:
    """Landmarks, (T, 478, 3) px each, by speaker: at most MAX_CLIPS of each and MAX_ALL in all, evenly picked."""
    by_speaker: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(tracks.rows):
        by_speaker[row["speaker"]].append(i)
    speakers = sorted(by_speaker)
    speakers = speakers[:: max(1, -(-len(speakers) // MAX_ALL))]
    limit = min(MAX_CLIPS, max(1, MAX_ALL // max(len(speakers), 1)))
    picked = {name: by_speaker[name][:: -(-len(by_speaker[name]) // limit)] for name in speakers}
    return {name: [tracks.points(i) for i in items] for name, items in picked.items()}


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


def fit_template(tracks: dict[str, list[F32]], max_clips: int = 12) -> tuple[F64, NDArray[np.intp]]:
    """(468, 3) mm, the symmetric mean of the speakers' closed-lip neutrals, and (468,) the mirror image of each
    landmark.

    Every speaker has the same weight and gives at most ``max_clips`` clips.
    """
    mean = _normalised(next(iter(tracks.values()))[0][0, :N_SURFACE].astype(np.float64))
    for _ in range(4):
        faces, yawns = [], []
        for clips in tracks.values():
            picked = clips[:: max(1, len(clips) // max_clips)][:max_clips]
            neutrals = [c for points in picked if (c := canonical_clip(points[::2], mean))]
            if neutrals:
                # The camera's view, not the first face's axes: frontal is what the speakers' average calls frontal.
                faces.append(np.mean([_to_camera(c, c.closed) for c in neutrals], axis=0))
                yawns.append(np.mean([_to_camera(c, c.points[int(c.lip_gap.argmax())]) for c in neutrals], axis=0))
        if not faces:
            raise MediaError(f"none of {sum(map(len, tracks.values()))} clips ever closes its lips; add speech")
        mean = _procrustes_mean(faces)
    order = mirror_order(_procrustes_mean(yawns))
    return _symmetric(mean, order), order


def _to_camera(clip: CanonicalClip, face: F64) -> F64:
    return np.asarray(face @ rotation_from_pose(np.median(clip.pose_deg, axis=0)).T)


def _procrustes_mean(faces: Sequence[F64]) -> F64:
    mean = _normalised(faces[0])
    for _ in range(5):
        fits = [similarity(face, mean) for face in faces]
        mean = np.mean([s * face @ r.T + t for face, (s, r, t) in zip(faces, fits, strict=True)], axis=0)
        # A mean of similarity fits shrinks and keeps the first face's axes: rescale, and turn to the average view.
        turn = np.mean([r for _, r, _ in fits], axis=0)
        u, _, vt = np.linalg.svd(turn)
        mean = _normalised(mean @ (u @ vt))
    return mean


def _normalised(face: F64) -> F64:
    """Origin at the mean of STABLE, eye centres EYE_DISTANCE_MM apart."""
    eyes = [face[list(eye.corners)].mean(0) for eye in (LEFT_EYE, RIGHT_EYE)]
    face = face * (EYE_DISTANCE_MM / np.linalg.norm(eyes[0] - eyes[1]))
    return np.asarray(face - face[_STABLE].mean(0))


def mirror_order(face: F64) -> NDArray[np.intp]:
    """(468,) index of each landmark's mirror image, from an almost symmetric face with its mouth open.

    With closed lips the upper and the lower lip coincide, and nearest neighbours pair them. Raises MediaError if
    nearest neighbours do not pair up, which means that the face is not frontal or its mouth not open.
    """
    left, right = np.array(MOUTH_CORNERS).T
    for _ in range(6):
        order = np.argmin(((face * MIRROR)[:, None] - face[None]) ** 2 @ np.ones(3), axis=1)
        order[left], order[right] = right, left
        odd = order[order] != np.arange(len(face))
        pairs = np.flatnonzero(~odd)
        _, turn, shift = similarity((face * MIRROR)[pairs], face[order[pairs]])
        # Half of the rotation between the face and its mirror image turns the plane of symmetry to x = 0.
        half = rotation_from_pose(pose_from_rotation(turn) / 2)
        face = (face - shift / 2) @ half
    if odd.any():
        raise MediaError(f"{int(odd.sum())} points of the mean face have no mirror image; add frontal clips")
    return np.asarray(order)


def _symmetric(face: F64, order: NDArray[np.intp]) -> F64:
    """Mean of the face and its mirror image, with the plane of symmetry at x = 0."""
    for _ in range(3):
        flipped = face[order] * MIRROR
        s, r, t = similarity(flipped, face)
        face = (face + s * flipped @ r.T + t) / 2
        across = face[RIGHT_EYE.corners[0]] - face[LEFT_EYE.corners[0]]
        face = _normalised(face @ _turn(across, np.array([1.0, 0, 0])).T)
    face = (face + face[order] * MIRROR) / 2
    # Frontal by definition: forehead and chin at the same depth.
    return _normalised(face @ _turn(face[CHIN_TIP] - face[FOREHEAD], np.array([0, 1.0, 0])).T)


def _turn(source: F64, target: F64) -> F64:
    """Rotation that turns ``source`` to ``target`` by the smallest angle (Rodrigues)."""
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    v = np.cross(a, b)
    k = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.asarray(np.eye(3) + k + k @ k / (1 + a @ b))


def lower_face_weight(template: F64) -> F64:
    """(468,) in [0, 1]: how far speech moves a landmark; 0 at the eyes and above, less on the nose."""
    x, y = template[:, 0], template[:, 1]
    nose = np.exp(-((x / 14) ** 2)) * smoothstep(60, 48, y)
    return np.asarray(smoothstep(22, 48, y) * (1 - 0.6 * nose))


def displacement(clip: CanonicalClip, weight: F64) -> F64:
    """(T, 468, 3) mm from the clip's closed neutral, lower face only."""
    return np.asarray((clip.points - clip.closed) * weight[:, None])


def fit_basis(clips: Sequence[CanonicalClip], template: F64, mirror: NDArray[np.intp]) -> F64:
    """(N_SHAPE, 468, 3) mm per unit coefficient; coefficients have unit mean square on these clips, speakers
    balanced."""
    weight = lower_face_weight(template)
    moment = np.zeros((N_SURFACE * 3, N_SURFACE * 3))
    speakers = sorted({clip.speaker for clip in clips})
    for speaker in speakers:
        d = np.concatenate([displacement(c, weight)[::2] for c in clips if c.speaker == speaker])
        d = np.concatenate([d, d[:, mirror] * MIRROR]).reshape(-1, N_SURFACE * 3)
        moment += d.T @ d / len(d) / len(speakers)
    values, vectors = np.linalg.eigh(moment)
    values, vectors = values[::-1][:N_SHAPE], vectors[:, ::-1][:, :N_SHAPE].T
    vectors = np.where(np.repeat(weight, 3) > 0, vectors, 0)  # not the eigensolver's rounding errors
    return np.asarray((vectors * np.sqrt(values)[:, None]).reshape(N_SHAPE, N_SURFACE, 3))


def coefficients(displacements: F64, basis: F64) -> F32:
    """(T, N_SHAPE) that reproduce (T, 468, 3) displacements best; the rows of the basis are orthogonal."""
    flat = basis.reshape(len(basis), -1)
    return np.asarray(displacements.reshape(len(displacements), -1) @ flat.T / (flat**2).sum(1), np.float32)


def rms_error_mm(clips: Sequence[CanonicalClip], template: F64, basis: F64) -> float:
    """Root mean square distance between tracked and reproduced landmarks below the nose bridge."""
    weight = lower_face_weight(template)
    moving = weight > 0.5
    squares = []
    for clip in clips:
        d = displacement(clip, weight)
        residual = d - np.tensordot(coefficients(d, basis), basis, 1)
        squares.append((residual[:, moving] ** 2).sum(-1).mean())
    return float(np.sqrt(np.mean(squares)))


def fit_face(tracks: Tracks, out: Path, held_out: Sequence[str], observer: Observer) -> None:
    """Fit the face to the tracks, say how well it shows them, and write OUT/face_model.npz.

    Raises MediaError if no clip ever closes its lips.
    """
    known = load_tracks(tracks)
    template, mirror = fit_template(known)
    clips = [c for name, group in known.items() for points in group if (c := canonical_clip(points, template, name))]
    observer.notice(f"face: {len(known)} speakers, {len(clips)} clips with closed lips")
    strangers = [c for c in clips if c.speaker in held_out]
    others = [c for c in clips if c.speaker not in held_out]
    if strangers and others:
        error = rms_error_mm(strangers, template, fit_basis(others, template, mirror))
        observer.notice(f"face: rms error on held-out speakers, when fitted to the others, {error:.2f} mm")
    basis = fit_basis(clips, template, mirror)
    arrays = {"template": template.astype(np.float32), "basis": basis.astype(np.float32)}
    np.savez_compressed(out / FACE_MODEL, mirror=mirror.astype(np.int16), **arrays)
    observer.notice(f"face: rms error on the fitted clips {rms_error_mm(clips, template, basis):.2f} mm")
