"""The mesh over face and surroundings: which points move with the head, and how much."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sonic.engines.light.renderers.warp.native import I32
from sonic.faces import topology
from sonic.faces.geometry import own_person, smoothstep
from sonic.faces.topology import EYES, N_SURFACE
from sonic.types import F32, F64, U8

_RINGS = ((1.06, 1), (1.14, 1), (1.26, 1), (1.42, 2))
"""(size relative to the face's outline, every n-th of its points): where the mesh is fine enough to follow the jaw."""
_GRID_STARTS = 1.55
_CELLS_PER_FACE = 12
_NECK_STARTS, _NECK_ENDS = 0.42, 1.05
"""In face heights below the face's centre: the head's motion fades out over the neck."""
_BACKGROUND_FH = 0.30
"""In face heights: beside the head, motion fades out over this distance, so that the background bends, not tears."""
_BORDER_FH = 0.22
_TRUNK_STARTS, _TRUNK_ENDS = 1.5, 2.3
"""In face heights below the face's centre: what the shoulders do fades out over the chest, which keeps the part of the
picture small that must be drawn."""
_SHOULDERS_FH = 0.15
"""In face heights: beside the trunk its motion, which is small, fades out over this distance."""
_OTHERS_FH = 0.30
"""In face heights: towards other people, motion fades out over this distance, or over what there is of it."""
_FARTHEST_FH = 2.6
"""In face heights from the face's centre, along either axis: nothing beyond moves, whoever it belongs to."""


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the picture, in px; right and bottom lie outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)"""
        return self.right - self.left, self.bottom - self.top

    def cut(self, picture: U8) -> U8:
        """View of this part of a picture (h, w, 3)."""
        return picture[self.top : self.bottom, self.left : self.right]


@dataclass(frozen=True, slots=True)
class Mesh:
    """Face points 0..467 first, then the points around the face."""

    box: Box
    """All that can move; nothing outside does."""
    around_px: F64
    """(K, 3) points around the face."""
    head: F64
    """(K,) 1 moves with the head, 0 stays."""
    trunk: F64
    """(K, 2) the same, right and down, for the trunk, which neck and shoulders follow where they do not the head."""
    outline: F64
    """(K, 36) how much each follows the face's outline when the face deforms."""
    triangles: I32
    """(M, 3); face, then holes, then surroundings."""
    n_face: int
    """Triangles of face and holes."""
    rim: tuple[int, ...]
    """Face points that stand once more after the points around the face: the lips' inner edges, for a strip between
    them that takes its colour from the lips where the photo shows an open mouth. Empty where it shows a closed one."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """Axes of the face in the picture."""

    centre: F64
    down: F64
    height: float

    @classmethod
    def of(cls, points_px: F64) -> "_Frame":
        top, chin = points_px[topology.FOREHEAD, :2], points_px[topology.CHIN_TIP, :2]
        height = float(np.linalg.norm(chin - top))
        return cls((top + chin) / 2, (chin - top) / height, height)


def build_mesh(
    points_px: F64, matte: F32, face_triangles: I32, *, mouth_open: bool, still: NDArray[np.bool_] | None = None
) -> Mesh:
    """Mesh of a portrait from its (468, 3) landmarks, its matte (h, w) and the triangles of the face.

    ``still`` (h, w): pixels towards which all motion fades out, because they belong to others.
    """
    frame = _Frame.of(points_px)
    weights = _HeadWeight(points_px, matte, frame)
    box = weights.moving_box()
    outline = points_px[list(topology.OVAL)]
    flat = _points_around(outline[:, :2], frame, box)
    still_there = _outside(flat, box, matte.shape)
    head, trunk = weights(flat), weights.trunk(flat)
    head[still_there], trunk[still_there] = 0, 0
    distance = np.linalg.norm(flat[:, None] - outline[None, :, :2], axis=2)
    follow = _follow_outline(distance, frame.height)
    if still is not None:
        free = _freedom(flat, still, distance.min(1), frame.height)
        head, trunk, follow = head * free, trunk * free[:, None], follow * free[:, None]
    depth = _depth_around(distance, outline[:, 2], frame.height)
    rim = (*topology.UPPER_INNER, *topology.LOWER_INNER) if mouth_open else ()
    inner = np.vstack([face_triangles, _hole_triangles(N_SURFACE + len(flat) if mouth_open else None)])
    triangles = np.vstack([inner, _triangles_around(outline[:, :2], flat)])
    return Mesh(
        box, np.column_stack([flat, depth]), head, trunk, follow,
        np.ascontiguousarray(triangles, np.int32), len(inner), rim,
    )  # fmt: skip


class _HeadWeight:
    """How much a place in the picture moves with the head; made on a small picture, since it is smooth."""

    def __init__(self, points_px: F64, matte: F32, frame: _Frame) -> None:
        import cv2

        self._frame, self._size = frame, (matte.shape[1], matte.shape[0])
        step = max(1.0, frame.height / 120)
        small = (max(8, round(self._size[0] / step)), max(8, round(self._size[1] / step)))
        self._scale = np.array(small) / self._size
        view = self._view(small)
        self._origin = np.array([view.left, view.top], np.float64)
        part = cv2.resize(matte, small, interpolation=cv2.INTER_AREA)[view.top : view.bottom, view.left : view.right]
        person = own_person(part, points_px[list(topology.OVAL), :2] * self._scale - self._origin)
        height = frame.height * self._scale[0]
        away = cv2.distanceTransform(1 - person.astype(np.uint8), cv2.DIST_L2, 5) / height
        away = cv2.GaussianBlur(away, (0, 0), 0.03 * height)
        self._background = smoothstep(_BACKGROUND_FH, 0.02, away).astype(np.float32)
        self._beside_trunk = smoothstep(_SHOULDERS_FH, 0.02, away).astype(np.float32)

    def _view(self, small: tuple[int, int]) -> Box:
        """The part of the small picture that anything that moves depends on."""
        centre, reach = self._frame.centre * self._scale, (_FARTHEST_FH + 0.6) * self._frame.height * self._scale
        left, top = np.clip(centre - reach, 0, np.array(small) - 8).astype(int).tolist()
        right, bottom = np.clip(np.ceil(centre + reach), 8, small).astype(int).tolist()
        return Box(left, top, right, bottom)

    def __call__(self, places: F64) -> F64:
        """(K,) weights at (K, 2) px; a place outside the picture counts as its nearest border."""
        near_border = smoothstep(0.0, _BORDER_FH, self._from_border(places).min(1))
        return np.asarray(self._neck(places) * self._seen(self._background, places) * near_border)

    def trunk(self, places: F64) -> F64:
        """(K, 2) how much a place follows the trunk, right and down.

        A border that the body leaves the picture through stops what moves across it, not what moves along it.
        """
        below = self._below(places)[0]
        share = (1 - self._neck(places)) * smoothstep(_TRUNK_ENDS, _TRUNK_STARTS, below) * (below > 0)
        free = smoothstep(0.0, _BORDER_FH, self._from_border(places))
        return np.asarray((share * self._seen(self._beside_trunk, places))[:, None] * free)

    def _seen(self, weight: F32, places: F64) -> F64:
        """(K,) of a weight of the small picture."""
        import cv2

        inside = np.clip(places, 0, np.array(self._size) - 1.0)
        small = ((inside + 0.5) * self._scale - 0.5 - self._origin).astype(np.float32)
        seen = cv2.remap(weight, small[:, 0], small[:, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(seen, np.float64).ravel()

    def _from_border(self, places: F64) -> F64:
        """(K, 2) distance to the nearest border of the picture, across and along, in face heights."""
        last = np.array(self._size) - 1.0
        inside = np.clip(places, 0, last)
        return np.asarray(np.minimum(inside, last - inside) / self._frame.height)

    def _below(self, places: F64) -> tuple[F64, F64]:
        """((K,) below the face's centre, (K,) to either side of it), in face heights along the face's axes."""
        frame = self._frame
        q = (places - frame.centre) / frame.height
        return q @ frame.down, np.abs(q @ np.array([-frame.down[1], frame.down[0]]))

    def _neck(self, places: F64) -> F64:
        below, beside = self._below(places)
        return 1.0 - smoothstep(_NECK_STARTS, _NECK_ENDS, below + 0.36 * np.clip(beside - 0.35, 0, 1))

    def moving_box(self) -> Box:
        """The smallest box that holds all places with a weight, and a cell more."""
        cell = self._frame.height / _CELLS_PER_FACE
        # the picture may be as large as it likes, the grid has some 125 steps a side
        x, y = (self._steps_near(k, cell / 2) for k in (0, 1))
        grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
        moving = grid[np.maximum(self(grid), self.trunk(grid).max(1)) > 0.004]
        # the face itself moves, and carries its surroundings along
        reach = 0.75 * self._frame.height
        low = np.minimum(moving.min(0, initial=np.inf), self._frame.centre - reach) - cell
        high = np.maximum(moving.max(0, initial=-np.inf), self._frame.centre + reach) + cell
        left, top = (int(v) for v in np.clip(np.floor(low), 0, np.array(self._size) - 1))
        right, bottom = (int(v) for v in np.clip(np.ceil(high) + 1, 1, self._size))
        return Box(left, top, right, bottom)

    def _steps_near(self, axis: int, step: float) -> F64:
        """(K,) places along an axis of the picture, a step apart, no further from the face than anything moves."""
        steps = np.minimum(np.arange(0, self._size[axis] + 2 * step, step), self._size[axis] - 1)
        return np.asarray(steps[np.abs(steps - self._frame.centre[axis]) <= _FARTHEST_FH * self._frame.height])


def _freedom(places: F64, still: NDArray[np.bool_], from_face: F64, face_height: float) -> F64:
    """(K,) how freely each of (K, 2) places moves: 0 in what is still, 1 at a distance from it or right at the face."""
    import cv2

    away = cv2.distanceTransform(1 - still.astype(np.uint8), cv2.DIST_L2, 5) / face_height
    x, y = np.clip(np.round(places), 0, np.array(still.shape[::-1]) - 1).astype(int).T
    room, near = away[y, x].astype(np.float64), from_face / face_height
    return np.maximum(smoothstep(0, _OTHERS_FH, room), smoothstep(0, 1, room / np.maximum(room + near, 1e-9)))


def _outside(places: F64, box: Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Places on or beyond an edge of the box that lies within the picture: they must not move."""
    height, width = shape
    x, y = places[:, 0], places[:, 1]
    return (
        ((x <= box.left) & (box.left > 0)) | ((y <= box.top) & (box.top > 0))
        | ((x >= box.right - 1) & (box.right < width)) | ((y >= box.bottom - 1) & (box.bottom < height))
    )  # fmt: skip


def _points_around(outline: F64, frame: _Frame, box: Box) -> F64:
    """Rings around the face, then a grid that ends on the box's edge, or a cell beyond the picture's."""
    rings = [frame.centre + (outline[::every] - frame.centre) * size for size, every in _RINGS]
    width, height = box.size
    cell = frame.height / _CELLS_PER_FACE
    x = np.linspace(box.left - 1, box.right, max(2, round(width / cell) + 1))
    y = np.linspace(box.top - 1, box.bottom, max(2, round(height / cell) + 1))
    margin = 2 * cell
    x, y = np.r_[x[0] - margin, x, x[-1] + margin], np.r_[y[0] - margin, y, y[-1] + margin]
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    hull = frame.centre + (outline - frame.centre) * _GRID_STARTS
    outer = np.vstack([*rings, grid[~_in_polygon(hull, grid)]])
    return outer.astype(np.float32).astype(np.float64)


def _in_polygon(polygon: F64, places: F64) -> NDArray[np.bool_]:
    """(K,) whether each place lies inside a closed polygon: an odd number of its edges pass to the right."""
    a, b = polygon, np.roll(polygon, -1, 0)
    x, y = places[:, :1], places[:, 1:]
    spans = (a[:, 1] > y) != (b[:, 1] > y)
    rise = np.where(a[:, 1] == b[:, 1], 1.0, b[:, 1] - a[:, 1])
    crossing = a[:, 0] + (y - a[:, 1]) * (b[:, 0] - a[:, 0]) / rise
    return np.asarray((spans & (x < crossing)).sum(1) % 2 == 1)


def _depth_around(distance: F64, outline_z: F64, face_height: float) -> F64:
    """(K,) depth: the outline's nearby, settling behind the ears further out."""
    near = 1 / (distance + 0.02 * face_height) ** 2
    z = (near @ outline_z) / near.sum(1)
    behind = np.percentile(outline_z, 90) + 0.05 * face_height
    return np.asarray(z + (behind - z) * (1 - np.exp(-distance.min(1) / (0.30 * face_height))))


def _follow_outline(distance: F64, face_height: float) -> F64:
    nearest = distance.min(1, keepdims=True)
    share = np.exp(-((distance / (0.10 * face_height + 0.6 * nearest)) ** 2))
    fading = np.exp(-((nearest / (0.22 * face_height)) ** 2))
    fading[nearest > 0.6 * face_height] = 0
    return np.asarray(share / (share.sum(1, keepdims=True) + 1e-9) * fading)


def _hole_triangles(first_rim: int | None) -> I32:
    """Strips over eyes and mouth: what is left between lids or lips that nothing else fills.

    The strip of the mouth uses the lips' own points, or those of Mesh.rim where these begin at ``first_rim``.
    """
    pairs = [([e.corners[0], *e.upper, e.corners[1]], [e.corners[0], *e.lower, e.corners[1]]) for e in EYES]
    n = len(topology.UPPER_INNER)
    upper_lip, lower_lip = list(topology.UPPER_INNER), list(topology.LOWER_INNER)
    if first_rim is not None:
        upper_lip, lower_lip = list(range(first_rim, first_rim + n)), list(range(first_rim + n, first_rim + 2 * n))
    pairs.append((upper_lip, lower_lip))
    strips = []
    for upper, lower in pairs:
        for i in range(len(upper) - 1):
            strips += [(upper[i], upper[i + 1], lower[i]), (upper[i + 1], lower[i + 1], lower[i])]
    return np.array([t for t in strips if len(set(t)) == 3], np.int32)


def _triangles_around(outline: F64, around: F64) -> I32:
    """Delaunay triangles of the outline and the points around it, without those inside the outline."""
    import cv2

    points = np.vstack([outline, around]).astype(np.float32)
    low, high = np.floor(points.min(0)) - 2, np.ceil(points.max(0)) + 2
    plan = cv2.Subdiv2D((int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])))
    plan.insert(points.tolist())
    index = {(float(x), float(y)): i for i, (x, y) in enumerate(points)}
    corners = np.asarray(plan.getTriangleList()).reshape(-1, 3, 2)
    named = [[index.get((float(x), float(y)), -1) for x, y in triangle] for triangle in corners]
    found = np.array([t for t in named if min(t) >= 0 and len(set(t)) == 3], np.int32).reshape(-1, 3)
    centres = points[found].astype(np.float64).mean(1)
    kept = found[~_in_polygon(outline, centres) | (found.min(1) >= len(outline))]
    names = np.r_[np.array(topology.OVAL), N_SURFACE + np.arange(len(around))]
    return np.asarray(names[kept], np.int32)
