"""The ear that the hair leaves free, with a pearl."""

import numpy as np
from numpy.typing import NDArray
from recipes.portrait import light
from recipes.portrait.canvas import F32, Canvas, curve, linear, mix, smoothstep
from recipes.portrait.skin import BASE, BLUSH

F64 = NDArray[np.float64]
RIM = [
    (-57, -20),
    (-68, -14),
    (-75, -12.5),
    (-81.5, -7),
    (-84, 5),
    (-82.5, 18),
    (-79, 30),
    (-76, 40),
    (-73, 48),
    (-68, 51.5),
    (-63, 49),
    (-59, 40),
]
PEARL, PEARL_MM = (-69.8, 50.5), 2.7
HOLLOW_TINT = np.array([0.75, 1.15, 1.25], np.float32)
"""Shadows of the ear are red: light comes through."""


def paint(canvas: Canvas, image: F32, face: F32, shade: F32) -> F32:
    mask = canvas.fill(curve([*RIM, (-55, 20)], 200, closed=True))
    height = _height(canvas, mask)
    lit = light.irradiance(canvas, height, mask) * (0.35 + 0.65 * shade)[..., None]
    tone = mix(np.broadcast_to(BASE, (*canvas.shape, 3)), BLUSH, 0.42 * np.ones(canvas.shape, np.float32))
    n = light.normals(canvas, canvas.blur(height, 0.5))
    flesh = (
        tone * lit * _hollows(canvas)[..., None] ** HOLLOW_TINT + (0.10 * light.gloss(n, light.LAMPS[0], 24))[..., None]
    )
    return mix(image, flesh, mask * (1 - face))


def _height(canvas: Canvas, mask: F32) -> F32:
    helix = curve(
        [(-64, 14), (-65, -2), (-70, -8), (-76, -8.5), (-80.5, -3), (-81.5, 8), (-80, 20), (-76.5, 31), (-74, 39)]
    )
    inner = curve([(-73, -1), (-76, 6), (-76.5, 14), (-74.5, 24), (-70.5, 32), (-67, 34)])
    out = 4.4 * canvas.stroke(helix, np.linspace(4.2, 2.8, 64), 0.9) + 3.2 * canvas.stroke(
        inner, np.linspace(2.5, 4.0, 64), 1.1
    )
    out = (
        out
        - 3.0 * canvas.spot((-69.5, 20), (4.5, 9))
        + 2.2 * canvas.spot((-64, 21), (2.5, 4.0))
        + 2.0 * canvas.spot((-69, 45), (5, 6))
    )
    edge = canvas.blur(mask, 1.6)
    return np.asarray(out + 5 * smoothstep(0.3, 1.0, edge) - 40 - 0.12 * (canvas.x + 70), np.float32)


def _hollows(canvas: Canvas) -> F32:
    dark = (
        0.60 * canvas.spot((-69.5, 21), (3.4, 8.0))
        + 0.42 * canvas.spot((-78.3, 10), (1.3, 12), 8)
        + 0.45 * canvas.spot((-72, -4), (4.5, 2.2), -20)
    )
    return np.asarray(1 - np.clip(dark, 0, 0.8), np.float32)


def paint_pearl(canvas: Canvas, image: F32) -> F32:
    dx, dy = (canvas.x - PEARL[0]) / PEARL_MM, (canvas.y - PEARL[1]) / PEARL_MM
    r2 = dx * dx + dy * dy
    n = np.dstack([dx, dy, np.sqrt(np.clip(1 - r2, 0, 1))])
    key = np.clip(n @ light.unit(light.LAMPS[0].towards), 0, 1)
    body = linear(236, 226, 216) * (0.25 + 0.55 * key + 0.18 * np.clip(dx * 0.5 + dy * 0.6, 0, 1))[..., None]
    body = body + light.gloss(n.astype(np.float32), light.LAMPS[0], 60)[..., None] * 0.9
    image = mix(image, linear(70, 30, 20), 0.45 * canvas.spot((PEARL[0] + 0.9, PEARL[1] + 1.4), (PEARL_MM, PEARL_MM)))
    return mix(image, body, smoothstep(1.08, 0.92, np.sqrt(r2)))
