"""Whose is what, where other people are in the picture: they and what is around them must not move with the speaker."""

import cv2
import numpy as np
from numpy.typing import NDArray

from sonic.faces import topology
from sonic.faces.detect import face_centre, face_height
from sonic.types import F32, U8, Others

CELLS_PER_FACE = 40
"""The picture is shared out on a grid of this many cells a face height of the speaker."""
VIEW_FH = 3.2
"""In face heights of the speaker: farther than this from the face nothing moves, so that nothing is shared out."""
EDGE_COST = 1 / 60
"""Of a step in colour, in face heights per unit of CIE Lab difference: outlines keep people apart, as distance does."""
ROOM_FH = 0.20
"""In face heights: an outline of the face with this much room to the next person moves freely."""
LEAST_ROOM = 0.2
"""Of the usual motion, what is left to a head that another one touches."""
LITTLE_ROOM = 0.8
"""Less of the usual motion than this is said."""
TORSO_HALF_FH, TORSO_LENGTH_FH = 0.5, 3.0
"""In face heights: half the width, and the length, of what surely is the same person below a chin."""
DOUBT, DOUBT_FROM_FH = np.float32(0.5), np.float32(0.5)
"""What of people is farther from the speaker's face than this, in face heights, is theirs only if it is so much nearer:
an elbow that touches them is more likely somebody else's."""
_FAR = np.float32(1e6)
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


def others_for(rgb: U8, matte: F32, points: F32, others: list[F32]) -> Others | None:
    """What belongs to other people in a picture (h, w, 3) with this matte of people (h, w) and these faces.

    ``points`` are the speaker's; without ``others`` there is None.

    Every place goes to the face that is nearest to it, along a path that crosses as few outlines as it can: geodesic
    distance, after Criminisi et al. 2008, "GeoS". Landmarks are (478, 3) px of the picture, which they may leave.
    """
    if not others:
        return None
    boxes = tuple(_box(other) for other in others)
    still = _still(rgb, matte, points, others)
    return Others(boxes, still, _room(still, points))


def _box(points: F32) -> tuple[float, float, float, float]:
    (left, top), (right, bottom) = points[:, :2].min(0), points[:, :2].max(0)
    return float(left), float(top), float(right), float(bottom)


