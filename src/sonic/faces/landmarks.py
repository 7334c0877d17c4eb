"""Landmarks of faces in pictures and videos: MediaPipe's FaceMesh with attention, whose network is among our weights.

Kartynnik et al. 2019, "Real-time facial surface geometry from monocular video on mobile GPUs"; Grishchenko et al. 2020,
"Attention mesh". What leads from a picture to the network and back follows MediaPipe's calculators, named below.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from sonic.faces.boxes import NEAR, detect, overlaps
from sonic.faces.sampling import Region, view
from sonic.faces.topology import EYES, IRISES, N_SURFACE, REFINED
from sonic.types import F32, N_LANDMARKS, U8
from sonic.weights import session

SIDE_PX = 192
"""Of the square that the network sees."""
ROOM = np.float32(1.5)
"""Width of that square in widths of the face."""
SAME = 0.5
"""Intersection over union above which two squares are one face."""
_HALF = np.float32(0.5)
"""From pixels whose corners are whole numbers, as MediaPipe has them, to those whose centres are."""
FIRST_SCORE = 0.5
"""Of the detector, where track_face looks for a face to follow."""


def find_faces(rgb: U8, *, max_faces: int = 10, min_score: float = 0.3) -> list[F32]:
    """Landmarks of the faces in one picture, each (478, 3) in px (z in the same px, smaller is nearer), unordered.

    ``min_score`` in 0..1 is the detector's.
    """
    rgb = np.ascontiguousarray(rgb)
    found = (_mesh(rgb, region) for region in _regions(rgb, max_faces, min_score))
    return [points for points in found if points is not None]


def track_face(frames: Iterable[U8]) -> Iterator[F32 | None]:
    """Landmarks of the one face in each frame of a video, or None where there is none."""
    region: Region | None = None
    for rgb in frames:
        rgb = np.ascontiguousarray(rgb)
        if region is None:
            region = next(iter(_regions(rgb, 1, FIRST_SCORE)), None)
        points = None if region is None else _mesh(rgb, region)
        region = None if points is None else _following(points)
        yield points


def fill_lost(tracked: Sequence[F32 | None]) -> tuple[F32, int]:
    """((T, 478, 3) landmarks, how many frames had none) of track_face; those repeat the last face, or the first.

    Raises ValueError if no frame had a face.
    """
    last = next((points for points in tracked if points is not None), None)
    if last is None:
        raise ValueError(f"no face in any of {len(tracked)} frames")
    filled = []
    for points in tracked:
        last = last if points is None else points
        filled.append(last)
    return np.stack(filled), sum(points is None for points in tracked)


def _regions(rgb: U8, max_faces: int, min_score: float) -> list[Region]:
    """Where faces are, one region each: of two that overlap the one with the lower score stays.

    AssociationNormRectCalculator.
    """
    kept: list[Region] = []
    for found in detect(rgb, NEAR, min_score)[:max_faces]:
        region = _region(found.box, found.eyes)
        kept = [other for other in kept if overlaps(_bounds(other)[None], _bounds(region))[0] <= SAME]
        kept.append(region)
    return kept


def _following(points: F32) -> Region:
    """Where the next frame's face is expected."""
    places = points[:, :2] + _HALF
    box = np.concatenate([places.min(0), places.max(0)])
    return _region(box, places[[eye.corners[0] for eye in EYES]])


def _region(box: F32, eyes: F32) -> Region:
    """A square around a box (4,), upright with the line from one eye (2, 2) to the other.

    FaceDetectionsToRectsCalculator, RectTransformationCalculator.
    """
    across = eyes[1] - eyes[0]
    side = float((box[2:] - box[:2]).max() * ROOM)
    x, y = (box[:2] + (box[2:] - box[:2]) / 2).tolist()
    return Region(x, y, side, side, float(np.arctan2(across[1], across[0])))


def _bounds(region: Region) -> F32:
    """(4,) left, top, right, bottom of a region as if it were not turned."""
    half = region.width / 2, region.height / 2
    return np.array([region.x - half[0], region.y - half[1], region.x + half[0], region.y + half[1]], np.float32)


def _mesh(rgb: U8, region: Region) -> F32 | None:
    """(478, 3) px of the face in a region, or None if there is none.

    TensorsToFaceLandmarksWithAttention, LandmarkProjectionCalculator.
    """
    seen = view(rgb, region, SIDE_PX, beyond_black=False)
    network = session("face_landmarks", 1)
    surface, *refined, flag = network.run(None, {network.get_inputs()[0].name: seen * np.float32(1 / 255)})
    if flag.item() <= 0:  # as likely as not
        return None
    points = np.empty((N_LANDMARKS, 3), np.float32)
    points[:N_SURFACE] = surface.reshape(-1, 3)
    for where, values in zip(REFINED, refined, strict=True):
        points[list(where), :2] = values.reshape(-1, 2)  # depth stays that of the surface
    for iris, lids in IRISES:
        points[list(iris), 2] = points[list(lids), 2].mean()
    points *= np.float32(region.width / SIDE_PX)
    x, y = (points[:, :2] - np.float32(region.width / 2)).T
    cos, sin = np.float32(np.cos(region.angle)), np.float32(np.sin(region.angle))
    points[:, 0] = cos * x - sin * y + np.float32(region.x) - _HALF
    points[:, 1] = sin * x + cos * y + np.float32(region.y) - _HALF
    return points
