"""What is seen between parted lips: the interior, lit and coloured like the portrait, and the photo's own teeth."""

from dataclasses import dataclass

import numpy as np

from sonic.engines.light.renderers.warp.between import Between, between
from sonic.engines.light.renderers.warp.colours import Colours, Style, luminance, picture_style
from sonic.engines.light.renderers.warp.deform import Pose
from sonic.engines.light.renderers.warp.head import Rigid
from sonic.engines.light.renderers.warp.interior import (
    CHEEK,
    GUM,
    N_ROW,
    TONGUE,
    Interior,
    interior,
    somebody,
    tongue_field,
)
from sonic.engines.light.renderers.warp.lighting import Light, estimate_light
from sonic.engines.light.renderers.warp.mesh import Box
from sonic.engines.light.renderers.warp.native import MouthScene, lay, paint_mouth
from sonic.engines.light.renderers.warp.neutral import CLOSED_GAP_MM, HeadFit, Neutral
from sonic.engines.light.renderers.warp.smile import SourceTeeth, source_teeth
from sonic.faces import topology
from sonic.faces.geometry import catmull_rom, smoothstep
from sonic.faces.model import face_triangles
from sonic.types import F32, F64, U8

_FADE_FROM_MM, _FADE_TO_MM = 0.25, 0.9
"""Below the first opening nothing is drawn; from the second on, all of it."""
_REACH_MM, _TUCK_MM = 1.5, 3.0
"""How far beyond the lips' edge the interior is painted, and how much farther where teeth stand on the lower lip."""
_SEAM_MM, _SEAM_DARK = 0.45, 0.55
_USUAL_WIDTH_MM = 49.2
_SIZE = 0.94
"""The modelled teeth are larger than most people's."""
_EDGE_MM = 3.3
"""Of the upper incisors below the line where the lips meet."""
_TURNING_DEPTH = 0.5
"""Share of the interior's depth that head motion sees: the mesh turns twice as far as its outline shows."""
_TURNED_DEG, _TURNED_DEPTH = (10.0, 32.0), 0.6
"""A head that is turned in the photo shows the interior with less depth: how much is left beyond the second yaw."""
_SAMPLES_A_MM = 8.2
"""Samples to the millimetre of a mouth, along either axis: fewer to the pixel of a larger picture."""
_LIGHT = 0.42, 0.06, 1.15
"""Light on teeth behind closed lips, what each millimetre of opening adds, and the most. Filmed mouths: the lightest
place between the lips has .26, .34, .46, .75, .95 and 1.14 of the skin's luminance where they are seen 2, 3.2, 5, 7.5,
11 and 15 mm apart (medians of 24 people)."""
_TUCKED_MM = 4.0
"""Of opening: what teeth that stand on the lower lip are lit like more."""
_LIT_MM = 8.0
"""So far behind the lips light reaches undimmed."""


@dataclass(frozen=True, slots=True)
class Look:
    """How one portrait's mouth looks inside."""

    colours: Colours
    light: Light
    style: Style
    blur_px: float
    """As soft as the photo."""


