"""Where closed lips meet: landmarks miss the line by a millimetre or two, and a mouth opened beside it looks false."""

import numpy as np

from sonic.engines.light.renderers.warp.neutral import HeadFit
from sonic.faces import topology
from sonic.types import F32, F64, U8

_REACH_MM = 2.6
_STEP_MM = 0.2
_N_COLUMNS = 41
_JUMP_COST = 6.0
_CENTRE_COST = 1.5
_RIM_MM = 0.3
_CORNER_SHARE = 0.85
_HALF_GAP_MM = 0.12
"""The inner lip points are laid this far above and below the line, so that the two lips do not share pixels."""


def snap_to_seam(points_px: F64, rgb: U8, px_per_mm: float) -> F64:
    """A copy of the landmarks whose inner lip points lie on the darkest line between the lips.

    Dynamic programming over columns across the mouth: darkness against jumps and against leaving the landmarks.
    """
    left, right = points_px[topology.UPPER_INNER[0], :2], points_px[topology.UPPER_INNER[-1], :2]
    width = float(np.linalg.norm(right - left))
    if width < 4:
        return points_px.copy()
    along = (right - left) / width
    across = np.array([-along[1], along[0]])
    upper, lower = list(topology.UPPER_INNER), list(topology.LOWER_INNER)
    seam = (points_px[upper, :2] + points_px[lower, :2]) / 2 - left
    x = np.linspace(0.03, 0.97, _N_COLUMNS) * width
    guess = np.interp(x, seam @ along, seam @ across)
    offsets = np.arange(-_REACH_MM, _REACH_MM + 0.01, _STEP_MM)
    places = left + x[:, None, None] * along + (guess[:, None] + offsets * px_per_mm)[..., None] * across
    light = lightness(rgb, places, px_per_mm)
    cost = light - light.mean(1, keepdims=True) + _CENTRE_COST * np.abs(offsets)
    line = guess + offsets[darkest_path(cost, offsets, _JUMP_COST)] * px_per_mm
    line = np.convolve(np.pad(line, 2, mode="edge"), np.array([1, 4, 6, 4, 1]) / 16, mode="valid")
    snapped = points_px.copy()
    for ids, shift in ((upper, -_HALF_GAP_MM), (lower, _HALF_GAP_MM)):
        for i in ids[1:-1]:
            u = float((points_px[i, :2] - left) @ along)
            snapped[i, :2] = left + u * along + (np.interp(u, x, line) + shift * px_per_mm) * across
    return snapped


def joined_lips(points_px: F64) -> F64:
    """A copy of the landmarks without any opening of the mouth, for lips that are not in view."""
    joined = points_px.copy()
    upper, lower = list(topology.UPPER_INNER), list(topology.LOWER_INNER)
    joined[upper] = joined[lower] = (points_px[upper] + points_px[lower]) / 2
    return joined


def lightness(rgb: U8, places: F64, px_per_mm: float) -> F32:
    """L* at ``places`` (..., 2), slightly blurred; only the mouth's surroundings are converted."""
    import cv2

    height, width = rgb.shape[:2]
    margin = 4 * px_per_mm + 4
    low = np.clip(np.floor(places.min((0, 1)) - margin), 0, [width - 2, height - 2]).astype(int)
    high = np.clip(np.ceil(places.max((0, 1)) + margin), low + 2, [width, height]).astype(int)
    patch = np.ascontiguousarray(rgb[low[1] : high[1], low[0] : high[0]])
    light = cv2.cvtColor(patch, cv2.COLOR_RGB2LAB)[..., 0].astype(np.float32)
    light = cv2.GaussianBlur(light, (0, 0), max(0.6, 0.25 * px_per_mm))
    at = (places - low).astype(np.float32)
    return np.asarray(cv2.remap(light, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def darkest_path(cost: F32 | F64, offsets: F64, jump_cost: float) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Index of the offset in each of the columns of ``cost`` (columns, offsets), jumps between columns at a price."""
    jump = jump_cost * np.abs(offsets[:, None] - offsets[None])
    total, back = cost[0], []
    for column in cost[1:]:
        through = total[None] + jump
        back.append(through.argmin(1))
        total = column + through.min(1)
    path = [int(total.argmin())]
    for choice in reversed(back):
        path.append(int(choice[path[-1]]))
    return np.array(path[::-1])


def widen_opening(points_px: F64, fit: HeadFit) -> F64:
    """A copy of an open mouth's landmarks whose inner contour takes in the whole dark of the mouth.

    Landmarks stop short of the corners and run along the teeth's rim: both would stay on the lips when they close.
    """
    wide = points_px.copy()
    step = fit.px_per_mm * fit.rotation[:, 1] * _RIM_MM
    wide[list(topology.UPPER_INNER[1:-1])] -= step
    wide[list(topology.LOWER_INNER[1:-1])] += step
    for inner, outer in (
        (topology.UPPER_INNER[0], topology.MOUTH_LEFT),
        (topology.UPPER_INNER[-1], topology.MOUTH_RIGHT),
    ):
        wide[inner] += _CORNER_SHARE * (points_px[outer] - points_px[inner])
    return wide


def lip_rim(points_px: F64, fit: HeadFit) -> F64:
    """(22, 2) places on the lower lip that colour what little shows between lips that close over an open mouth."""
    lower = points_px[list(topology.LOWER_INNER), :2]
    down = fit.px_per_mm * fit.rotation[:2, 1]
    return np.vstack([lower + _RIM_MM * down, lower + (_RIM_MM + 0.6) * down])
