"""The teeth that a photo shows: they stay with the skull and are better than any drawn ones."""

import numpy as np
from numpy.typing import NDArray

from sonic.engines.light.renderers.warp.deform import Pose
from sonic.engines.light.renderers.warp.head import Rigid
from sonic.engines.light.renderers.warp.mesh import Box
from sonic.engines.light.renderers.warp.native import colour_tables
from sonic.engines.light.renderers.warp.neutral import HeadFit, Neutral
from sonic.faces import topology
from sonic.faces.geometry import smoothstep
from sonic.types import F32, F64, U8

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_LIP_BODY = (15, 16, 86, 316, 12, 11, 38, 268)
_FRONT_MM = 6.0
"""Half the width of the front teeth."""
_ANCHORS = [topology.MOUTH_LEFT, topology.MOUTH_RIGHT, 2]


class SourceTeeth:
    """Texture and mask of the upper teeth seen in the photo."""

    def __init__(
        self, linear: F32, mask: F32, origin_px: F64, anchors_px: F64, *, colour: F64, edge_mm: float, lip_mm: float
    ) -> None:
        self._linear, self._mask, self._origin, self._anchors = linear, mask, origin_px, anchors_px
        self._lip = lip_mm
        self.colour = colour
        """Linear RGB."""
        self.edge_mm = edge_mm
        """Of the row below the line where the lips meet."""

    def over(self, mouth: F32, teeth: F32, box: Box, inside_mm: F32, rigid: Rigid, pose: Pose) -> F32:
        """``mouth`` (h, w, 3, linear) of this box with the photo's pixels on the upper teeth, ``teeth`` (h, w) 0..1.

        A lip that rises to where it is in the photo bares what the photo hides: then its teeth fade.
        """
        import cv2

        now = rigid(self._anchors)[:, :2].astype(np.float32)
        back = cv2.getAffineTransform(now, self._anchors[:, :2].astype(np.float32))
        back[:, 2] += back[:, :2] @ [box.left, box.top] - self._origin
        flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
        seen = cv2.warpAffine(self._linear, back, box.size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        lip = float(pose.points_mm[topology.LIP_TOP, 1])
        known = np.float32(smoothstep(self._lip + 0.3, self._lip + 2.0, lip))
        cover = (cv2.warpAffine(self._mask, back, box.size, flags=flags) * teeth * known)[..., None]
        light = (0.70 + 0.30 * smoothstep(-0.3, 1.4, inside_mm)) * (0.60 + 0.40 * float(smoothstep(0, 4, pose.gap_mm)))
        return np.asarray(mouth * (1 - cover) + seen * cover * light[..., None].astype(np.float32), np.float32)


def source_teeth(rgb: U8, points_px: F64, fit: HeadFit, neutral: Neutral, skin: F64) -> SourceTeeth | None:
    """What shows between the lips of the photo down to the edge of the upper teeth; None where it shows no teeth."""
    import cv2

    contour = points_px[[*topology.UPPER_INNER, *topology.LOWER_INNER[::-1][1:-1]], :2]
    height, width = rgb.shape[:2]
    margin = 2 * fit.px_per_mm + 2
    low = np.clip(np.floor(contour.min(0) - margin), 0, [width - 2, height - 2]).astype(int)
    high = np.clip(np.ceil(contour.max(0) + margin), low + 2, [width, height]).astype(int)
    patch = np.ascontiguousarray(rgb[low[1] : high[1], low[0] : high[0]])
    inside = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.round((contour - low) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    if neutral.source_gap_mm < 2.5 or inside.sum() < 60:
        return None
    linear = colour_tables()[0][patch]
    light = linear @ _LUMA
    red = cv2.cvtColor(patch, cv2.COLOR_RGB2LAB)[..., 1].astype(np.float32) - 128
    lips = (points_px[list(_LIP_BODY), :2] - low).astype(np.float32)
    lip_red = float(np.median(cv2.remap(red, lips[:, 0], lips[:, 1], cv2.INTER_LINEAR)))
    limit = 0.5 * (float(np.percentile(red[inside > 0], 20)) + lip_red)
    bright = float(np.percentile(light[inside > 0], 85))
    teeth = (inside > 0) & (light > 0.5 * bright) & (red <= limit)
    if bright < 0.3 * float(skin @ _LUMA) or teeth.sum() < 30:
        return None
    aside, down, edge = _edge_line(teeth, low, fit, neutral)
    depth_mm = cv2.distanceTransform(inside, cv2.DIST_L2, 5) / fit.px_per_mm
    mask = inside * smoothstep(0, 0.5, depth_mm) * smoothstep(1.0, 0.3, down - edge)
    mask *= smoothstep(limit + 8, limit, red) * smoothstep(0.35, 0.55, light / bright)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(0.5, 0.25 * fit.px_per_mm))
    colour = np.median(linear[teeth], 0).astype(np.float64)
    front = float(np.median(edge[np.abs(aside) < _FRONT_MM]))
    lip = float(neutral.source_mm[topology.LIP_TOP, 1])
    return SourceTeeth(
        linear, soft, low.astype(np.float64), points_px[_ANCHORS], colour=colour, edge_mm=front, lip_mm=lip
    )


def _edge_line(teeth: NDArray[np.bool_], low: F64, fit: HeadFit, neutral: Neutral) -> tuple[F64, F64, F64]:
    """All (h, w), mm: right of and below where the lips meet, and how far below the teeth's edge is in this column.

    Between the corners of the mouth and the last teeth that can be told from their shadow the edge is a straight line.
    """
    y, x = np.mgrid[: teeth.shape[0], : teeth.shape[1]]
    flat = np.linalg.inv(fit.rotation[:2, :2]) / fit.px_per_mm
    mm = (np.stack([x, y], -1) + low - fit.to_px(neutral.anchor_mm)[:2]) @ flat.T
    half = neutral.mouth_width_mm / 2
    columns = np.arange(-np.floor(half), half, 1.5)
    known = [(c, mm[seen, 1]) for c in columns if (seen := teeth & (np.abs(mm[..., 0] - c) < 0.9)).sum() > 2]
    places = np.array([-half, *(c for c, _ in known), half])
    edges = np.array([float(np.percentile(column, 95)) for _, column in known])
    edges = np.convolve(np.pad(edges, 1, mode="edge"), np.array([1, 2, 1]) / 4, mode="valid")
    return mm[..., 0], mm[..., 1], np.interp(mm[..., 0], places, [0.0, *edges, 0.0])
