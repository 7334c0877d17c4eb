"""The skin's own colour and shine."""

import numpy as np
from recipes.portrait import light
from recipes.portrait.canvas import F32, Canvas, curve, linear, mix, smoothstep
from recipes.portrait.head import NOSE_WING, Skin

BASE = linear(221, 168, 148)
BLUSH = linear(212, 118, 100)


def albedo(canvas: Canvas, skin: Skin, rng: np.random.Generator) -> F32:
    """(h, w, 3): a base tone, warmer where blood is near, mottled and freckled."""
    p = skin.points
    out = np.broadcast_to(BASE, (*canvas.shape, 3)).astype(np.float32)
    out = mix(out, linear(226, 178, 157), 0.5 * canvas.spot((0, -32), (55, 26)))
    for side in (-1, 1):
        out = mix(out, BLUSH, 0.30 * canvas.spot((side * 37, 47), (22, 15), -side * 20))
        out = mix(out, linear(190, 140, 135), 0.28 * canvas.spot((side * 27, 25), (12, 4), side * 12))
        out = mix(out, linear(200, 130, 112), 0.16 * canvas.spot((side * 31, -1), (17, 5)))
        out = mix(out, BLUSH, 0.16 * canvas.spot((side * 15, p[1][1] + 3), (5, 6)))
    out = mix(out, BLUSH, 0.24 * canvas.spot((0, p[1][1]), (9, 8)))
    out = mix(out, BLUSH, 0.18 * canvas.spot((0, 110), (14, 9)))
    out = mix(out, BLUSH, 0.20 * canvas.spot((0, 80), (30, 14)))
    out *= (1 + 0.020 * canvas.noise(rng, 9, 3) + 0.012 * canvas.noise(rng, 1.2, 2))[..., None]
    return freckles(canvas, out, rng)


def freckles(canvas: Canvas, albedo: F32, rng: np.random.Generator, n: int = 260) -> F32:
    """Small warm dots over the nose and the upper cheeks."""
    dots = np.zeros(canvas.shape, np.float32)
    for _ in range(n):
        x, y = rng.normal(0, 27), rng.normal(41, 8)
        if abs(y - 17) < 9 and 14 < abs(x) < 46:
            continue
        radius, strength = rng.uniform(0.35, 0.75), rng.uniform(0.1, 0.42)
        column, row = np.round(canvas.px((x, y))).astype(int)
        reach = int(3 * radius * canvas.px_per_mm)
        window = np.s_[row - reach : row + reach, column - reach : column + reach]
        square = (canvas.x[window] - x) ** 2 + (canvas.y[window] - y) ** 2
        dots[window] = np.maximum(dots[window], strength * np.exp(-square / radius**2))
    return mix(albedo, linear(176, 112, 78), dots)


def paint(canvas: Canvas, skin: Skin, shade: F32, rng: np.random.Generator) -> F32:
    """(h, w, 3) lit skin; ``shade`` (h, w) darkens it, as hair does."""
    mask = np.maximum(skin.face, skin.neck)
    lit = light.irradiance(canvas, skin.height, mask) * shade[..., None]
    image = albedo(canvas, skin, rng) ** (1.22 - 0.22 * np.clip(lit.mean(axis=2, keepdims=True), 0, 1.2)) * lit
    pores = 0.05 * canvas.noise(rng, 0.9, 2) + 0.02 * canvas.noise(rng, 3.0)
    n = light.normals(canvas, canvas.blur(skin.height, 0.6) + 0.5 * pores)
    key = light.LAMPS[0]
    wet = 0.055 + 0.05 * canvas.spot((0, -20), (28, 24)) + 0.10 * canvas.spot((0, skin.points[1][1] - 3), (6, 8))
    shine = wet * light.gloss(n, key, 14) + 0.8 * wet * light.gloss(n, key, 46)
    fill = 0.03 * light.gloss(n, light.LAMPS[1], 18)
    covered = light.shadow(canvas, skin.height, key) * shade
    image += (shine * covered)[..., None] * linear(255, 246, 236) + fill[..., None] * linear(214, 228, 255)
    image += 0.35 * light.rim(light.normals(canvas, canvas.blur(skin.height, 1.2)))[..., None] * linear(255, 214, 180)
    return nostrils(canvas, skin, image)


def nostrils(canvas: Canvas, skin: Skin, image: F32) -> F32:
    base, wide = skin.points[2][1], skin.points[NOSE_WING][0]
    for side in (-1, 1):
        rim = [(wide - 7.4, -2.6), (wide - 10.0, -4.6), (5.0, -3.2), (3.6, -1.2)]
        line = curve([(side * x, base + y) for x, y in rim])
        width = np.interp(np.linspace(0, 1, 64), [0, 0.3, 0.7, 1], [0.5, 2.6, 2.4, 0.4])
        image = mix(image, linear(92, 34, 26), 0.85 * canvas.stroke(line, width, 0.55))
        image = mix(image, linear(36, 12, 10), 0.6 * canvas.stroke(line, width * 0.5, 0.4))
        rim = [(wide - 0.7, -12), (wide + 0.4, -6.5), (wide - 2.4, -2.6), (wide - 6.0, -2.2)]
        wing = curve([(side * x, base + y) for x, y in rim])
        image = mix(image, linear(140, 66, 50), 0.22 * canvas.stroke(wing, 1.2, 0.8))
    return image


def jaw_shade(canvas: Canvas, skin: Skin) -> F32:
    """(h, w) 1 lit .. darker: the head's broad shadow on the neck, deepest right under the jaw."""
    below = canvas.blur(skin.face, 9) * (1 - skin.face) * smoothstep(70, 110, canvas.y)
    return np.asarray(1 - 0.75 * np.clip(below * 1.6, 0, 1), np.float32)
