"""Eyes between moving lids: the eyeball behind them, gaze, and the lash line of a closing lid."""

from dataclasses import dataclass, replace

import numpy as np

from sonic.engines.light.renderers.warp.colours import Colours
from sonic.engines.light.renderers.warp.eyeball import (
    Ball,
    EyeTones,
    ball_of_photo,
    drawn_ball,
    eye_tones,
    mirrored_ball,
)
from sonic.engines.light.renderers.warp.head import Rigid
from sonic.engines.light.renderers.warp.lids import ClosedLid, closed_lid
from sonic.engines.light.renderers.warp.mask import polygon_mask
from sonic.engines.light.renderers.warp.native import colour_tables
from sonic.engines.light.renderers.warp.neutral import HeadFit
from sonic.engines.light.renderers.warp.opening import LidPath
from sonic.faces import topology
from sonic.faces.geometry import catmull_rom, smoothstep
from sonic.types import F32, F64, U8

_MARGIN_MM = 8.0
_LASH_MM, _LASH_TAIL_MM = 1.1, 1.6
_SHUT_FROM, _SHUT_TO = 0.06, 0.35
"""Between these closures the lid of skin takes over from the stretched photo."""
_GLASSES_SHUT_FROM, _GLASSES_SHUT_TO = 0.01, 0.12
"""Behind glasses nothing stretches: the lid of skin is all there is."""
_LOOKS_ASIDE_MM = (1.2, 3.0)
_LASH_OF_SKIN = 0.03
_OPEN_LASH = 0.8
"""How dark the edge of a lid is that the photo shows shut, against that of a lid that shuts."""
_TO_CAMERA_MM = 8.6
"""How far an iris goes aside to keep to the camera from a head that is turned, times the sine of its turn."""


@dataclass(frozen=True, slots=True)
class EyeLook:
    """What the eyes of a portrait have in common."""

    px_per_mm: float
    lash_rgb: F64
    """sRGB bytes."""
    softness_px: float
    """Standard deviation of the blur of the picture's sharpest edges."""
    glasses: bool = False


def eye_layers(
    paths: list[LidPath], points_px: F64, rgb: U8, look: EyeLook, fit: HeadFit, colours: Colours
) -> list["EyeLayer"]:
    """Both eyes; one that the photo shows shut looks like the other, or is drawn where both are."""
    seen = {p.eye: EyeLayer(p, points_px, rgb, look, fit, None) for p in paths if not p.opened}
    if len(seen) < len(paths):
        # lids without an eye between them are no measure of how dark lashes are
        dark = colour_tables()[1][np.clip(_LASH_OF_SKIN * colours.skin * 4095, 0, 4095).astype(int)]
        look = replace(look, lash_rgb=np.minimum(look.lash_rgb, dark))
    spare = next(iter(seen.values()), None) or eye_tones(rgb, points_px, colours.skin, colours.toning, look.softness_px)
    return [seen.get(p.eye) or EyeLayer(p, points_px, rgb, look, fit, spare) for p in paths]


