"""A knitted sweater with a ribbed collar."""

import numpy as np
from numpy.typing import NDArray
from recipes.portrait import light
from recipes.portrait.canvas import F32, Canvas, curve, linear, smoothstep

WOOL = linear(38, 92, 98)

FOLDS = (
    (-128, 236, 0.62, 7.0),
    (-108, 252, 0.80, -5.0),
    (-88, 262, 0.95, 4.0),
    (126, 234, -0.62, 7.0),
    (106, 250, -0.80, -5.0),
    (86, 262, -0.95, 4.0),
    (-34, 252, 0.45, 2.5),
    (38, 248, -0.50, 2.5),
    (0, 226, 0.05, 1.5),
)
"""x, y, turn (radians), height (mm) of the cloth's soft folds."""


def collar_lines() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(96, 2) inner and outer edge of the collar, left to right."""
    inner = [(47, 150), (46, 156), (37, 173), (18, 184), (0, 187)]
    outer = [(47, 150), (52, 149), (57, 155), (56, 168), (43, 187), (22, 199), (0, 202.5)]
    inner, outer = ([*[(-x, y) for x, y in half], *half[-2::-1]] for half in (inner, outer))
    return curve(inner, 96), curve(outer, 96)


def masks(canvas: Canvas) -> tuple[F32, F32]:
    """(h, w) body and collar."""
    inner, outer = collar_lines()
    shoulder = [(56, 156), (70, 161), (94, 170), (132, 183), (172, 203), (210, 240), (228, 330)]
    side = curve(shoulder, 64)
    body = np.vstack([outer, side, [(230, 360), (-230, 360)], (side * [-1, 1])[::-1]])
    return canvas.fill(body), canvas.fill(np.vstack([inner, outer[::-1]]))


def paint(canvas: Canvas, image: F32, hair_shadow: F32, rng: np.random.Generator) -> F32:
    body, collar = masks(canvas)
    for mask, height, texture in (
        (body, _body_height(canvas), _knit(canvas, rng)),
        (collar, _collar_height(canvas), _ribs(canvas)),
    ):
        n = light.normals(canvas, height + texture)
        lit = _lit(canvas, n, height) * (hair_shadow * light.occlusion(canvas, height) ** 0.7)[..., None]
        turned = 1 - 0.40 * smoothstep(36, 60, np.abs(canvas.x)) * (mask is collar)
        depth = 0.62 + 0.38 * smoothstep(-0.6, 0.5, texture)
        fuzz = 1 + 0.05 * canvas.noise(rng, 0.8, 2) + 0.04 * canvas.noise(rng, 14, 2)
        colour = WOOL * (depth * fuzz * turned)[..., None] * lit
        image = image + (colour - image) * mask[..., None]
        if mask is body:
            image = image * (1 - 0.45 * canvas.blur(collar, 2.2) * (1 - collar))[..., None]
    return np.asarray(image, np.float32)


def _lit(canvas: Canvas, n: F32, height: F32) -> F32:
    total = np.zeros_like(n)
    for lamp in light.LAMPS:
        total += (
            (np.clip((n @ light.unit(lamp.towards) + lamp.wrap) / (1 + lamp.wrap), 0, None))[..., None]
            * lamp.colour
            * 1.15
        )
    up = 0.5 - 0.5 * n[..., 1:2]
    fuzz = 0.20 * (1 - n[..., 2:3]) ** 2
    return np.asarray(total + light.GROUND + (light.SKY - light.GROUND) * up + fuzz, np.float32)


def _body_height(canvas: Canvas) -> F32:
    x, y = canvas.x, canvas.y
    chest = 60 * np.sqrt(np.clip(1 - (x / 235) ** 2, 0.01, 1)) - 75 * np.exp(-(y - 150 - 0.25 * np.abs(x)) / 38)
    folds = np.zeros_like(x)
    for x0, y0, turn, depth in FOLDS:
        c, s = np.cos(turn), np.sin(turn)
        across, along = (x - x0) * c + (y - y0) * s, (y - y0) * c - (x - x0) * s
        folds += depth * np.exp(-((across / 8) ** 2) - (along / 42) ** 2)
    return np.asarray(chest + folds, np.float32)


def _collar_height(canvas: Canvas) -> F32:
    inner, outer = collar_lines()
    d = canvas.blur(canvas.fill(np.vstack([inner, outer[::-1]])), 3.2)
    return np.asarray(
        9 * d + 30 * np.sqrt(np.clip(1 - (canvas.x / 110) ** 2, 0.01, 1)) + 0.35 * (canvas.y - 190), np.float32
    )


def _knit(canvas: Canvas, rng: np.random.Generator) -> F32:
    """Stocking stitch: columns of small Vs that follow the slope of the shoulders."""
    x = canvas.x + 0.5 * canvas.noise(rng, 20)
    y = canvas.y + 0.0006 * canvas.x**2 + 0.5 * canvas.noise(rng, 24)
    column = x / 4.4
    across = np.abs((column % 1) - 0.5) * 2
    row = (y / 3.4 - across * 0.75) % 1
    leg = np.sin(np.pi * row) * np.clip(np.sin(np.pi * across), 0, 1) ** 0.6
    return np.asarray(0.85 * leg - 0.35, np.float32)


def _ribs(canvas: Canvas) -> F32:
    angle = np.arctan2(canvas.x, 250 - canvas.y) * 150
    radius = np.hypot(canvas.x, (canvas.y - 130) * 1.0)
    return np.asarray(0.75 * np.sin(angle * 2 * np.pi / 6.0) + 0.12 * np.sin(radius * 2.4), np.float32)
