"""One portrait and its motion become frames."""

from collections.abc import Generator, Iterable

import numpy as np

from sonic.engines.light.renderers.warp.colours import face_height, portrait_colours, softness_px
from sonic.engines.light.renderers.warp.deform import Deformer, Pose
from sonic.engines.light.renderers.warp.eyes import EyeLook, eye_layers
from sonic.engines.light.renderers.warp.glasses import wears_glasses
from sonic.engines.light.renderers.warp.head import Head, Rigid
from sonic.engines.light.renderers.warp.mesh import Box, build_mesh
from sonic.engines.light.renderers.warp.mouth import MouthSetting, portrait_mouth
from sonic.engines.light.renderers.warp.native import scratch_floats, soften, warp
from sonic.engines.light.renderers.warp.neutral import CLOSED_GAP_MM, fit_head, neutral_face
from sonic.engines.light.renderers.warp.opening import lid_paths
from sonic.engines.light.renderers.warp.own import own_shapes
from sonic.engines.light.renderers.warp.rest import find_rest
from sonic.engines.light.renderers.warp.seam import joined_lips, lip_rim, snap_to_seam, widen_opening
from sonic.engines.light.renderers.warp.source import dense
from sonic.faces.geometry import smoothstep
from sonic.faces.model import FaceModel, face_model, face_triangles
from sonic.faces.topology import EYES, N_SURFACE, OVAL
from sonic.motion import Motion, scale_mouth
from sonic.types import F32, F64, U8, Frame, Others, Portrait

_EDGE_MM = 1.5
"""Over this distance the moving picture passes into that of other people, who stay still."""
_UPPER_LIDS = [i for eye in EYES for i in eye.upper]


