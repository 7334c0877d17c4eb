"""The teeth that a photo shows: they stay with the skull and are better than any drawn ones."""

import numpy as np

from sonic import facemesh
from sonic.geometry import smoothstep
from sonic.render.head import Rigid
from sonic.render.mesh import Box
from sonic.render.native import colour_tables
from sonic.render.neutral import HeadFit, Neutral
from sonic.types import F32, F64, U8

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_ANCHORS = [facemesh.MOUTH_LEFT, facemesh.MOUTH_RIGHT, 2]


class SourceTeeth:
    """Texture and mask of the upper teeth seen in the photo."""

    def __init__(self, linear: F32, mask: F32, origin_px: F64, anchors_px: F64) -> None:
        self._linear, self._mask, self._origin, self._anchors = linear, mask, origin_px, anchors_px
        self.colour = np.median(linear[mask > 0.6], 0).astype(np.float64)
        """Linear RGB."""
        self.edge_mm: float | None = None
        """Of the row below the line where the lips meet, if enough of it is seen."""

    def over(self, mouth: F32, box: Box, inside_mm: F32, rigid: Rigid, gap_mm: float) -> F32:
        """``mouth`` (h, w, 3, linear) of this box with the photo's teeth laid over."""
        import cv2

        now = rigid(self._anchors)[:, :2].astype(np.float32)
        back = cv2.getAffineTransform(now, self._anchors[:, :2].astype(np.float32))
        back[:, 2] += back[:, :2] @ [box.left, box.top] - self._origin
        flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
        seen = cv2.warpAffine(self._linear, back, box.size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        cover = cv2.warpAffine(self._mask, back, box.size, flags=flags)[..., None]
        light = (0.55 + 0.45 * smoothstep(-0.3, 1.6, inside_mm)) * (0.80 + 0.20 * float(smoothstep(0, 6, gap_mm)))
        return np.asarray(mouth * (1 - cover) + seen * cover * light[..., None].astype(np.float32), np.float32)


def source_teeth(rgb: U8, points_px: F64, fit: HeadFit, neutral: Neutral, skin: F64) -> SourceTeeth | None:
    """The teeth between the lips of the photo, or None where it shows none."""
    import cv2

    contour = points_px[[*facemesh.UPPER_INNER, *facemesh.LOWER_INNER[::-1][1:-1]], :2]
    height, width = rgb.shape[:2]
    margin = 2 * fit.px_per_mm + 2
    low = np.clip(np.floor(contour.min(0) - margin), 0, [width - 2, height - 2]).astype(int)
    high = np.clip(np.ceil(contour.max(0) + margin), low + 2, [width, height]).astype(int)
    patch = np.ascontiguousarray(rgb[low[1] : high[1], low[0] : high[0]])
    inside = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.round((contour - low) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    linear = colour_tables()[0][patch]
    light = linear @ _LUMA
    if neutral.source_gap_mm < 2.5 or inside.sum() < 60:
        return None
    bright = float(np.percentile(light[inside > 0], 75))
    if bright < 0.45 * float(skin @ _LUMA):
        return None
    red = cv2.cvtColor(patch, cv2.COLOR_RGB2LAB)[..., 1].astype(np.float32) - 128
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    mask = inside * smoothstep(0.25 * bright, 0.55 * bright, light) * smoothstep(30, 18, red)
    mask *= smoothstep(0, 0.8 * fit.px_per_mm, depth)
    if (mask > 0.6).sum() < 30:
        return None
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(0.5, 0.3 * fit.px_per_mm))
    found = SourceTeeth(linear, soft, low.astype(np.float64), points_px[_ANCHORS])
    found.edge_mm = _edge(mask, low, fit, neutral)
    return found


def _edge(mask: F64, low: F64, fit: HeadFit, neutral: Neutral) -> float | None:
    """How far below the closed lips' line the front teeth end, in mm."""
    y, x = np.nonzero(mask > 0.5)
    anchor = fit.to_px(neutral.anchor_mm)
    flat = np.linalg.inv(fit.rotation[:2, :2]) / fit.px_per_mm
    mm = (np.stack([x, y], 1) + low - anchor[:2]) @ flat.T
    front = mm[np.abs(mm[:, 0]) < 8, 1]
    return float(np.percentile(front, 97)) if len(front) > 10 else None
