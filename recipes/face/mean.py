"""The mean face from tracked clips: the template of face_model.npz and the mirror image of each of its landmarks.

Generalised Procrustes mean of the closed-lip neutrals, every speaker with the same weight, made symmetric.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sonic.errors import MediaError
from sonic.faces.geometry import pose_from_rotation, rotation_from_pose, similarity
from sonic.faces.topology import CHIN_TIP, FOREHEAD, LEFT_EYE, N_SURFACE, RIGHT_EYE, STABLE
from sonic.training.face import CanonicalClip, canonical_clip
from sonic.training.tracks import Tracks
from sonic.types import F32, F64

EYE_DISTANCE_MM = 63.0
"""Between the eye centres: the unit of the canonical face."""
MAX_CLIPS, MAX_ALL = 80, 2000
"""Clips of one speaker and in all that the face is fitted to: more only cost memory."""
MOUTH_CORNERS = (
    *((61, 291), (76, 306), (62, 292), (78, 308), (146, 375), (77, 307)),
    *((96, 325), (95, 324), (185, 409), (184, 408), (183, 407), (191, 415)),
)
"""Mirror pairs that lie too close together to be found by distance."""
MIRROR = np.array([-1.0, 1.0, 1.0])
_STABLE = list(STABLE)


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