class EyeLayer:
    """One eye of one portrait."""

    def __init__(
        self, path: LidPath, points_px: F64, rgb: U8, look: EyeLook, fit: HeadFit, spare: "EyeLayer | EyeTones | None"
    ) -> None:
        """``spare``: what the eyeball is made of where the photo shows the eye shut, None where it does not."""
        eye = path.eye
        self.eye, self._look, self._px_per_mm, self._opened = eye, look, look.px_per_mm, path.opened
        self._ring = [eye.corners[0], *eye.upper, eye.corners[1], *eye.lower[::-1]]
        self._lid = [eye.corners[0], *eye.upper, eye.corners[1]]
        self._photo_ring = points_px[self._ring]
        contour = self._photo_ring[:, :2]
        height, width = rgb.shape[:2]
        margin = _MARGIN_MM * look.px_per_mm + 2
        low = np.clip(np.floor(contour.min(0) - margin), 0, [width - 2, height - 2]).astype(int)
        high = np.clip(np.ceil(contour.max(0) + margin), low + 2, [width, height]).astype(int)
        cut = np.ascontiguousarray(rgb[low[1] : high[1], low[0] : high[0]])
        self._origin = low.astype(np.float64)
        # Corners and iris lie almost on one line, which no affine map stands: the third anchor lies across it.
        first, last = points_px[list(eye.corners)]
        across = np.array([first[1] - last[1], last[0] - first[0], 0.0]) / 2
        self._anchors = np.stack([first, last, (first + last) / 2 + across])
        self._closed: ClosedLid | None = None
        if spare is None:
            lower = [eye.corners[0], *eye.lower, eye.corners[1]]
            self._closed = closed_lid(
                cut, points_px[self._lid, :2] - low, points_px[lower, :2] - low, look.px_per_mm, glasses=look.glasses
            )
            iris, radius = points_px[eye.iris, :2] - low, look.px_per_mm * path.iris_radius
            self.ball = ball_of_photo(cut, contour - low, iris, radius, look.px_per_mm)
            aside = points_px[eye.iris, :2] - fit.to_px(path.iris)[:2]
            # a little aside may be how the eyes stand, which is the same in a mirror; more is where they look
            away_mm = float(np.hypot(*aside)) / look.px_per_mm
            self.looks_px = (
                aside * float(smoothstep(*_LOOKS_ASIDE_MM, away_mm)) * min(1.0, path.iris_radius / max(away_mm, 1e-6))
            )
            """Where it looks in the photo: how far its iris stands from the middle of the eye."""
        else:
            self.looks_px = np.zeros(2)
            self.ball = _spare_ball(path, spare, fit, (cut.shape[0], cut.shape[1]), points_px, self._origin)
        self.closes = self._closed.closes if self._closed else 1.0
        """How far this eye may close, 0 .. 1."""
        self._shut_from, self._shut_to = (
            (_GLASSES_SHUT_FROM, _GLASSES_SHUT_TO) if look.glasses else (_SHUT_FROM, _SHUT_TO)
        )

    def draw(self, out: U8, points: F64, rigid: Rigid, opening: float, gaze_px: F64, narrowed_mm: float = 0.0) -> None:
        """Draw into ``out``, a view of the picture; ``points`` (468, 3) where the face is now, both in crop px.

        ``narrowed_mm``: how far the lower lid is pushed up. A still eye is left to the warped photo.
        """
        shut = float(np.clip(1 - opening, 0, 1))
        gaze_mm = float(np.hypot(*gaze_px)) / self._px_per_mm
        moved = (smoothstep(0.01, 0.08, abs(1 - opening)), smoothstep(0.02, 0.25, max(gaze_mm, narrowed_mm)))
        changed = float(max(moved))
        if self._opened:
            changed = float(smoothstep(0.02, 0.15, opening))
        back = self._back(rigid)
        strength = float(smoothstep(self._shut_from, self._shut_to, shut))
        if self._closed and strength > 0:
            # the skin over a shut eye reaches as far as the open one does
            self._draw_closed(out, self._closed, rigid(self._photo_ring)[:, :2], back, strength)
        if changed > 0 and opening > 0.06:
            self._draw_ball(out, points[self._ring, :2], back, gaze_px, changed)
        if self._opened:
            strength = _OPEN_LASH * changed * (1 - 0.5 * shut)
        if strength > 0:
            self._draw_lashes(out, points[self._lid, :2], strength)

    def _back(self, rigid: Rigid) -> F64:
        """(2, 3) affine from px of the picture to px of this eye's patch, as the head has moved."""
        import cv2

        now = rigid(self._anchors)[:, :2].astype(np.float32)
        return np.asarray(cv2.getAffineTransform(now, (self._anchors[:, :2] - self._origin).astype(np.float32)))

    def _draw_closed(self, out: U8, lid: ClosedLid, contour: F64, back: F64, strength: float) -> None:
        import cv2

        cut = polygon_mask(contour, out.shape, pad_px=_MARGIN_MM * self._px_per_mm, soft_px=0)
        if cut is None:
            return
        here = back.copy()
        here[:, 2] += back[:, :2] @ [cut.box.left, cut.box.top]
        flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
        cover = cv2.warpAffine(lid.cover, here, cut.box.size, flags=flags)
        skin = cv2.warpAffine(lid.rgb, here, cut.box.size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        view, opacity = cut.box.cut(out), cover.astype(np.float32) * np.float32(strength / 255)
        view[:] = cv2.blendLinear(skin, np.ascontiguousarray(view), opacity, 1 - opacity)

    def _draw_lashes(self, out: U8, lid: F64, strength: float) -> None:
        import cv2

        # beyond the outer corner the line meets the lashes and make-up that stay there
        out_mm = _LASH_TAIL_MM if self._closed and self._closed.wing else 0.0
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
        soft = cv2.GaussianBlur(
            line, (0, 0), max(0.6, 0.45 * self._px_per_mm, min(0.8 * self._look.softness_px, 0.9 * self._px_per_mm))
        )
        opacity = (soft.astype(np.float32) * (0.85 * strength / 255))[..., None]
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
        reach = 0.55 * self.ball.radius
        gaze = gaze_px * min(1.0, reach / max(float(np.hypot(*gaze_px)), 1e-6))
        target = self.ball.iris + gaze
        away = ((sx - target[0]) ** 2 + (sy - target[1]) ** 2) / (1.45 * self.ball.radius) ** 2
        bump: F32 = np.exp(-(away**2))
        sx -= bump * np.float32(gaze[0])
        sy -= bump * np.float32(gaze[1])
        ball = cv2.remap(self.ball.rgb, sx, sy, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        view, opacity = cut.box.cut(out), cut.alpha * np.float32(strength)
        view[:] = cv2.blendLinear(ball, np.ascontiguousarray(view), opacity, 1 - opacity)


def _spare_ball(
    path: LidPath, spare: EyeLayer | EyeTones, fit: HeadFit, shape: tuple[int, int], points_px: F64, origin: F64
) -> Ball:
    """The eyeball of an eye that the photo shows shut, for a patch of ``shape`` (h, w) from ``origin`` px."""
    aside = np.clip(-_TO_CAMERA_MM * fit.rotation[2, 0], -path.iris_radius, path.iris_radius)
    radius = path.iris_radius * fit.px_per_mm
    if isinstance(spare, EyeLayer):
        iris = fit.to_px(path.iris)[:2] + spare.looks_px - origin
        down = points_px[topology.CHIN_TIP, :2] - points_px[topology.FOREHEAD, :2]
        # the eye of the averted half of a face is farther away
        size = float(np.clip((_width_px(path.eye, points_px) / _width_px(spare.eye, points_px)) ** 0.5, 0.75, 1.1))
        return mirrored_ball(shape, spare.ball, iris, down / np.linalg.norm(down), size)
    iris = fit.to_px(path.iris + np.array([aside, 0, 0]))[:2] - origin
    corners = points_px[list(path.eye.corners), :2] - origin
    upper, lower = (
        np.vstack([corners[0], fit.to_px(line)[:, :2] - origin, corners[1]])
        for line in (path.open_upper, path.open_lower)
    )
    return drawn_ball(shape, (upper, lower), iris, radius, spare, path.eye.iris)


def _width_px(eye: topology.Eye, points_px: F64) -> float:
    """Between the corners, as it is seen."""
    return max(float(np.linalg.norm(points_px[eye.corners[0], :2] - points_px[eye.corners[1], :2])), 1.0)