class Mouth:
    """The inside of one portrait's mouth."""

    def __init__(self, neutral: Neutral, fit: HeadFit, look: Look, shape: Interior, source: SourceTeeth | None) -> None:
        self._source_open = neutral.source_gap_mm >= CLOSED_GAP_MM
        self._neutral, self._fit, self._look, self._source = neutral, fit, look, source
        self._body = _Body(shape, neutral, fit, source.edge_mm if source else None)
        self._mesh = shape.mesh()
        self._samples = int(np.clip(round(_SAMPLES_A_MM / fit.px_per_mm), 4, 8))

    def draw(self, out: U8, pose: Pose, points: F64, rigid: Rigid) -> None:
        """Draw into ``out`` (crop px); ``points`` (468, 3) is where the face is now."""
        shown = float(smoothstep(_FADE_FROM_MM, _FADE_TO_MM, pose.gap_mm))
        if shown <= 0 and not self._source_open:
            return
        scale, blur_px = self._fit.px_per_mm, self._look.blur_px
        upper = catmull_rom(points[list(topology.UPPER_INNER), :2])
        lower = catmull_rom(points[list(topology.LOWER_INNER), :2])
        reach_mm = _REACH_MM + _TUCK_MM * pose.tuck
        cut = between(
            upper, lower, out.shape,
            px_per_mm=scale, pad_px=reach_mm * scale + 2, soft_px=max(0.6, 0.20 * scale, 0.8 * blur_px),
        )  # fmt: skip
        if cut is None:
            return
        places = self._body.places(pose, rigid, cut.box)
        scene, inside_mm = self._scene(pose, rigid), cut.inside_mm
        mouth, teeth = paint_mouth(
            scene, self._mesh, places, inside_mm=inside_mm, below_mm=cut.below_mm, reach_mm=reach_mm,
            samples=self._samples,
        )  # fmt: skip
        mouth = self._look.style(self._look.colours.toning(_blurred(mouth, blur_px)))
        if self._source:
            mouth = self._source.over(mouth, teeth, cut.box, inside_mm, rigid, pose)
        alpha = cut.alpha * (np.float32(shown) * smoothstep(0.0, 0.8, cut.open_mm).astype(np.float32))
        shade = smoothstep(-1.1, 0.0, inside_mm).astype(np.float32) * (1 - alpha)
        shade *= smoothstep(0.2, 3.0, cut.open_mm).astype(np.float32)
        shade *= np.float32(0.35 * min(1.0, pose.gap_mm / 3) * shown)
        if pose.tuck > 0:
            over = _blurred(_over_lip(teeth, cut, pose.tuck), max(0.5, 0.2 * scale))
            over *= np.float32(shown)
            alpha, shade = np.maximum(alpha, over), shade + _contact_shadow(over, scale) * (1 - alpha)
        if self._source_open:
            shade += _seam_shadow(cut, scale) * np.float32(1 - shown)
        lay(cut.box.cut(out), mouth, alpha=alpha, shade=shade)

    def _scene(self, pose: Pose, rigid: Rigid) -> MouthScene:
        """Colours and light; directions are turned into the head's axes, where the normals are."""
        colours, light = self._look.colours, self._look.light
        axes = (rigid.matrix @ self._fit.rotation).T
        towards, viewer = axes @ light.towards, axes @ np.array([0.0, 0.0, -1.0])
        towards, viewer = towards / np.linalg.norm(towards), viewer / np.linalg.norm(viewer)
        half = (towards + viewer) / np.linalg.norm(towards + viewer)
        detail, open_share = self._look.style.detail, min(1.0, pose.gap_mm / 8)
        return MouthScene(
            teeth_rgb=tuple(colours.teeth), gum_rgb=tuple(colours.gum), tongue_rgb=tuple(colours.tongue),
            cheek_rgb=tuple(0.55 * colours.gum), cavity_rgb=tuple(colours.cavity), light=tuple(towards),
            half=tuple(half), viewer=tuple(viewer), wrap=light.wrap, detail=detail,
            gloss=0.32 * (0.4 + 0.6 * detail) * float(np.clip(2.2 * luminance(colours.skin), 0.2, 1.0)),
            lip_light=0.76, lip_reach_mm=2.0 * (0.45 + 0.55 * open_share),
        )  # fmt: skip


class _Body:
    """Where the interior of one portrait is, and how much light reaches it."""

    def __init__(self, shape: Interior, neutral: Neutral, fit: HeadFit, edge_mm: float | None) -> None:
        self._neutral, self._fit = neutral, fit
        size = _SIZE * float(np.clip(neutral.mouth_width_mm / _USUAL_WIDTH_MM, 0.9, 1.12))
        yaw = abs(float(np.rad2deg(np.arcsin(np.clip(fit.rotation[0, 2], -1, 1)))))
        depth = np.array([1, 1, 1 - (1 - _TURNED_DEPTH) * float(smoothstep(*_TURNED_DEG, yaw))])
        self._deep = size * shape.at[:, 2].astype(np.float64)
        self._at = size * shape.at.astype(np.float64) * depth
        self._jaw = shape.jaw.astype(np.float64) * depth
        self._tongue = tongue_field(shape)
        front = (shape.tooth == 7) | (shape.tooth == 8)
        self._at[:, 1] += (_EDGE_MM if edge_mm is None else edge_mm) - self._at[front, 1].max()
        self._edge = float(self._at[front, 1].max())
        self._lower_edge = float(self._at[(shape.tooth == 23) | (shape.tooth == 24), 1].min())
        # heights are meant as the photo shows them: undo that what lies deeper appears higher in a face looking up
        self._at[:, 1] -= 5.0 * float(fit.rotation[1, 2] / fit.rotation[1, 1])
        self._is_tongue, lower = shape.part == TONGUE, shape.tooth >= N_ROW
        low_gum = (shape.part == GUM) & (np.linalg.norm(shape.jaw, axis=1) > 0.6)
        rest = neutral.points_mm[[topology.UPPER_INNER[0], topology.UPPER_INNER[-1]], 0]
        self._rest_width = float(rest[1] - rest[0])
        half = neutral.mouth_width_mm / 2
        aside = np.abs(self._at[:, 0]) / half
        steady = 1 - 0.55 * smoothstep(0.55, 1.0, aside)
        steady *= np.where(lower | low_gum, 1 - 0.90 * smoothstep(0.30, 0.66, aside), 1)
        steady *= np.where(low_gum, 0.80, 1) * np.where(lower, 0.88, 1) * np.where(shape.part == CHEEK, 0.6, 1)
        self._steady = steady

    def places(self, pose: Pose, rigid: Rigid, box: Box) -> F32:
        """(N, 4) x, y, depth in px of the cut, and light."""
        anchor, drop = self._neutral.anchor_mm, self._drop_mm(pose)
        at = self._at + drop * self._jaw + self._tongue.displacement(drop, self._edge, *pose.tongue)
        at[:, 0] += 0.8 * float(pose.jaw_mm[0]) * np.minimum(np.abs(self._jaw[:, 1]), 1)
        px = self._fit.to_px(at + anchor)
        px[:, 2] -= (1 - _TURNING_DEPTH) * (px[:, 2] - self._fit.to_px(anchor)[2])
        px = rigid(px)
        out = np.empty((len(at), 4), np.float32)
        out[:, :2] = px[:, :2] - [box.left, box.top]
        out[:, 2] = px[:, 2]
        out[:, 3] = self._steady * self._depth_light(pose)
        return out

    def _drop_mm(self, pose: Pose) -> float:
        """How far the lower incisors sink: with the jaw, and never standing far above the lower lip."""
        lip = float(pose.points_mm[topology.LIP_BOTTOM, 1] - self._neutral.anchor_mm[1])
        seen = 0.3 + 0.07 * pose.gap_mm
        return max(0.92 * float(pose.jaw_mm[1]), lip - seen - self._lower_edge, 0.0)

    def _depth_light(self, pose: Pose) -> F64:
        """(N,) light falls off behind the lips, faster behind a narrow opening and behind lips that are pursed."""
        corners = pose.points_mm[[topology.UPPER_INNER[0], topology.UPPER_INNER[-1]], 0]
        wide = float(corners[1] - corners[0]) / self._rest_width
        pursed = float(self._neutral.anchor_mm[2] - pose.points_mm[topology.LIP_TOP, 2])
        entering = (0.55 + 0.45 * min(1.0, pose.gap_mm / 9)) * float(smoothstep(0.35, 1.0, wide) * 0.6 + 0.4)
        z = self._deep + max(pursed, 0.0)
        teeth = np.exp(-np.maximum(z - _LIT_MM, 0) / (15.0 * entering))
        tongue = 0.55 * entering * np.exp(-np.maximum(z - 18, 0) / 11)
        entrance = pose.gap_mm * wide**2 + _TUCKED_MM * pose.tuck
        slit = min(_LIGHT[0] + _LIGHT[1] * entrance, _LIGHT[2]) * float(0.5 + 0.5 * smoothstep(0.45, 0.95, wide))
        slit *= float(np.exp(-max(pursed - 1.0, 0.0) / 9))
        return np.asarray(np.where(self._is_tongue, tongue, teeth) * slit)


