"""What is seen between parted lips: cavity, tongue, teeth, and the teeth of the photo where it shows them."""

from dataclasses import dataclass

import numpy as np

from sonic.engines.light.renderers.warp.colours import Colours
from sonic.engines.light.renderers.warp.deform import Pose
from sonic.engines.light.renderers.warp.head import Rigid
from sonic.engines.light.renderers.warp.mask import Cut, polygon_mask
from sonic.engines.light.renderers.warp.native import MouthScene, ToothStrip, lay, paint_mouth
from sonic.engines.light.renderers.warp.neutral import CLOSED_GAP_MM, HeadFit, Neutral
from sonic.engines.light.renderers.warp.smile import SourceTeeth
from sonic.faces import topology
from sonic.faces.geometry import catmull_rom, smoothstep
from sonic.types import F32, F64, U8

_FADE_FROM_MM, _FADE_TO_MM = 0.25, 0.9
"""Below the first opening nothing is drawn; from the second on, all of it."""
_REACH_MM = 2.5
_SEAM_MM, _SEAM_DARK = 0.45, 0.55
_DEPTH_MM = 5.0
"""Of the teeth behind the lips."""


@dataclass(frozen=True, slots=True)
class Dentition:
    """Rows of teeth and where they sit."""

    upper: ToothStrip
    lower: ToothStrip
    upper_edge_mm: float
    """Of the upper row below the line where the lips meet."""
    blur_px: float
    """As soft as the photo."""


class Mouth:
    """The inside of one portrait's mouth."""

    def __init__(
        self, neutral: Neutral, fit: HeadFit, colours: Colours, teeth: Dentition, source: SourceTeeth | None
    ) -> None:
        self._source_open = neutral.source_gap_mm >= CLOSED_GAP_MM
        self._neutral, self._fit, self._colours, self._teeth, self._source = neutral, fit, colours, teeth, source

    def draw(self, out: U8, pose: Pose, points: F64, rigid: Rigid) -> None:
        """Draw into ``out`` (crop px); ``points`` (468, 3) is where the face is now."""
        shown = float(smoothstep(_FADE_FROM_MM, _FADE_TO_MM, pose.gap_mm))
        if shown <= 0 and not self._source_open:
            return
        scale = self._fit.px_per_mm
        upper = catmull_rom(points[list(topology.UPPER_INNER), :2])
        lower = catmull_rom(points[list(topology.LOWER_INNER), :2])
        contour = np.vstack([upper, lower[::-1][1:-1]])
        cut = polygon_mask(
            contour, out.shape, pad_px=_REACH_MM * scale, soft_px=max(0.6, 0.20 * scale, 0.8 * self._teeth.blur_px)
        )
        if cut is None:
            return
        inside_mm, below_mm = _distances(cut, upper, scale)
        scene = self._scene(cut, pose, rigid)
        mouth = paint_mouth(
            scene, self._teeth.upper, self._teeth.lower, inside_mm=inside_mm, below_mm=below_mm, reach_mm=_REACH_MM
        )
        mouth = self._colours.toning(_blurred(mouth, self._teeth.blur_px))
        if self._source:
            mouth = self._source.over(mouth, cut.box, inside_mm, rigid, pose.gap_mm)
        alpha = cut.alpha * np.float32(shown)
        shade = smoothstep(-1.1, 0.0, inside_mm).astype(np.float32) * (1 - alpha)
        shade *= np.float32(0.35 * min(1.0, pose.gap_mm / 3) * shown)
        if self._source_open:
            shade += _seam_shadow(below_mm, upper, cut, scale) * np.float32(1 - shown)
        lay(cut.box.cut(out), mouth, alpha=alpha, shade=shade)

    def _scene(self, cut: Cut, pose: Pose, rigid: Rigid) -> MouthScene:
        """Where teeth and tongue are: the upper row on the skull, the lower one on the jaw."""
        anchor, gap = self._neutral.anchor_mm, pose.gap_mm
        seen = 0.2 + 0.09 * gap
        lower_lip = float(pose.points_mm[topology.LIP_BOTTOM, 1])
        lower_edge = max(anchor[1] - 0.2 + 0.92 * max(float(pose.jaw_mm[1]), -1.0), lower_lip - seen)
        side = anchor[0] + 0.8 * float(pose.jaw_mm[0])
        deep = _DEPTH_MM + np.array([0.0, 1.5, 6.0])
        # heights are meant as the photo shows them: undo that what lies deeper appears higher in a face looking up
        tilt = float(self._fit.rotation[1, 2] / self._fit.rotation[1, 1])
        heights = [anchor[1] + self._teeth.upper_edge_mm, lower_edge, lower_edge + 1.0] - deep * tilt
        origins = np.stack([[anchor[0], side, side], heights, anchor[2] + deep], 1)
        places = np.vstack([origins, origins[0] + np.eye(3)])
        at = rigid(self._fit.to_px(places))[:, :2] - [cut.box.left, cut.box.top]
        axes = at[3:] - at[0]
        inverse = np.linalg.inv(axes[:2].T)
        scene = MouthScene(
            mm_from_px=tuple(inverse.ravel()), px_per_depth=tuple(axes[2]), upper=tuple(at[0]), lower=tuple(at[1]),
            tongue=tuple(at[2]), cavity_rgb=tuple(self._colours.cavity), tongue_rgb=tuple(self._colours.tongue),
            gap_mm=gap, half_width_mm=self._neutral.mouth_width_mm / 2, tongue_lift_mm=0.6 + 0.28 * gap,
            lower_light=float(0.45 * (0.4 + 0.6 * smoothstep(3, 12, gap))),
        )  # fmt: skip
        return scene


def _distances(cut: Cut, upper: F64, scale: float) -> tuple[F32, F32]:
    """(distance to the lips' edge, negative outside; distance below the upper lip), both in mm."""
    import cv2

    inside = (cut.mask > 127).astype(np.uint8)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 3) - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
    order = np.argsort(upper[:, 0])
    edge = np.interp(np.arange(cut.box.left, cut.box.right), upper[order, 0], upper[order, 1])
    below = np.arange(cut.box.top, cut.box.bottom)[:, None] - edge[None]
    return (distance / scale).astype(np.float32), (below / scale).astype(np.float32)


def _seam_shadow(below_mm: F32, upper: F64, cut: Cut, scale: float) -> F32:
    """(h, w) the dark line where lips meet that were open in the photo."""
    x = np.arange(cut.box.left, cut.box.right)
    left, right = upper[:, 0].min(), upper[:, 0].max()
    ends = smoothstep(-0.5, 2.0, np.minimum(x - left, right - x) / scale)
    return np.asarray(_SEAM_DARK * np.exp(-((below_mm / max(_SEAM_MM, 0.6 / scale)) ** 2)) * ends, np.float32)


def _blurred(mouth: F32, sigma_px: float) -> F32:
    import cv2

    return np.asarray(cv2.GaussianBlur(mouth, (0, 0), sigma_px)) if sigma_px > 0.3 else mouth
