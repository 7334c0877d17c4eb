"""The shape of the head: a height above the picture plane for every pixel, in mm."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from recipes.portrait.canvas import F32, Canvas, curve, smoothstep
from recipes.portrait.shape import face_points

from sonic.faces import topology

F64 = NDArray[np.float64]
NOSE_WING = 358
"""The point on the outside of the right wing of the nose."""


@dataclass(frozen=True)
class Skin:
    """The bare head, neck and ears."""

    height: F32
    """(h, w) mm towards the viewer; far below where there is no skin."""
    face: F32
    neck: F32
    """(h, w) masks."""
    points: F64
    """(468, 3) x, y, h of the FaceMesh points."""


def model_skin(canvas: Canvas) -> Skin:
    points = face_points()
    face = canvas.fill(outline(points))
    head = _calm_flanks(canvas, _calm_dense(canvas, _surface(canvas, points), points), face)
    head = head + _details(canvas, points)
    neck_height, neck = _neck(canvas)
    inside = face > 0.5
    height = np.where(inside, head, np.where(neck > 0.5, neck_height, -90)).astype(np.float32)
    return Skin(height=height, face=face, neck=neck, points=points)


def outline(points: F64) -> F64:
    """The silhouette: the oval of the face, carried on over the skull where hair will be."""
    oval = points[list(topology.OVAL), :2] * [1.015, 1.0] + [0, 0.6]
    top = oval[:, 1] < -8
    oval[top] = oval[top] * [1.0, 1.0] + (oval[top] - [0, 10]) * [0.05, 0.55]
    line = curve(oval, 400, closed=True)
    around = np.vstack([line[-30:], line, line[:30]])
    return np.asarray(cv2.GaussianBlur(around, (1, 61), 0, sigmaY=7.0)[30:-30])


def _surface(canvas: Canvas, points: F64) -> F32:
    """Thin-plate spline through the points (Bookstein 1989), solved once, taken on a 1 mm grid and enlarged."""
    control = np.vstack([_without_twins(points), _rim(points), _skull()])
    weights = _solve_spline(control)
    xs, ys = np.arange(-95, 96, 1.0), np.arange(-110, 150, 1.0)
    grid = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)
    values = _kernel(grid, control[:, :2]) @ weights[:-3] + weights[-3] + grid @ weights[-2:]
    coarse = values.reshape(len(ys), len(xs)).astype(np.float32)
    coarse = cv2.GaussianBlur(coarse, (0, 0), 1.0)
    at_x, at_y = canvas.x - np.float32(xs[0]), canvas.y - np.float32(ys[0])
    return np.asarray(cv2.remap(coarse, at_x, at_y, cv2.INTER_CUBIC), np.float32)


def _calm_flanks(canvas: Canvas, height: F32, face: F32) -> F32:
    """Where the cheek turns away, 468 points leave ripples: smooth them along the edge."""
    flank = (
        smoothstep(0.995, 0.80, canvas.blur(face, 13))
        * smoothstep(26, 46, np.abs(canvas.x))
        * smoothstep(112, 96, canvas.y)
    )
    return np.asarray(height + (canvas.blur(height, 8.0) - height) * flank, np.float32)


def _calm_dense(canvas: Canvas, height: F32, p: F64) -> F32:
    """Where points crowd, the surface creases: smooth it at the tip of the nose and beside the mouth."""
    near = canvas.spot((0, p[1][1] - 2.5), (15, 13))
    for corner in p[[topology.MOUTH_LEFT, topology.MOUTH_RIGHT]]:
        near = np.maximum(near, canvas.spot((1.15 * corner[0], corner[1]), (9, 10)))
    return np.asarray(height + (canvas.blur(height, 3.4) - height) * near, np.float32)


def _without_twins(points: F64) -> F64:
    """The touching inner lips count once."""
    keep = np.ones(len(points), bool)
    keep[list(topology.LOWER_INNER[1:-1])] = False
    return np.asarray(points[keep])


def _rim(points: F64) -> F64:
    """Where the surface turns away behind the silhouette."""
    oval = points[list(topology.OVAL)]
    out = oval.copy()
    out[:, :2] = oval[:, :2] + (oval[:, :2] - [0, 30]) * 0.05
    out[:, 2] -= 16
    return out[oval[:, 1] > -8]


def _skull() -> F64:
    half = [(0, -58, 9), (30, -55, 2), (56, -42, -20), (0, -75, -6), (30, -72, -14), (60, -60, -40), (0, -95, -40)]
    return np.array([*half, *[(-x, y, h) for x, y, h in half if x]], np.float64)


def _kernel(a: F64, b: F64) -> F64:
    square = ((a[:, None] - b[None]) ** 2).sum(-1)
    return np.asarray(square * np.log(square + 1e-9))


def _solve_spline(control: F64, stiffness: float = 20.0) -> F64:
    n = len(control)
    side = np.hstack([np.ones((n, 1)), control[:, :2]])
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = _kernel(control[:, :2], control[:, :2]) + stiffness * np.eye(n)
    system[:n, n:], system[n:, :n] = side, side.T
    return np.linalg.solve(system, np.concatenate([control[:, 2], np.zeros(3)]))


def _details(canvas: Canvas, p: F64) -> F32:
    """What 468 points are too coarse for: nose wings and nostrils, philtrum, lids, the corner of the mouth."""
    out = np.zeros(canvas.shape, np.float32)
    tip, base, wide = p[1], p[2], p[NOSE_WING][0]
    for side in (-1, 1):
        wing = (side * (wide - 4.2), tip[1] - 0.5)
        out += 1.8 * canvas.spot(wing, (5.0, 5.5))
        rim = [(wide - 4.4, -9), (wide + 0.2, -4), (wide + 0.1, 3), (wide - 4.2, 6)]
        crease = curve([(side * x, tip[1] + y) for x, y in rim])
        out -= 1.2 * canvas.stroke(crease, np.interp(np.linspace(0, 1, 64), [0, 0.5, 1], [0.6, 1.8, 0.8]), 0.9)
        out += 0.35 * canvas.spot((side * 3.6, (base[1] + p[0][1]) / 2), (1.9, 6))  # ridges of the philtrum
        corner = p[61] if side < 0 else p[291]
        out -= 0.7 * canvas.spot((corner[0] + side * 0.6, corner[1]), (3.4, 2.8))
        fold = curve([(side * 22, tip[1] + 3), (side * 28, tip[1] + 15), (side * 33, tip[1] + 29)])
        out -= 0.5 * canvas.stroke(fold, np.interp(np.linspace(0, 1, 64), [0, 0.4, 1], [1, 3, 0.5]), 2.4)
    out -= 0.5 * canvas.spot((0, (base[1] + p[0][1]) / 2 + 0.5), (2.2, 6))
    out += 2.0 * canvas.spot((0, tip[1] - 1.5), (7.5, 6.5))
    out -= 1.2 * canvas.spot((0, (p[17][1] + p[200][1]) / 2 - 1.5), (14, 3.2))  # fold under the lower lip
    return out + _lids(canvas, p)


def _lids(canvas: Canvas, p: F64) -> F32:
    """The ball of the eye under the lids, the crease above and the soft fold below."""
    out = np.zeros(canvas.shape, np.float32)
    for eye in topology.EYES:
        lid = p[list(eye.upper)].mean(0)
        low = p[list(eye.lower)].mean(0)
        x, y = lid[0], (lid[1] + low[1]) / 2
        out += 2.0 * canvas.spot((x, y), (13, 9.5))
        crease = crease_of(p, eye)
        out -= 1.0 * canvas.stroke(crease, np.interp(np.linspace(0, 1, len(crease)), [0, 0.5, 1], [0.8, 1.6, 0.6]), 0.8)
        out -= 0.5 * canvas.spot((x, low[1] + 6.0), (11, 2.0))
    return out


def crease_of(p: F64, eye: topology.Eye) -> F64:
    """(64, 2) the fold of the upper lid, from corner to corner."""
    lid, above = p[list(eye.upper), :2], p[list(eye.upper2), :2]
    first, last = p[eye.corners[0], :2], p[eye.corners[1], :2]
    outward = np.sign(first[0] - last[0])
    line = lid + (above - lid) * np.array([0.80, 0.87, 0.89, 0.89, 0.86, 0.78, 0.60])[:, None]
    ends = np.array([[outward * 2.0, -2.2], [outward * 1.0, -2.0]])
    return curve(np.vstack([first + ends[0], line, last + ends[1]]))


def _neck(canvas: Canvas) -> tuple[F32, F32]:
    y = canvas.y
    half = 41 + 3 * smoothstep(120, 95, y) + 5 * smoothstep(120, 165, y)
    half = half + 10 * smoothstep(140, 185, y) ** 2 + 60 * smoothstep(160, 215, y) ** 1.5
    mask = smoothstep(0.25, -0.25, np.abs(canvas.x) - half) * (y > 40)
    u = np.clip(np.abs(canvas.x) / half, 0, 1)
    height = -62 + 46 * np.sqrt(1 - 0.96 * u * u) + 9 * smoothstep(110, 190, y)
    for side in (-1, 1):  # the muscle from behind the ear to the pit of the throat
        cord = curve([(side * 44, 100), (side * 33, 140), (side * 15, 178), (side * 9, 195)])
        height = height + 3.0 * canvas.stroke(cord, np.linspace(9, 6, 64), 4.0)
    height = height - 3.0 * canvas.spot((0, 196), (8, 9)) + 1.5 * canvas.spot((0, 150), (9, 12))
    return height.astype(np.float32), mask.astype(np.float32)
