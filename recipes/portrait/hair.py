"""Shoulder-length hair: sheets of locks, locks of strands, each strand lit along its own direction.

A sheet is spanned by guide curves, from the one nearest the face (u = 0) to the silhouette (u = 1). Strands are lit
after Kajiya and Kay 1989, "Rendering fur with three dimensional textures".
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from recipes.portrait import light
from recipes.portrait.canvas import F32, Canvas, curve, linear, smoothstep
from recipes.portrait.hairstyle import N_POINTS, Sheet, sheets
from recipes.portrait.strands import Strands

F64 = NDArray[np.float64]
ROOT, BODY, TIP = linear(56, 31, 20), linear(104, 58, 36), linear(150, 92, 58)
GLEAM = linear(255, 208, 160)


@dataclass(frozen=True)
class Lock:
    lines: F64
    """(S, N_POINTS, 2) mm."""
    across: F64
    """(S,) -1 .. 1: where a strand lies in its lock."""
    tone: float
    dark: float
    phase: float


def cap(canvas: Canvas) -> F32:
    """(h, w) the scalp under the parting and behind the temples, where hair is thickest."""
    top = [sheets()[name].guides for name in ("left", "right")]
    crown = [np.vstack([g[0, :34] * 0.98, g[-1, :34][::-1] * 0.975]) for g in top]
    return np.asarray(np.maximum(canvas.fill(crown[0], 0.8), canvas.fill(crown[1], 0.8)), np.float32)


def behind(canvas: Canvas) -> F32:
    """(h, w) the dark depth of hair on both sides of the neck."""
    side = curve([(0, -60), (70, -50), (86, 0), (90, 60), (92, 110), (98, 150), (86, 182), (40, 190), (0, 190)], 128)
    return canvas.fill(np.vstack([side, (side * [-1, 1])[::-1]]), 1.0)


def flyaways(rng: np.random.Generator, n: int = 45) -> list[Lock]:
    """Single hairs that left the sheets."""
    out = []
    for name in ("left", "right"):
        guides = sheets()[name].guides
        v = np.linspace(0, 1, N_POINTS)
        lines = _between(guides, rng.uniform(0.1, 1.0, (n, 1)) + 0 * v)
        away = lines - [0, 30]
        away /= np.linalg.norm(away, axis=-1, keepdims=True)
        lift = rng.normal(0.5, 1.2, (n, 1)) * np.sin(np.pi * v) + rng.normal(0, 1.0, (n, 1)) * np.sin(
            rng.uniform(0, 6, (n, 1)) + 7 * v
        )
        lines = lines + away * lift[..., None] + _frizz(n, v, rng) * 2.0
        lines = _cut(lines, rng.uniform(0.25, 1.0, n))
        out.append(Lock(lines, rng.uniform(-1, 1, n), tone=1.1, dark=0.9, phase=0.0))
    return out


def fringe(rng: np.random.Generator) -> list[tuple[F64, float]]:
    """Fine short hairs along the hairline: (n, 2) lines and widths in mm."""
    out = []
    for name in ("left", "right"):
        edge = sheets()[name].guides[0]
        along = np.gradient(edge, axis=0)
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        inward = np.array([0.0, 12.0]) - edge
        inward /= np.linalg.norm(inward, axis=1, keepdims=True)
        for k in rng.integers(2, 27, 170):
            s = np.linspace(0, 1, 8)[:, None]
            lean = abs(rng.normal(0.16, 0.14))
            start = edge[k] - 1.6 * inward[k] + rng.normal(0, 0.6, 2)
            length = rng.uniform(4, 11)
            out.append((start + length * (along[k] * s + lean * inward[k] * s * (1.6 - s)), 0.16))
    return out


def grow(sheet: Sheet, rng: np.random.Generator) -> list[Lock]:
    """The locks of a sheet, the deepest first."""
    centres = (np.arange(sheet.n_locks) + rng.uniform(0.2, 0.8, sheet.n_locks)) / sheet.n_locks
    locks = []
    for layer in range(3):
        order = rng.permutation(sheet.n_locks)
        for centre in centres[order]:
            locks.append(_lock(sheet, centre + rng.normal(0, 0.01), layer, rng))
    return locks


def _lock(sheet: Sheet, centre: float, layer: int, rng: np.random.Generator) -> Lock:
    v = np.linspace(0, 1, N_POINTS)
    n = max(4, int(sheet.n_strands / sheet.n_locks * (0.45, 0.35, 0.20)[layer]))
    across = np.clip(rng.normal(0, 0.45, n), -1.1, 1.1)
    half = (1.5, 1.0, 0.6)[layer] / sheet.n_locks
    spread = half * np.interp(v, [0, 0.35, 0.8, 1], [1.15, 1.0, 1.1, 1.8 - 0.35 * layer])
    u = centre + across[:, None] * spread + rng.normal(0, 0.0025, (n, 1))
    phase = rng.uniform(0, 2 * np.pi) * 0.5 + 5.0 * centre
    sway = sheet.wave_mm * smoothstep(0.30, 0.75, v) * np.sin(phase + 11.5 * v) + rng.normal(0, 1.6) * v**2
    lines = _between(sheet.guides, u)
    lines[..., 0] += sway
    lines += _frizz(n, v, rng)
    lines[:, :12] += rng.normal(0, 0.7, (n, 1, 2)) * np.linspace(1, 0, 12)[:, None]
    length = np.clip(rng.normal(0.97, 0.013) - rng.exponential(0.06, n) - 0.04 * across**2, 0.6, 1.0)
    lines = _cut(lines, length)
    return Lock(
        lines,
        across,
        tone=float(np.exp(rng.normal(0.04 * (layer - 1), 0.13))),
        dark=sheet.dark * (0.58, 0.95, 1.18)[layer],
        phase=phase,
    )


def _between(guides: F64, u: F64) -> F64:
    """Points of the sheet: guides (G, N, 2), u (S, N) in [0, 1] -> (S, N, 2)."""
    at = np.clip(u, -0.02, 1.02) * (len(guides) - 1)
    low = np.clip(np.floor(at).astype(int), 0, len(guides) - 2)
    share = (at - low)[..., None]
    column = np.arange(guides.shape[1])
    return np.asarray(guides[low, column] * (1 - share) + guides[low + 1, column] * share)


def _frizz(n: int, v: F64, rng: np.random.Generator) -> F64:
    """Small slow wander of single strands, (n, N, 2) mm."""
    a, b = rng.uniform(0, 6.28, (2, n, 1, 1))
    size = np.abs(rng.normal(0, 0.55, (n, 1, 1)))
    wander = np.concatenate([np.sin(a + 9 * v[None, :, None]), np.sin(b + 7 * v[None, :, None])], axis=2)
    return np.asarray(size * wander * smoothstep(0, 0.3, v)[None, :, None])


def _cut(lines: F64, length: F64) -> F64:
    """Resampled so that each strand ends at its own part of the full length."""
    at = np.clip(length[:, None] * np.linspace(0, 1, N_POINTS), 0, 1) * (N_POINTS - 1)
    low = np.clip(at.astype(int), 0, N_POINTS - 2)
    share = (at - low)[..., None]
    row = np.arange(len(lines))[:, None]
    return np.asarray(lines[row, low] * (1 - share) + lines[row, low + 1] * share)


def shade(lock: Lock, rng: np.random.Generator) -> F64:
    """(S, N_POINTS, 3) linear colours of a lock's strands."""
    t, n = _frame(lock.lines)
    v = np.linspace(0, 1, N_POINTS)[None, :, None] + rng.normal(0, 0.05, (len(t), 1, 1))
    base = ROOT + (BODY - ROOT) * smoothstep(0.0, 0.22, v) + (TIP - BODY) * smoothstep(0.5, 1.0, v) * 0.8
    tone = lock.tone * np.exp(rng.normal(0, 0.16, (len(t), 1, 1)))
    key, fill = light.LAMPS
    half = light.halfway(key)
    facing = np.clip((n @ light.unit(key.towards) + 0.35) / 1.35, 0, 1)
    cylinder = 1 - 0.50 * np.clip(lock.across[:, None] * 0.7 + 0.35, 0, 1) ** 1.5 - 0.25 * lock.across[:, None] ** 2
    diffuse = np.sqrt(np.clip(1 - (t @ light.unit(key.towards)) ** 2, 0, 1)) * facing
    cool = np.sqrt(np.clip(1 - (t @ light.unit(fill.towards)) ** 2, 0, 1)) * 0.35
    lit = (0.32 + 1.45 * diffuse + 0.55 * cool) * cylinder
    shift = 0.06 * np.sin(lock.phase * 3) + rng.normal(0, 0.035, (len(t), 1))
    narrow = np.exp(-(((t @ half + shift) / 0.13) ** 2)) * facing
    broad = np.exp(-(((t @ half + shift - 0.10) / 0.30) ** 2)) * facing
    edge = np.clip(1 - n[..., 2], 0, 1) ** 3 * np.clip(n[..., 0] * 0.8 - n[..., 1] * 0.4, 0, 1)
    buried = 0.42 + 0.58 * smoothstep(-0.02, 0.13, v)
    colour = base * tone * lit[..., None]
    colour = (
        colour
        + (0.26 * narrow * cylinder)[..., None] * GLEAM
        + (0.16 * broad)[..., None] * TIP
        + (0.18 * edge)[..., None] * GLEAM
    )
    return np.asarray(colour * buried * lock.dark)


