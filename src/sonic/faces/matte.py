"""Which pixels belong to the person."""

import cv2
import numpy as np

from sonic.faces import topology
from sonic.faces.detect import face_centre, face_height
from sonic.faces.sampling import Region, view
from sonic.types import F32, U8
from sonic.weights import session

WORK_SIDE_PX = 512
"""The matte is found and refined at this size; its edges follow the full picture."""
PERSON_SIDE_PX = 256
"""Of the square to which the network's picture is stretched."""
HEAD_VIEW = (-1.35, -1.49, 1.35, 1.69)
"""(left, top, right, bottom), in face heights from the centre of the face, of the closer look at the head."""
GUIDE_RADIUS = 0.03
"""Of the guided filter, in face heights."""
GUIDE_EPS = 1e-3
FEATHER = 0.12
"""Width of the passage between the closer look and the whole picture, as a share of the closer look."""


def matte_for(rgb: U8, points: F32) -> F32:
    """(h, w) in [0, 1] of a picture with this face (px of the picture): how much of each pixel belongs to a person."""
    height, width = rgb.shape[:2]
    fh = face_height(points)
    matte = _refined(rgb, GUIDE_RADIUS * fh)
    x, y = face_centre(points)
    left, top = max(0, round(float(x) + HEAD_VIEW[0] * fh)), max(0, round(float(y) + HEAD_VIEW[1] * fh))
    right, bottom = min(width, round(float(x) + HEAD_VIEW[2] * fh)), min(height, round(float(y) + HEAD_VIEW[3] * fh))
    if right - left >= 16 and bottom - top >= 16 and (right - left) * (bottom - top) < 0.8 * width * height:
        part = matte[top:bottom, left:right]
        closer = _refined(np.ascontiguousarray(rgb[top:bottom, left:right]), GUIDE_RADIUS * fh)
        share = _share(part.shape, (top > 0, bottom < height, left > 0, right < width))
        part += share * (closer - part)
    oval = np.zeros((height, width), np.uint8)
    cv2.fillPoly(oval, [np.round(points[list(topology.OVAL), :2]).astype(np.int32)], 255)
    oval = cv2.GaussianBlur(oval, (0, 0), max(0.5, 0.01 * fh))
    np.maximum(matte, oval.astype(np.float32) / 255, out=matte)
    return np.asarray(np.clip(matte, 0, 1, out=matte), np.float32)


def person_matte(rgb: U8) -> F32:
    """(H, W) in [0, 1]: how much of each pixel belongs to a person (MediaPipe's selfie segmentation, general model)."""
    height, width = rgb.shape[:2]
    seen = view(
        np.ascontiguousarray(rgb), Region(width / 2, height / 2, width, height), PERSON_SIDE_PX, beyond_black=True
    )
    network = session("person", 1)
    (matte,) = network.run(None, {network.get_inputs()[0].name: seen * np.float32(1 / 255)})
    return np.asarray(cv2.resize(matte[0, :, :, 0], (width, height)), np.float32)


def _refined(rgb: U8, radius_px: float) -> F32:
    """The matte with its edges on the picture's edges: He and Sun 2015, "Fast guided filter" (arXiv 1505.00996)."""
    height, width = rgb.shape[:2]
    scale = min(1.0, WORK_SIDE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = rgb if scale == 1.0 else np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    matte = person_matte(small)
    guide = _grey(small)
    window = (2 * max(1, round(radius_px * scale)) + 1,) * 2
    mean_guide, mean_matte = cv2.blur(guide, window), cv2.blur(matte, window)
    covariance = cv2.blur(guide * matte, window) - mean_guide * mean_matte
    variance = cv2.blur(guide * guide, window) - mean_guide * mean_guide
    slope = covariance / (variance + GUIDE_EPS)
    offset = cv2.blur(mean_matte - slope * mean_guide, window)
    slope = cv2.blur(slope, window)
    if scale < 1.0:
        slope, offset, guide = cv2.resize(slope, (width, height)), cv2.resize(offset, (width, height)), _grey(rgb)
    return np.asarray(np.clip(slope * guide + offset, 0, 1), np.float32)


def _grey(rgb: U8) -> F32:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255, np.float32)


def _share(shape: tuple[int, ...], sides: tuple[bool, bool, bool, bool]) -> F32:
    """(h, w): 1 inside, falling to 0 at those of the (top, bottom, left, right) sides that are set."""
    ramps = []
    for length, first, last in ((shape[0], sides[0], sides[1]), (shape[1], sides[2], sides[3])):
        reach = max(1.0, FEATHER * length)
        at = np.arange(length, dtype=np.float32)
        ramp = np.ones(length, np.float32)
        if first:
            ramp = np.minimum(ramp, at / reach)
        if last:
            ramp = np.minimum(ramp, (length - 1 - at) / reach)
        ramps.append(ramp)
    return np.asarray(np.minimum(ramps[0][:, None], ramps[1][None, :]), np.float32)
