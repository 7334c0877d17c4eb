"""Eyes and brows: everything drawn from the eyelid outwards."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from recipes.portrait.canvas import F32, Canvas, curve, linear, mix, smoothstep
from recipes.portrait.head import Skin, crease_of
from recipes.portrait.strands import Strands

from sonic.faces import topology

F64 = NDArray[np.float64]
IRIS_MM, PUPIL_MM = 6.35, 2.35
LASH = linear(34, 20, 16)


def paint(canvas: Canvas, skin: Skin, image: F32, rng: np.random.Generator) -> F32:
    for eye in topology.EYES:
        image = _brow_shade(canvas, skin.points, eye, image)
        image = _crease(canvas, skin.points, eye, image)
        image = _ball(canvas, skin.points, eye, image, rng)
        image = _lid_edges(canvas, skin.points, eye, image)
    return image


def _brow_shade(canvas: Canvas, p: F64, eye: topology.Eye, image: F32) -> F32:
    """What many fine hairs look like from afar."""
    ids = topology.LEFT_BROW if eye is topology.LEFT_EYE else topology.RIGHT_BROW
    middle = curve(p[list(ids[:5]), :2] * 0.48 + p[list(ids[5:]), :2] * 0.52)
    width = np.interp(np.linspace(0, 1, 64), [0, 0.15, 0.6, 1], [1.4, 3.0, 5.0, 4.6])
    return mix(image, linear(112, 66, 46), 0.62 * canvas.stroke(middle, width, 1.2))


def lid_lines(p: F64, eye: topology.Eye) -> tuple[F64, F64]:
    """(64, 2) upper and lower edge, both from the outer corner to the inner."""
    first, last = p[eye.corners[0], :2], p[eye.corners[1], :2]
    upper = curve(np.vstack([first, p[list(eye.upper), :2], last]))
    lower = curve(np.vstack([first, p[list(eye.lower), :2], last]))
    return upper, lower


def centre(p: F64, eye: topology.Eye) -> F64:
    """Of the pupil: a person who looks at the viewer."""
    upper, lower = lid_lines(p, eye)
    corners = 0.5 * (upper[0] + upper[-1])
    middle = 0.5 * (upper[30] + lower[30])
    inward = -np.sign(corners[0])
    return np.array([corners[0] + inward * 0.4, middle[1] - 0.55])


def _ball(canvas: Canvas, p: F64, eye: topology.Eye, image: F32, rng: np.random.Generator) -> F32:
    upper, lower = lid_lines(p, eye)
    inside = canvas.fill(np.vstack([upper, lower[::-1]]), 0.12)
    c = centre(p, eye)
    dx, dy = canvas.x - c[0], canvas.y - c[1]
    r = np.hypot(dx, dy)
    round_ = np.sqrt(np.clip(1 - (r / 16.0) ** 2, 0.05, 1))
    ball = linear(226, 217, 212) * (0.42 + 0.54 * round_**1.5)[..., None]
    outer, inner = upper[0], upper[-1]
    ball = mix(ball, linear(196, 140, 126), 0.85 * canvas.spot((outer[0], outer[1]), (4.6, 4)))
    ball = mix(ball, linear(206, 130, 122), 0.80 * canvas.spot((inner[0], inner[1]), (4.0, 3.2)))
    ball = _iris(canvas, ball, dx, dy, rng)
    lid_shadow = canvas.stroke(upper, np.interp(np.linspace(0, 1, 64), [0, 0.5, 1], [2.0, 5.0, 2.0]), 1.3)
    ball = ball * (1 - 0.72 * lid_shadow[..., None] * np.array([0.9, 1.0, 1.0], np.float32))
    ball = _catchlights(canvas, ball, c)
    return mix(image, ball, inside)


def _iris(canvas: Canvas, ball: F32, dx: F32, dy: F32, rng: np.random.Generator) -> F32:
    """Green-brown with a dark rim, radial fibres, and the light gathered opposite the window."""
    r, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    t = np.clip(r / IRIS_MM, 0, 1.2)
    fibre = _fibres(angle, t, rng)
    colour = linear(104, 112, 66) + (linear(150, 96, 44) - linear(104, 112, 66)) * smoothstep(0.75, 0.38, t)[..., None]
    colour = colour * (0.80 + 0.42 * fibre)[..., None]
    lit = 0.55 + 0.95 * np.clip((dx * 0.45 + dy * 0.75) / IRIS_MM + 0.35, 0, 1) * smoothstep(0.2, 0.6, t)
    colour = colour * lit[..., None]
    colour = mix(colour, linear(30, 28, 22), smoothstep(0.78, 1.0, t) * 0.88)
    colour = mix(colour, linear(10, 8, 8), smoothstep(PUPIL_MM + 0.35, PUPIL_MM - 0.25, r))
    return mix(ball, colour.astype(np.float32), smoothstep(IRIS_MM + 0.42, IRIS_MM - 0.42, r))


def _fibres(angle: F32, t: F32, rng: np.random.Generator) -> F32:
    """0..1, streaks that run from the pupil to the rim."""
    ring = np.zeros(512, np.float32)
    for frequency in (11, 19, 31, 47, 71):
        ring += np.cos(np.linspace(0, 2 * np.pi, 512) * frequency + rng.uniform(0, 6.28)).astype(
            np.float32
        ) * rng.uniform(0.6, 1.0)
    at = ((angle + np.pi) / (2 * np.pi) * 512 + 6 * np.sin(5 * t)).astype(np.float32) % 512
    streak = np.interp(at.ravel(), np.arange(513), np.append(ring, ring[0])).reshape(at.shape)
    return np.asarray(np.clip(0.5 + 0.22 * streak, 0, 1), np.float32)


def _catchlights(canvas: Canvas, ball: F32, c: F64) -> F32:
    x, y = c[0] - 2.1, c[1] - 2.3
    window = np.array([(-1.25, -1.1), (1.05, -1.35), (1.2, 1.0), (-1.05, 1.25)]) + np.array([x, y])
    ball = mix(ball, linear(255, 253, 250), 0.95 * canvas.fill(curve(window, 48, closed=True), 0.14))
    return mix(ball, linear(214, 232, 255), 0.40 * canvas.spot((c[0] + 2.4, c[1] + 2.6), (0.9, 0.7)))


def _crease(canvas: Canvas, p: F64, eye: topology.Eye, image: F32) -> F32:
    """The fold of the lid and the warm shade between it and the lashes."""
    fold = crease_of(p, eye)
    upper, lower = lid_lines(p, eye)
    t = np.linspace(0, 1, 64)
    image = mix(image, linear(176, 112, 92), 0.35 * canvas.fill(np.vstack([fold, upper[::-1]]), 1.2))
    image = mix(
        image,
        linear(112, 56, 42),
        0.62 * canvas.stroke(fold, np.interp(t, [0, 0.3, 0.75, 1], [0.2, 1.2, 0.7, 0.0]), 0.5),
    )
    under = lower + np.array([0, 1.0])
    return mix(
        image, linear(176, 108, 96), 0.42 * canvas.stroke(under, np.interp(t, [0, 0.4, 1], [0.8, 2.2, 0.8]), 0.9)
    )


def _lid_edges(canvas: Canvas, p: F64, eye: topology.Eye, image: F32) -> F32:
    """The moist edge of the lower lid and the dark line of the upper lashes."""
    upper, lower = lid_lines(p, eye)
    t = np.linspace(0, 1, 64)
    image = mix(
        image,
        linear(226, 160, 148),
        0.75 * canvas.stroke(lower + np.array([0, 0.25]), np.interp(t, [0, 0.5, 1], [0.4, 0.95, 0.8]), 0.25),
    )
    image = mix(
        image,
        linear(110, 62, 50),
        0.55 * canvas.stroke(lower + np.array([0, 0.85]), np.interp(t, [0, 0.3, 0.9, 1], [0.9, 0.6, 0.2, 0.0]), 0.3),
    )
    line = np.interp(t, [0, 0.15, 0.5, 0.85, 1], [1.5, 1.7, 1.25, 0.7, 0.4])
    image = mix(image, linear(66, 36, 28), 0.55 * canvas.stroke(upper - [0, 0.5], line * 1.7, 0.6))
    return mix(image, LASH, 0.95 * canvas.stroke(upper - [0, 0.15], line, 0.16))


def lashes(p: F64, rng: np.random.Generator) -> Iterator[tuple[F64, float]]:
    """(n, 2) lines and their widths in mm."""
    for eye in topology.EYES:
        upper, lower = lid_lines(p, eye)
        side = np.sign(upper[0][0])
        for t in np.sort(rng.uniform(0.02, 0.90, 62)):
            length = rng.uniform(2.2, 3.2) * float(np.interp(t, [0, 0.15, 0.6, 1], [0.95, 1.1, 0.85, 0.5]))
            yield _lash(upper, t, side, -1, length, rng), 0.26
        for t in np.sort(rng.uniform(0.03, 0.75, 24)):
            yield _lash(lower, t, side, 1, rng.uniform(1.0, 1.7), rng), 0.12


def _lash(edge: F64, t: float, side: float, up: int, length: float, rng: np.random.Generator) -> F64:
    root = edge[int(t * 63)] + [0, 0.2 * up]
    lean = side * np.interp(t, [0, 0.5, 1], [1.05, 0.25, -0.35]) + rng.normal(0, 0.10)
    s = np.linspace(0, 1, 8)[:, None]
    first = np.array([lean * 0.9, 0.35 * up]) / np.hypot(lean * 0.9, 0.6)
    second = np.array([lean * 0.35, 0.95 * up])
    return np.asarray(root + length * (first * s * 0.45 + second * s**2 * 0.65))


def brow_hairs(p: F64, rng: np.random.Generator, n: int = 420) -> Iterator[tuple[F64, float]]:
    for upper_ids, lower_ids in (
        (topology.LEFT_BROW[:5], topology.LEFT_BROW[5:]),
        (topology.RIGHT_BROW[:5], topology.RIGHT_BROW[5:]),
    ):
        top, bottom = curve(p[list(upper_ids), :2]), curve(p[list(lower_ids), :2])
        side = np.sign(top[0][0])
        for _ in range(n):
            yield _brow_hair(top, bottom, side, rng), 0.24


def _brow_hair(top: F64, bottom: F64, side: float, rng: np.random.Generator) -> F64:
    """One hair: upright at the nose, lying outwards in the arch, falling at the tail."""
    t = rng.beta(1.15, 1.0)
    k = 63 - int(t * 63)  # 0 at the nose
    band = np.interp(t, [0, 0.12, 0.55, 0.85, 1], [0.20, 0.40, 0.36, 0.20, 0.05])
    across = 0.56 + np.clip(rng.normal(0, 0.42), -1, 1) * band
    root = top[k] + (bottom[k] - top[k]) * across
    low = across > 0.56
    rise = np.interp(t, [0, 0.2, 0.6, 1.0], [1.25, 0.75, 0.45 if low else -0.05, -0.45]) + rng.normal(0, 0.12)
    direction = np.array([side * np.interp(t, [0, 0.15, 1], [0.25, 0.9, 1.0]), -rise])
    direction /= np.linalg.norm(direction)
    length = rng.uniform(4.0, 6.4) * np.interp(t, [0, 0.2, 0.8, 1], [0.75, 1.0, 0.9, 0.6])
    s = np.linspace(0, 1, 7)[:, None]
    bend = np.array([side * 0.5, 0.35])
    return np.asarray(root + length * (direction * s + 0.30 * bend * s**2) - length * 0.35 * direction)


def paint_hairs(canvas: Canvas, skin: Skin, srgb: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Brows and lashes, drawn in place on an sRGB picture."""
    brush = Strands(canvas, srgb)
    for line, width in brow_hairs(skin.points, rng):
        brush.hair(line, np.array([74, 44, 30]) * rng.uniform(0.7, 1.35), width, opacity=0.55)
    for line, width in lashes(skin.points, rng):
        brush.hair(line, np.array([28, 17, 14]), width, opacity=0.85 if width > 0.2 else 0.5)
