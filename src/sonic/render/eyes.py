"""Eyes between moving lids: the eyeball behind them, gaze, and the lash line of a closing lid."""

import numpy as np

from sonic.facemesh import Eye
from sonic.geometry import catmull_rom, smoothstep
from sonic.render.fill import fill_outwards
from sonic.render.head import Rigid
from sonic.render.mask import polygon_mask
from sonic.types import F32, F64, U8

_MARGIN_MM = 8.0
_LASH_MM = 0.9


class EyeLayer:
    """One eye of one portrait."""

    def __init__(self, eye: Eye, points_px: F64, rgb: U8, px_per_mm: float, lash_rgb: F64) -> None:
        import cv2

        self._eye, self._px_per_mm, self._lash = eye, px_per_mm, lash_rgb.astype(np.float32)
        self._ring = [eye.corners[0], *eye.upper, eye.corners[1], *eye.lower[::-1]]
        self._lid = [eye.corners[0], *eye.upper, eye.corners[1]]
        contour = points_px[self._ring, :2]
        height, width = rgb.shape[:2]
        margin = _MARGIN_MM * px_per_mm + 2
        low = np.clip(np.floor(contour.min(0) - margin), 0, [width - 2, height - 2]).astype(int)
        high = np.clip(np.ceil(contour.max(0) + margin), low + 2, [width, height]).astype(int)
        patch = rgb[low[1] : high[1], low[0] : high[0]].astype(np.float32)
        mask = np.zeros(patch.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round((contour - low) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        core = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=max(1, int(0.5 * px_per_mm)))
        filled = fill_outwards(patch, core.astype(np.float32) / 255)
        opacity = mask[..., None].astype(np.float32) / 255
        # behind the lids the eyeball lies in their shadow
        self._ball = np.clip(patch * opacity + filled * 0.88 * (1 - opacity), 0, 255).astype(np.uint8)
        self._origin = low.astype(np.float64)
        self._anchors = points_px[[*eye.corners, eye.iris]]
        rim = points_px[eye.iris + 1 : eye.iris + 5, :2]
        self._iris_px = points_px[eye.iris, :2]
        self._radius = max(1.0, float(np.linalg.norm(rim - self._iris_px, axis=1).mean()))

    def draw(self, out: U8, points: F64, rigid: Rigid, opening: float, gaze_px: F64) -> None:
        """Draw into ``out``, a view of the picture; ``points`` (468, 3) where the face is now, both in crop px.

        A still eye is left to the warped photo.
        """
        shut = float(np.clip(1 - opening, 0, 1))
        gaze_mm = float(np.hypot(*gaze_px)) / self._px_per_mm
        changed = float(max(smoothstep(0.01, 0.08, abs(1 - opening)), smoothstep(0.02, 0.25, gaze_mm)))
        if shut > 0.15:
            self._draw_lashes(out, points[self._lid, :2], shut)
        if changed > 0 and opening > 0.06:
            self._draw_ball(out, points[self._ring, :2], rigid, gaze_px, changed)

    def _draw_lashes(self, out: U8, lid: F64, shut: float) -> None:
        import cv2

        curve = catmull_rom(lid)
        cut = polygon_mask(curve, out.shape, pad_px=3 * self._px_per_mm + 2, soft_px=0)
        if cut is None:
            return
        line = np.zeros(cut.alpha.shape, np.uint8)
        thick = max(1, round(_LASH_MM * self._px_per_mm))
        at = np.round((curve - [cut.box.left, cut.box.top]) * 16).astype(np.int32)
        cv2.polylines(line, [at], False, 255, thick, cv2.LINE_AA, 4)
        soft = cv2.GaussianBlur(line, (0, 0), max(0.5, 0.35 * self._px_per_mm))
        opacity = (soft.astype(np.float32) * (0.62 * shut / 255))[..., None]
        view = cut.box.cut(out)
        view[:] = (view * (1 - opacity) + self._lash * opacity + 0.5).astype(np.uint8)

    def _draw_ball(self, out: U8, contour: F64, rigid: Rigid, gaze_px: F64, strength: float) -> None:
        import cv2

        cut = polygon_mask(contour, out.shape, pad_px=2 * self._px_per_mm, soft_px=0.22 * self._px_per_mm)
        if cut is None:
            return
        now = rigid(self._anchors)[:, :2].astype(np.float32)
        back = cv2.getAffineTransform(now, self._anchors[:, :2].astype(np.float32))
        x = np.arange(cut.box.left, cut.box.right, dtype=np.float32)[None]
        y = np.arange(cut.box.top, cut.box.bottom, dtype=np.float32)[:, None]
        sx = (back[0, 0] * x + back[0, 1] * y + back[0, 2]).astype(np.float32)
        sy = (back[1, 0] * x + back[1, 1] * y + back[1, 2]).astype(np.float32)
        reach = 0.55 * self._radius
        gaze = gaze_px * min(1.0, reach / max(float(np.hypot(*gaze_px)), 1e-6))
        target = self._iris_px + gaze
        away = ((sx - target[0]) ** 2 + (sy - target[1]) ** 2) / (1.45 * self._radius) ** 2
        bump: F32 = np.exp(-(away**2))
        sx -= bump * np.float32(gaze[0]) + np.float32(self._origin[0])
        sy -= bump * np.float32(gaze[1]) + np.float32(self._origin[1])
        ball = cv2.remap(self._ball, sx, sy, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        view, opacity = cut.box.cut(out), cut.alpha * np.float32(strength)
        view[:] = cv2.blendLinear(ball, np.ascontiguousarray(view), opacity, 1 - opacity)
