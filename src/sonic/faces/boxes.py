"""Boxes around faces: MediaPipe's two detectors, whose networks are among our weights.

Bazarevsky et al. 2019, "BlazeFace: sub-millisecond neural face detection on mobile GPUs".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from sonic.faces.sampling import Region, view
from sonic.types import F32, U8
from sonic.weights import session

ScoredBox = tuple[float, tuple[float, float, float, float]]
"""(score, (left, top, right, bottom))"""
SAME = 0.3
"""Intersection over union above which two boxes are one face."""


@dataclass(frozen=True, slots=True)
class Detector:
    """A network that says for each of its anchors whether a face is there, and where."""

    name: str
    side_px: int
    """Of the square that it sees."""
    min_score: float
    """Of a face, as MediaPipe's own graph has it."""
    anchors: tuple[tuple[int, int], ...]
    """(stride in px, anchors in each cell)"""


NEAR = Detector("face_near", 128, 0.5, ((8, 2), (16, 6)))
"""For faces from a tenth of the picture's width on; its score tells an upright face from a turned one."""
FAR = Detector("face_far", 192, 0.6, ((4, 1),))
"""For faces from a twentieth of the picture's width on."""


@dataclass(frozen=True, slots=True)
class Found:
    """A face in px of the picture; the first pixel's corner, not its centre, is (0, 0)."""

    score: float
    box: F32
    """(4,) left, top, right, bottom."""
    eyes: F32
    """(2, 2) x, y of the eye on the left of the picture and of the other."""


def face_boxes(pictures: Iterable[U8], *, far: bool) -> Iterator[list[ScoredBox]]:
    """For each picture, (score in 0..1, (left, top, right, bottom) in px) of its faces, best first.

    ``far`` chooses the detector FAR, otherwise NEAR.
    """
    for rgb in pictures:
        found = detect(rgb, FAR if far else NEAR)
        yield [(each.score, tuple((each.box - np.float32(0.5)).tolist())) for each in found]


def detect(rgb: U8, detector: Detector, min_score: float | None = None) -> list[Found]:
    """The faces of a picture, best first; ``min_score`` replaces the detector's own."""
    height, width = rgb.shape[:2]
    side = max(height, width)
    square = Region(width / 2, height / 2, side, side)
    seen = view(np.ascontiguousarray(rgb), square, detector.side_px, beyond_black=True)
    network = session(detector.name, 1)
    raw, logits = (out[0] for out in network.run(None, {network.get_inputs()[0].name: seen * np.float32(2 / 255) - 1}))
    scores = np.asarray(1 / (1 + np.exp(-np.clip(logits[:, 0], -80, 100))), np.float32)
    likely = scores >= np.float32(detector.min_score if min_score is None else min_score)
    likely &= (raw[:, 2:4] >= 0).all(1)
    shares, anchors = raw[likely] / np.float32(detector.side_px), _anchors(detector)[likely]
    centre, half, eyes = (
        shares[:, :2] + anchors,
        shares[:, 2:4] / 2,
        shares[:, 4:8].reshape(-1, 2, 2) + anchors[:, None],
    )
    places = np.concatenate([(centre - half)[:, None], (centre + half)[:, None], eyes], 1)
    margin = np.array([(width - side) / 2, (height - side) / 2], np.float32)
    return _merged(scores[likely], np.asarray(places * np.float32(side) + margin, np.float32))


@cache
def _anchors(detector: Detector) -> F32:
    """(N, 2) their centres in the square, row by row."""
    parts = []
    for stride, n in detector.anchors:
        cells = detector.side_px // stride
        y, x = np.mgrid[:cells, :cells]
        parts.append(np.repeat(np.stack([(x + 0.5) / cells, (y + 0.5) / cells], -1).reshape(-1, 2), n, 0))
    return np.asarray(np.concatenate(parts), np.float32)


def _merged(scores: F32, places: F32) -> list[Found]:
    """One face for each group of boxes that overlap: their mean, weighted by score, with the best one's score.

    ``places`` are (N, 4, 2): corners of the box, then eyes.
    """
    found = []
    left = np.argsort(-scores, kind="stable")
    while len(left):
        same = overlaps(places[left, :2].reshape(-1, 4), places[left[0], :2].reshape(4)) > SAME
        same[0] = True  # a box without an area overlaps nothing
        weights = scores[left[same]] / scores[left[same]].sum()
        mean = np.tensordot(weights, places[left[same]], 1)
        found.append(Found(float(scores[left[0]]), mean[:2].reshape(4), mean[2:]))
        left = left[~same]
    return found


def overlaps(boxes: F32, box: F32) -> F32:
    """(N,) intersection over union of each of (N, 4) left, top, right, bottom with one of them."""
    common = np.clip(np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2]), 0, None).prod(1)
    union = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (box[2:] - box[:2]).prod() - common
    return np.where(union > 0, common / np.maximum(union, np.float32(1e-30)), np.float32(0))
