"""Eyes between moving lids: the eyeball behind them, gaze, and the lash line of a closing lid."""

from dataclasses import dataclass

import numpy as np

from sonic.engines.light.renderers.warp.fill import fill_outwards
from sonic.engines.light.renderers.warp.head import Rigid
from sonic.engines.light.renderers.warp.lids import closed_lid
from sonic.engines.light.renderers.warp.mask import polygon_mask
from sonic.faces.geometry import catmull_rom, smoothstep
from sonic.faces.topology import Eye
from sonic.types import F32, F64, U8

_MARGIN_MM = 8.0
_LASH_MM, _LASH_TAIL_MM = 1.1, 1.6
_SHUT_FROM, _SHUT_TO = 0.06, 0.35
"""Between these closures the lid of skin takes over from the stretched photo."""
_GLASSES_SHUT_FROM, _GLASSES_SHUT_TO = 0.01, 0.12
"""Behind glasses nothing stretches: the lid of skin is all there is."""


@dataclass(frozen=True, slots=True)
class EyeLook:
    """What the eyes of a portrait have in common."""

    px_per_mm: float
    lash_rgb: F64
    """sRGB bytes."""
    glasses: bool = False


class EyeLayer:
    """One eye of one portrait."""

    def __init__(self, eye: Eye, points_px: F64, rgb: U8, look: EyeLook) -> None:
        import cv2

        self._eye, self._look, self._px_per_mm = eye, look, look.px_per_mm
        self._ring = [eye.corners[0], *eye.upper, eye.corners[1], *eye.lower[::-1]]
        self._lid = [eye.corners[0], *eye.upper, eye.corners[1]]
        contour = points_px[self._ring, :2]
        height, width = rgb.shape[:2]
        margin = _MARGIN_MM * look.px_per_mm + 2
        low = np.clip(np.floor(contour.min(0) - margin), 0, [width - 2, height - 2]).astype(int)
        high = np.clip(np.ceil(contour.max(0) + margin), low + 2, [width, height]).astype(int)
        cut = np.ascontiguousarray(rgb[low[1] : high[1], low[0] : high[0]])
        lower = [eye.corners[0], *eye.lower, eye.corners[1]]
        self._closed = closed_lid(
            cut, points_px[self._lid, :2] - low, points_px[lower, :2] - low, look.px_per_mm, glasses=look.glasses
        )
        self.closes = self._closed.closes
        """How far this eye may close, 0 .. 1."""
        self._shut_from, self._shut_to = (
            (_GLASSES_SHUT_FROM, _GLASSES_SHUT_TO) if look.glasses else (_SHUT_FROM, _SHUT_TO)
        )
        patch = cut.astype(np.float32)
        mask = np.zeros(patch.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round((contour - low) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        core = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=max(1, int(0.5 * look.px_per_mm)))
        filled = fill_outwards(patch, core.astype(np.float32) / 255)
        opacity = mask[..., None].astype(np.float32) / 255
        # behind the lids the eyeball lies in their shadow
        self._ball = np.clip(patch * opacity + filled * 0.88 * (1 - opacity), 0, 255).astype(np.uint8)
        self._origin = low.astype(np.float64)
        # Corners and iris lie almost on one line, which no affine map stands: the third anchor lies across it.
        first, last = points_px[list(eye.corners)]
        across = np.array([first[1] - last[1], last[0] - first[0], 0.0]) / 2
        self._anchors = np.stack([first, last, (first + last) / 2 + across])
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
        back = self._back(rigid)
        if shut > self._shut_from:
            strength = float(smoothstep(self._shut_from, self._shut_to, shut))
            self._draw_closed(out, points[self._ring, :2], back, strength)
        if changed > 0 and opening > 0.06:
            self._draw_ball(out, points[self._ring, :2], back, gaze_px, changed)
        if shut > self._shut_from:
            self._draw_lashes(out, points[self._lid, :2], shut)

    def _back(self, rigid: Rigid) -> F64:
        """(2, 3) affine from px of the picture to px of this eye's patch, as the head has moved."""
        import cv2

        now = rigid(self._anchors)[:, :2].astype(np.float32)
        return np.asarray(cv2.getAffineTransform(now, (self._anchors[:, :2] - self._origin).astype(np.float32)))

    def _draw_closed(self, out: U8, contour: F64, back: F64, strength: float) -> None:
        import cv2

        cut = polygon_mask(contour, out.shape, pad_px=_MARGIN_MM * self._px_per_mm, soft_px=0)
        if cut is None:
            return
        here = back.copy()
        here[:, 2] += back[:, :2] @ [cut.box.left, cut.box.top]
        flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
        cover = cv2.warpAffine(self._closed.cover, here, cut.box.size, flags=flags)
        skin = cv2.warpAffine(self._closed.rgb, here, cut.box.size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        view, opacity = cut.box.cut(out), cover.astype(np.float32) * np.float32(strength / 255)
        view[:] = cv2.blendLinear(skin, np.ascontiguousarray(view), opacity, 1 - opacity)

    def _draw_lashes(self, out: U8, lid: F64, shut: float) -> None:
        import cv2

        # beyond the outer corner the line meets the lashes and make-up that stay there
        out_mm = _LASH_TAIL_MM if self._closed.wing else 0.0
        axis = lid[0] - lid[-1]
        tail = lid[0] + axis * (out_mm * self._px_per_mm / max(float(np.hypot(*axis)), 1e-6))
        curve = catmull_rom(np.vstack([tail, lid]) if out_mm else lid)
        cut = polygon_mask(curve, out.shape, pad_px=3 * self._px_per_mm + 2, soft_px=0)
        if cut is None:
            return
        # a stroke that swells from the corners to the middle, and is strongest a little outside of it
        t = np.linspace(0, 1, len(curve))[:, None]
        half = np.hstack([0 * t, 0.5 * _LASH_MM * self._px_per_mm * (0.25 + 0.75 * np.sin(np.pi * t**0.8))])
        stroke = np.vstack([curve - half, (curve + half)[::-1]]) - [cut.box.left, cut.box.top]
        line = np.zeros(cut.alpha.shape, np.uint8)
        cv2.fillPoly(line, [np.round(stroke * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        soft = cv2.GaussianBlur(line, (0, 0), max(0.6, 0.45 * self._px_per_mm))
        opacity = (soft.astype(np.float32) * (0.85 * float(smoothstep(self._shut_from, self._shut_to, shut)) / 255))[
            ..., None
        ]
        view = cut.box.cut(out)
        view[:] = (view * (1 - opacity) + self._look.lash_rgb.astype(np.float32) * opacity + 0.5).astype(np.uint8)

    def _draw_ball(self, out: U8, contour: F64, back: F64, gaze_px: F64, strength: float) -> None:
        import cv2

        cut = polygon_mask(contour, out.shape, pad_px=2 * self._px_per_mm, soft_px=0.22 * self._px_per_mm)
        if cut is None:
            return
        x = np.arange(cut.box.left, cut.box.right, dtype=np.float32)[None]
        y = np.arange(cut.box.top, cut.box.bottom, dtype=np.float32)[:, None]
        sx = (back[0, 0] * x + back[0, 1] * y + back[0, 2]).astype(np.float32)
        sy = (back[1, 0] * x + back[1, 1] * y + back[1, 2]).astype(np.float32)
        reach = 0.55 * self._radius
        gaze = gaze_px * min(1.0, reach / max(float(np.hypot(*gaze_px)), 1e-6))
        target = self._iris_px - self._origin + gaze
        away = ((sx - target[0]) ** 2 + (sy - target[1]) ** 2) / (1.45 * self._radius) ** 2
        bump: F32 = np.exp(-(away**2))
        sx -= bump * np.float32(gaze[0])
        sy -= bump * np.float32(gaze[1])
        ball = cv2.remap(self._ball, sx, sy, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        view, opacity = cut.box.cut(out), cut.alpha * np.float32(strength)
        view[:] = cv2.blendLinear(ball, np.ascontiguousarray(view), opacity, 1 - opacity)