class Renderer:
    """Draws one portrait; everything that depends on the portrait alone is made once, here.

    ``moving_box_px`` (left, top, right, bottom): pixels outside equal portrait.crop in every frame.
    """

    def __init__(self, portrait: Portrait, model: FaceModel | None = None) -> None:
        model = model or face_model()
        template = model.template.astype(np.float64)
        rgb, others = portrait.crop, portrait.others
        points = portrait.face.points_px.astype(np.float64)
        fit = fit_head(points[:N_SURFACE], template)
        # behind a mask, a hand or a microphone there are no lips to part, and what covers them must not be drawn over
        self._mouth_still = portrait.face.quality.mouth_covered
        mouth_open = not self._mouth_still and neutral_face(fit.to_mm(points)).source_gap_mm >= CLOSED_GAP_MM
        rest = find_rest(fit.to_mm(points[:N_SURFACE]), fit.yaw_deg, model)
        if mouth_open:
            points = widen_opening(points, fit)
        else:
            points = joined_lips(points) if self._mouth_still else snap_to_seam(points, rgb, fit.px_per_mm)
        neutral = neutral_face(fit.to_mm(points), rest.way_mm)
        self._rgb, self._points, self._fit, self._neutral = rgb, points, fit, neutral
        self._mesh = build_mesh(
            points[:N_SURFACE], portrait.matte, face_triangles(), mouth_open=mouth_open,
            still=others.still if others else None,
        )  # fmt: skip
        self._photo_share = _photo_share(others, self._mesh.box, fit.px_per_mm) if others else None
        self._rim = lip_rim(points, fit) if mouth_open else np.empty((0, 2))
        self._head = Head(points, fit, others.room if others else 1.0)
        self._around = self._head.flatten(self._mesh.around_px)
        glasses = wears_glasses(points, rgb, fit.px_per_mm)
        self._paths = lid_paths(neutral.source_mm, template, points, fit.px_per_mm, glasses=glasses)
        rng = np.random.default_rng(int(portrait.photo.sha256[:16] or "0", 16))
        own = own_shapes(model, rng.spawn(1)[0], glasses=glasses)
        self._deform = Deformer(neutral, rest, own.shapes.astype(np.float64), template, self._paths)
        self._source = dense(self._mesh.box.cut(rgb))
        colours = portrait_colours(rgb, points, face_height(points))
        softness = softness_px(rgb, points)
        eye_look = EyeLook(fit.px_per_mm, colours.lash, softness, glasses)
        self._eyes = eye_layers(self._paths, points, rgb, eye_look, fit, colours)
        self._glasses, self._closes = glasses, np.array([eye.closes for eye in self._eyes], np.float32)
        self._mouth = portrait_mouth(rgb, points, MouthSetting(neutral, fit, colours, softness), rng)
        self.moving_box_px = (self._mesh.box.left, self._mesh.box.top, self._mesh.box.right, self._mesh.box.bottom)

    def render(self, pieces: Iterable[Motion]) -> Generator[Frame, None, None]:
        """The frames of these pieces of motion, in order; each owns its memory."""
        width, height = self._mesh.box.size
        folds, scratch = np.empty((height, width), np.uint8), np.empty(scratch_floats(width), np.float32)
        shown = (scale_mouth(motion, 0) for motion in pieces) if self._mouth_still else pieces
        moments = ((motion, i) for motion in shown for i in range(len(motion)))
        for index, (motion, i) in enumerate(moments):
            yield Frame(self._frame(motion, i, folds, scratch), index)

    def _frame(self, motion: Motion, i: int, folds: U8, scratch: F32) -> U8:
        import cv2

        lids = self._lids(motion.lids[i])
        pose = self._deform(motion.shape[i], float(motion.lip_gap[i]), lids)
        rigid = self._head.rigid(motion.pose_deg[i], motion.shift[i])
        points, vertices = self._place(pose, rigid, self._head.trunk_px(motion.pose_deg[i], motion.shift[i]), lids)
        out = self._rgb.copy()
        view = self._mesh.box.cut(out)
        warp(vertices, self._mesh.triangles, self._mesh.n_face, self._source, view, folds=folds, scratch=scratch)
        soften(view, folds)
        gaze = (self._fit.rotation[:2, :2] @ motion.gaze[i].astype(np.float64)) * self._fit.px_per_mm
        for eye, opening, narrowed in zip(self._eyes, lids.tolist(), pose.narrowed_mm, strict=True):
            eye.draw(out, points, rigid, opening, gaze, narrowed)
        self._mouth.draw(out, pose, points, rigid)
        if self._photo_share is not None:
            photo, share = self._mesh.box.cut(self._rgb), self._photo_share
            view[:] = cv2.blendLinear(np.ascontiguousarray(photo), np.ascontiguousarray(view), share, 1 - share)
        return out

    def _lids(self, lids: F32) -> F32:
        """(2,) how far these eyes open when asked for this."""
        widest = np.float32(1.0) if self._glasses else np.inf
        return np.asarray(np.where(lids < 1, 1 - (1 - lids) * self._closes, np.minimum(lids, widest)), np.float32)

    def _place(self, pose: Pose, rigid: Rigid, trunk_px: F64, lids: F32) -> tuple[F64, F32]:
        """((468, 3) face points in crop px, (N, 5) vertices of the whole mesh in px of the box)."""
        face = self._points[:N_SURFACE]
        source = np.vstack([face[:, :2], self._mesh.around_px[:, :2]])
        moved = self._fit.px_per_mm * (pose.points_mm - self._neutral.source_mm) @ self._fit.rotation.T
        points = rigid(self._head.flatten(face + moved))
        around = self._around.copy()
        around[:, :2] += self._mesh.outline @ moved[list(OVAL), :2]
        around += self._mesh.head[:, None] * (rigid(around) - around)
        around[:, :2] += self._mesh.trunk * trunk_px
        rim = list(self._mesh.rim)
        skin = points
        if self._glasses:
            # lids close behind the lenses, nothing of the photo moves with them
            skin, lids = points.copy(), np.ones(2, np.float32)
            skin[_UPPER_LIDS] = rigid(self._head.flatten(face[_UPPER_LIDS]))
        now = np.vstack([skin, around, points[rim]])
        texture = np.vstack([self._texture(source, lids), self._rim])
        vertices = np.empty((len(now), 5), np.float32)
        vertices[:, :2] = now[:, :2] - [self._mesh.box.left, self._mesh.box.top]
        vertices[:, 2] = now[:, 2]
        vertices[:, 3:] = texture - now[:, :2]
        return points, vertices

    def _texture(self, source: F64, lids: F32) -> F64:
        """Where each vertex takes its colour: at the lid edges from the skin beside, so that lids show no eyeball."""
        at = source.copy()
        for path, opening in zip(self._paths, lids.tolist(), strict=True):
            eye = path.eye
            if path.opened:
                # what a shut lid's lashes lie on stays under the lower lid
                lower = list(eye.lower)
                at[lower] += 0.35 * min(opening, 1.0) * (source[list(eye.lower2)] - source[lower])
                continue
            shut = float(np.clip(1 - opening, 0, 1))
            first, second = eye.corners
            outwards = (source[first] - source[second]) * shut
            at[first] += 0.04 * outwards
            at[second] -= 0.08 * outwards
            upper, lower = list(eye.upper), list(eye.lower)
            at[upper] += 0.38 * shut * (source[list(eye.upper2)] - source[upper])
            at[lower] += 0.22 * shut * (source[list(eye.lower2)] - source[lower])
        return at


def _photo_share(others: Others, box: Box, px_per_mm: float) -> F32 | None:
    """(h, w) of the box: 1 where the photo must show as it is, falling to 0 within _EDGE_MM; None if nowhere."""
    import cv2

    still = others.still[box.top : box.bottom, box.left : box.right]
    if not still.any():
        return None
    away_mm = cv2.distanceTransform(1 - still.astype(np.uint8), cv2.DIST_L2, 5) / px_per_mm
    return smoothstep(_EDGE_MM, 0, away_mm).astype(np.float32)
