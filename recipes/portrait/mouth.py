"""Closed lips: colour, fine wrinkles, moisture and a clear seam."""

import numpy as np
from numpy.typing import NDArray
from recipes.portrait import light
from recipes.portrait.canvas import F32, Canvas, curve, linear, mix
from recipes.portrait.head import Skin

from sonic.faces import topology

F64 = NDArray[np.float64]
UPPER, LOWER, SEAM = linear(178, 82, 80), linear(201, 102, 98), linear(70, 20, 24)


def seam(p: F64, n: int = 96) -> F64:
    """(n, 2) where the lips meet, from corner to corner."""
    inner = 0.5 * (p[list(topology.UPPER_INNER), :2] + p[list(topology.LOWER_INNER), :2])
    corners = p[[topology.MOUTH_LEFT, topology.MOUTH_RIGHT], :2]
    line = np.vstack([corners[:1], inner, corners[1:]])
    line[1:-1, 1] += 0.25 * np.exp(-((line[1:-1, 0] / 3.6) ** 2)) - 0.30 * np.exp(
        -(((np.abs(line[1:-1, 0]) - 8) / 4.5) ** 2)
    )
    return curve(line, n)


def paint(canvas: Canvas, skin: Skin, image: F32) -> F32:
    p = skin.points
    line = seam(p)
    upper = canvas.fill(np.vstack([curve(p[list(topology.UPPER_OUTER), :2], 96), line[::-1]]), 0.75)
    lower = canvas.fill(np.vstack([curve(p[list(topology.LOWER_OUTER), :2], 96), line[::-1]]), 0.85)
    level = image.mean(axis=2, keepdims=True) / 0.42
    wrinkles = _wrinkles(canvas)
    for mask, colour, strength in ((upper, UPPER, 0.80), (lower, LOWER, 0.72)):
        toned = colour * np.clip(level, 0.15, 1.6) * (1 - 0.03 * wrinkles)[..., None]
        image = mix(image, toned, strength * mask)
    image = _shine(canvas, skin, image, np.clip(upper + lower, 0, 1), wrinkles)
    ends = np.interp(np.linspace(0, 1, len(line)), [0, 0.06, 0.5, 0.94, 1], [0.3, 0.9, 1.0, 0.9, 0.3])
    image = mix(image, SEAM * 2.0, 0.42 * canvas.stroke(line, 2.2 * ends, 0.8))
    image = mix(image, SEAM, 0.92 * canvas.stroke(line, 0.70 * ends, 0.2))
    for side in (0, -1):
        x, y = line[side]
        image = mix(image, linear(168, 96, 78), 0.14 * canvas.spot((x + np.sign(x) * 2.0, y), (4.2, 3.8)))
        image = mix(image, SEAM * 2.2, 0.35 * canvas.spot((x, y), (1.3, 1.0)))
    return image


def _wrinkles(canvas: Canvas) -> F32:
    """Fine folds that fan out from the middle of the mouth."""
    rng = np.random.default_rng(5)
    phase = rng.uniform(0, 6.28, 6)
    fan = canvas.x * (1 - 0.004 * (canvas.y - 79.5) * np.sign(canvas.y - 79.5))
    total = sum(
        np.sin(fan * f + a + 0.5 * np.sin(canvas.y * 0.6 + a))
        for f, a in zip((2.1, 2.9, 3.7, 4.3, 5.3, 6.1), phase, strict=True)
    )
    return np.asarray(total / 2.4, np.float32)


def _shine(canvas: Canvas, skin: Skin, image: F32, mask: F32, wrinkles: F32) -> F32:
    n = light.normals(canvas, canvas.blur(skin.height, 0.7) + 0.009 * wrinkles)
    gleam = 0.11 * light.gloss(n, light.LAMPS[0], 22) + 0.12 * light.gloss(n, light.LAMPS[0], 80)
    soft = canvas.spot((-3.5, skin.points[17][1] - 6.0), (9, 1.8)) * (1 - 0.2 * np.clip(wrinkles, -1, 1))
    gleam = gleam + 0.07 * np.clip(soft, 0, None)
    return np.asarray(image + (gleam * mask)[..., None] * linear(255, 232, 226), np.float32)