@dataclass(frozen=True, slots=True)
class MouthSetting:
    """What the renderer knows already of the portrait around a mouth."""

    neutral: Neutral
    fit: HeadFit
    colours: Colours
    softness_px: float


def portrait_mouth(rgb: U8, points_px: F64, setting: MouthSetting, rng: np.random.Generator) -> Mouth:
    """The inside of the mouth of the crop ``rgb`` with these landmarks; ``rng`` gives it teeth of its own."""
    fit, colours = setting.fit, setting.colours
    photo_teeth = source_teeth(rgb, points_px, fit, setting.neutral, colours.skin)
    look = Look(
        colours.with_teeth(photo_teeth.colour if photo_teeth else None),
        estimate_light(rgb, points_px, face_triangles()),
        picture_style(rgb, points_px, colours.toning),
        blur_px=max(0.5, 0.08 * fit.px_per_mm, 0.55 * setting.softness_px),
    )
    return Mouth(setting.neutral, fit, look, somebody(interior(), rng), photo_teeth)


def _over_lip(teeth: F32, cut: Between, tuck: float) -> F32:
    """(h, w) how far the upper front teeth stand on a lower lip that is drawn in under them, as in f and v."""
    middle, half = (cut.left + cut.right) / 2, max((cut.right - cut.left) / 2, 1e-3)
    front = smoothstep(0.85, 0.55, np.abs(cut.columns - middle) / half) * float(smoothstep(0.05, 0.40, tuck))
    near = smoothstep(-_TUCK_MM * tuck, -0.5 * _TUCK_MM * tuck, cut.inside_mm) * smoothstep(-0.1, 0.5, cut.below_mm)
    return np.asarray(teeth * near * front, np.float32)


def _contact_shadow(over: F32, scale: float) -> F32:
    """(h, w) what the teeth keep from the lip below them."""
    import cv2

    lower = np.roll(over, max(1, round(0.5 * scale)), axis=0)
    return np.asarray(0.45 * cv2.GaussianBlur(lower, (0, 0), max(0.5, 0.45 * scale)) * (1 - over), np.float32)


def _seam_shadow(cut: Between, scale: float) -> F32:
    """(h, w) the dark line where lips meet that were open in the photo."""
    ends = smoothstep(-0.5, 2.0, np.minimum(cut.columns - cut.left, cut.right - cut.columns) / scale)
    return np.asarray(_SEAM_DARK * np.exp(-((cut.below_mm / max(_SEAM_MM, 0.6 / scale)) ** 2)) * ends, np.float32)


def _blurred(mouth: F32, sigma_px: float) -> F32:
    import cv2

    return np.asarray(cv2.GaussianBlur(mouth, (0, 0), sigma_px)) if sigma_px > 0.3 else mouth
