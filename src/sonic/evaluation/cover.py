"""The cover picture of a video: a frame with open eyes and a quiet mouth, at the size that a platform shows.

It is a frame of the finished video, so that it carries the label and the watermark as the video does.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sonic.errors import FaceError
from sonic.evaluation.metrics.eyes import eye_openness
from sonic.evaluation.metrics.lips import lip_opening
from sonic.faces.landmarks import find_faces
from sonic.media.images import check_picture_name, save_picture
from sonic.media.video import sample_video
from sonic.settings.platforms import Platform
from sonic.types import U8

N_CANDIDATES = 24
NATURAL_OPENING = 0.03
"""Gap of parted lips over the outer-eye distance: neither pressed nor caught in a vowel."""
SHUT = 0.7
"""Eyes less open than this share of the widest are blinking."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    rgb: U8
    eyes: float
    lips: float


def save_cover(video: Path, rules: Platform, out: Path) -> Path:
    """Write the cover of ``video`` to ``out`` (PNG or JPEG) at the size of the platform's covers.

    A JPEG is as fine as the platform's limit of bytes allows. Raises MediaError for what is no video, FaceError where
    no face is seen, OutputError where it cannot be written or be that small.
    """
    check_picture_name(out)
    picture = fitted(cover_of(video), round(rules.cover["width"]), round(rules.cover["height"]))
    save_picture(picture, out, max_bytes=1e6 * rules.cover["max_mb"])
    return out


def cover_of(video: Path) -> U8:
    """The frame that makes the best cover, (H, W, 3). Raises MediaError for no video, FaceError where no face is."""
    found = [seen for rgb in sample_video(video, N_CANDIDATES) if (seen := _looked_at(rgb)) is not None]
    if not found:
        raise FaceError(f"no face is seen in {video.name!r}; choose a cover by hand")
    widest = max(one.eyes for one in found)
    return min(found, key=lambda one: (one.eyes < SHUT * widest, abs(one.lips - NATURAL_OPENING))).rgb


def fitted(rgb: U8, width: int, height: int) -> U8:
    """(height, width, 3): the picture's middle at this size; only what another aspect has no room for is cut."""
    scale = max(width / rgb.shape[1], height / rgb.shape[0])
    size = (max(width, round(rgb.shape[1] * scale)), max(height, round(rgb.shape[0] * scale)))
    whole = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.ascontiguousarray(whole[top : top + height, left : left + width], np.uint8)


def _looked_at(rgb: U8) -> _Candidate | None:
    faces = find_faces(rgb, max_faces=1)
    if not faces:
        return None
    points = faces[0][None].astype(np.float64)
    return _Candidate(rgb, float(eye_openness(points)[0]), float(lip_opening(points)[0]))