def _frame(lines: F64) -> tuple[F64, F64]:
    """Directions and surface normals (S, N, 3) of strands that lie on a head-shaped volume."""
    x, y = lines[..., 0] / 112, np.where(lines[..., 1] < 10, (lines[..., 1] - 10) / 125, (lines[..., 1] - 10) / 700)
    z = np.sqrt(np.clip(1 - x * x - y * y, 0.02, 1))
    n = np.stack([x, y, z], -1)
    n /= np.linalg.norm(n, axis=-1, keepdims=True)
    flat = np.gradient(lines, axis=1)
    dz = -(n[..., 0] * flat[..., 0] + n[..., 1] * flat[..., 1]) / n[..., 2]
    t = np.concatenate([flat, dz[..., None]], -1)
    return t / (np.linalg.norm(t, axis=-1, keepdims=True) + 1e-9), n


def paint(canvas: Canvas, srgb: NDArray[np.uint8], locks: list[Lock], rng: np.random.Generator) -> None:
    """The locks, in order, in place."""
    brush = Strands(canvas, srgb)
    for lock in locks:
        colours = 255 * np.clip(shade(lock, rng), 0, 1) ** (1 / 2.2)
        for line, colour in zip(lock.lines, colours, strict=True):
            brush.strand(line, colour)


def cover(canvas: Canvas, locks: list[Lock], thickness_mm: float = 0.6) -> F32:
    """(h, w) 1 where hair hides what is behind."""
    mask = np.zeros(canvas.shape, np.uint8)
    width = max(1, round(thickness_mm * canvas.px_per_mm))
    for lock in locks:
        cv2.polylines(mask, list(np.round(canvas.px(lock.lines)).astype(np.int32)), False, 255, width)
    return mask.astype(np.float32) / 255


def cast(canvas: Canvas, hair: F32) -> F32:
    """(h, w) 1 lit .. darker: the shadow hair throws on skin, away from the key lamp."""
    near = canvas.blur(_moved(canvas, hair, (1.2, 1.6)), 1.3)
    far = canvas.blur(_moved(canvas, hair, (5.0, 6.0)), 4.5)
    return np.asarray((1 - 0.30 * near) * (1 - 0.38 * far), np.float32)


def _moved(canvas: Canvas, image: F32, by_mm: tuple[float, float]) -> F32:
    move = np.array([[1, 0, by_mm[0] * canvas.px_per_mm], [0, 1, by_mm[1] * canvas.px_per_mm]], np.float32)
    return np.asarray(cv2.warpAffine(image, move, canvas.shape[::-1]), np.float32)
