"""Light on a height field: normals, shadows, dents, and light that wanders under the skin."""

from dataclasses import dataclass

import cv2
import numpy as np
from recipes.portrait.canvas import F32, Canvas, linear, smoothstep


@dataclass(frozen=True)
class Lamp:
    towards: tuple[float, float, float]
    """Direction of the lamp: x right, y down, h towards the viewer."""
    colour: F32
    wrap: float
    """0 a point of light, 1 a wall of light."""
    shadow: float
    """0 none .. 1 full."""


LAMPS = (
    Lamp((-0.41, -0.42, 0.80), 1.10 * linear(255, 243, 234), 0.32, 0.80),
    Lamp((0.72, -0.10, 0.65), 0.34 * linear(238, 226, 230), 0.50, 0.25),
)
SKY, GROUND = 0.30 * linear(222, 230, 248), 0.20 * linear(255, 214, 186)
"""Light from everywhere above and below."""
RIM = Lamp((0.80, -0.40, -0.25), 1.3 * linear(255, 226, 190), 0.0, 0.0)


def normals(canvas: Canvas, height: F32) -> F32:
    """(h, w, 3) unit vectors."""
    step = canvas.px_per_mm
    dx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=step / 8)
    dy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=step / 8)
    n = np.dstack([-dx, -dy, np.ones_like(dx)])
    return np.asarray(n / np.linalg.norm(n, axis=2, keepdims=True), np.float32)


def unit(v: tuple[float, float, float]) -> F32:
    return np.asarray(np.array(v) / np.linalg.norm(v), np.float32)


def shadow(canvas: Canvas, height: F32, lamp: Lamp, *, softness: float = 0.50, reach_mm: float = 75) -> F32:
    """1 lit .. 0 dark: march to the lamp, ask how far the surface rises above the ray."""
    d = unit(lamp.towards)
    flat = float(np.hypot(d[0], d[1]))
    direction, slope = d[:2] / flat, float(d[2]) / flat
    small = cv2.resize(height, None, fx=1 / canvas.scale, fy=1 / canvas.scale, interpolation=cv2.INTER_AREA)
    step_px, covered = canvas.px_per_mm / canvas.scale, np.zeros_like(small)
    distance = 1.5
    while distance < reach_mm:
        dx, dy = direction * distance * step_px
        move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        ahead = cv2.warpAffine(
            small,
            move,
            small.shape[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        covered = np.maximum(covered, (ahead - small - slope * distance + 0.6) / (softness * distance + 0.8))
        distance *= 1.09
    lit = 1 - smoothstep(0.0, 1.0, cv2.GaussianBlur(covered, (0, 0), 0.8 * step_px))
    return np.asarray(cv2.resize(lit, canvas.shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def occlusion(canvas: Canvas, height: F32) -> F32:
    """1 open .. 0 deep in a dent, from the height above the neighbourhood's mean at several sizes."""
    dark = np.zeros(canvas.shape, np.float32)
    for sigma, strength in ((1.2, 0.20), (3.0, 0.10), (8.0, 0.035), (18.0, 0.014)):
        dark += strength * np.clip(canvas.blur(height, sigma) - height, 0, 12)
    return np.asarray(np.exp(-dark), np.float32)


def irradiance(canvas: Canvas, height: F32, mask: F32) -> F32:
    """(h, w, 3) light that arrives and spreads under the skin: red wanders farthest."""
    n = normals(canvas, canvas.blur(height, 0.35))
    total = np.zeros((*canvas.shape, 3), np.float32)
    for lamp in LAMPS:
        facing = n @ unit(lamp.towards)
        lit = np.clip((facing + lamp.wrap) / (1 + lamp.wrap), 0, None)
        lit = lit * (1 - lamp.shadow * (1 - shadow(canvas, height, lamp)))
        total += lit[..., None] * lamp.colour
    up = 0.5 - 0.5 * n[..., 1:2]
    total += (GROUND + (SKY - GROUND) * up) * occlusion(canvas, height)[..., None]
    return scatter(canvas, total, mask)


def scatter(canvas: Canvas, light: F32, mask: F32) -> F32:
    """Blur within the mask; the skin profile of d'Eon and Luebke 2007 shortened to two Gaussians a channel."""
    out = np.empty_like(light)
    for channel, (near, far, share) in enumerate(((0.7, 4.2, 0.55), (0.5, 1.9, 0.40), (0.35, 1.1, 0.35))):
        parts = []
        for sigma in (near, far):
            weight = canvas.blur(mask, sigma) + 1e-3
            parts.append(canvas.blur(light[..., channel] * mask, sigma) / weight)
        out[..., channel] = parts[0] * (1 - share) + parts[1] * share
    return out


def gloss(n: F32, lamp: Lamp, power: float) -> F32:
    """Blinn-Phong highlight of one lamp, viewer straight ahead."""
    return np.asarray(np.clip(n @ halfway(lamp), 0, 1) ** power, np.float32)


def halfway(lamp: Lamp) -> F32:
    """Between the lamp and the viewer straight ahead."""
    x, y, h = unit(lamp.towards)
    return unit((float(x), float(y), float(h) + 1))


def rim(n: F32) -> F32:
    """Light that grazes the edge from behind."""
    graze = np.clip(1 - n[..., 2], 0, 1) ** 2.5
    side = np.clip(n[..., :2] @ unit((RIM.towards[0], RIM.towards[1], 0))[:2], 0, 1)
    return np.asarray(graze * side, np.float32)