def _still(rgb: U8, matte: F32, points: F32, others: list[F32]) -> NDArray[np.bool_]:
    """(h, w) what must not move: all that is nearer to another face, and all that is far away."""
    height, width = rgb.shape[:2]
    centre, reach, end = face_centre(points), VIEW_FH * face_height(points), np.array([width, height])
    left, top = (int(v) for v in np.clip(centre - reach, 0, end - 2))
    right, bottom = (int(v) for v in np.clip(centre + reach, 2, end))
    still = np.ones((height, width), np.bool_)
    part = np.ascontiguousarray(rgb[top:bottom, left:right])
    faces = [face[:, :2] - np.array((left, top), np.float32) for face in (points, *others)]
    scale = min(1.0, CELLS_PER_FACE / face_height(points))
    size = max(2, round(part.shape[1] * scale)), max(2, round(part.shape[0] * scale))
    edges = _edge_costs(np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8))
    ratio = np.array(size) / part.shape[1::-1]
    faces = [np.asarray((face + 0.5) * ratio - 0.5, np.float32) for face in faces]
    people = cv2.resize(matte[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    nearer = _shared_out(edges, people, faces)
    still[top:bottom, left:right] = cv2.resize(nearer, part.shape[1::-1], interpolation=cv2.INTER_LINEAR) < 0
    for other in others:
        still |= _oval(still.shape, other) > 0
    return np.asarray(still & (_oval(still.shape, points) == 0))


def _shared_out(edges: list[F32], people: F32, faces: list[F32]) -> F32:
    """(h, w) how much nearer each cell is to the first of these faces than to the others; below 0 it is theirs."""
    seeds = _seeds(faces, people.shape)
    own, *theirs = (_distance(edges, seed, face_height(face)) for seed, face in zip(seeds, faces, strict=True))
    nearer = np.minimum.reduce(theirs) - own - DOUBT * people * np.maximum(own - DOUBT_FROM_FH, 0)
    # islands in the speaker's hat or hair are nobody else's
    _, parts = cv2.connectedComponents((nearer < 0).astype(np.uint8))
    held = np.unique(parts[np.logical_or.reduce(seeds[1:])])
    return np.asarray(np.where((nearer < 0) & ~np.isin(parts, held), -nearer, nearer), np.float32)


def _edge_costs(rgb: U8) -> list[F32]:
    """For each of _STEPS, (h, w): what a step from each cell costs for its difference in colour, in face heights."""
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return [
        np.linalg.norm(lab - np.roll(lab, (-dy, -dx), (0, 1)), axis=2).astype(np.float32) * np.float32(EDGE_COST)
        for dy, dx in _STEPS
    ]


def _seeds(faces: list[F32], shape: tuple[int, ...]) -> list[NDArray[np.bool_]]:
    """For each face, (h, w) of this shape: what surely is the same person, face and torso."""
    ovals = [_oval(shape, face) > 0 for face in faces]
    any_face = np.logical_or.reduce(ovals)
    return [oval | (_torso(shape, face) & ~any_face) for oval, face in zip(ovals, faces, strict=True)]


def _torso(shape: tuple[int, ...], face: F32) -> NDArray[np.bool_]:
    (x, y), height = face[topology.CHIN_TIP, :2], face_height(face)
    half, low = TORSO_HALF_FH * height, y + TORSO_LENGTH_FH * height
    mask = np.zeros(shape, np.uint8)
    cv2.rectangle(mask, (round(float(x - half)), round(float(y))), (round(float(x + half)), round(float(low))), 1, -1)
    return mask > 0


def _distance(edges: list[F32], seed: NDArray[np.bool_], height: float) -> F32:
    """(h, w): geodesic distance of each cell to these, in face heights of ``height`` cells."""
    away = np.where(seed, np.float32(0), _FAR)
    costs = [edge + np.float32(np.hypot(*step) / height) for edge, step in zip(edges, _STEPS, strict=True)]
    for _ in range(sum(seed.shape)):
        before = away.copy()
        for (dy, dx), cost in zip(_STEPS, costs, strict=True):
            _relax(away, cost, dy, dx)
        if (before == away).all():
            break
    return away


def _relax(away: F32, cost: F32, dy: int, dx: int) -> None:
    """Shorten the distances of all cells by a step there and back; the border's neighbours lie inside."""
    height, width = away.shape
    here = away[: height - dy, max(0, -dx) : width - max(0, dx)]
    there = away[dy:, max(0, dx) : width - max(0, -dx)]
    price = cost[: height - dy, max(0, -dx) : width - max(0, dx)]
    np.minimum(there, here + price, out=there)
    np.minimum(here, there + price, out=here)


def _oval(shape: tuple[int, ...], points: F32) -> U8:
    """(h, w): 1 inside the outline of a face."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(points[list(topology.OVAL), :2]).astype(np.int32)], 1)
    return mask


def _room(still: NDArray[np.bool_], points: F32) -> float:
    """How far the head may move, LEAST_ROOM..1: the outline's least distance to what must stay still decides."""
    away = cv2.distanceTransform(1 - still.astype(np.uint8), cv2.DIST_L2, 5)
    outline = np.round(points[list(topology.OVAL), :2]).astype(int)
    seen = (outline >= 0).all(1) & (outline < still.shape[::-1]).all(1)
    least = float(away[outline[seen, 1], outline[seen, 0]].min(initial=np.inf)) / face_height(points)
    return float(np.clip(least / ROOM_FH, LEAST_ROOM, 1.0))
