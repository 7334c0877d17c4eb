"""Where things are drawn: a grid of pixels with millimetres of the head on it, and a few brushes.

Millimetres: x right, y down, h towards the viewer; the origin lies between the eyes, a little above them. Colours are
linear light unless a name says sRGB.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

F32 = NDArray[np.float32]

SIZE_PX = (768, 960)
"""(width, height) of the finished picture."""
ORIGIN = (0.5, 0.372)
"""Where the origin of the head lies, as a part of width and height."""
PX_PER_MM = 2.32


@dataclass(frozen=True)
class Canvas:
    """A grid at ``scale`` times the finished size; ``x`` and ``y`` are (h, w) mm."""

    scale: int
    x: F32
    y: F32

    @property
    def px_per_mm(self) -> float:
        return PX_PER_MM * self.scale

    @property
    def shape(self) -> tuple[int, int]:
        return self.x.shape[0], self.x.shape[1]

    def px(self, points_mm: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) mm -> (..., 2) px, the centre of the first pixel at (0, 0)."""
        origin = np.array(ORIGIN) * np.array(SIZE_PX)
        return np.asarray((np.asarray(points_mm, np.float64) * PX_PER_MM + origin) * self.scale - 0.5)

    def blur(self, image: F32, sigma_mm: float) -> F32:
        """Gaussian; wide ones are taken on a smaller grid, where they cost little and look the same."""
        sigma = sigma_mm * self.px_per_mm
        shrink = max(1, int(sigma / 4))
        if shrink == 1:
            return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)
        height, width = self.shape
        small = cv2.resize(image, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma / shrink, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)

    def fill(self, outline_mm: ArrayLike, soft_mm: float = 0.0) -> F32:
        """1 inside a closed outline (N, 2), 0 outside, anti-aliased, then softened."""
        mask = np.zeros(self.shape, np.uint8)
        cv2.fillPoly(mask, [_fixed(self.px(outline_mm))], 255, cv2.LINE_AA, shift=6)
        out = mask.astype(np.float32) / 255
        return self.blur(out, soft_mm) if soft_mm > 0 else out

    def stroke(self, line_mm: ArrayLike, width_mm: ArrayLike, soft_mm: float = 0.0) -> F32:
        """1 on an open line (N, 2) whose width may change along it, 0 elsewhere."""
        line = np.asarray(line_mm, np.float64)
        width = np.broadcast_to(np.asarray(width_mm, np.float64), len(line))
        along = np.gradient(line, axis=0)
        normal = np.stack([-along[:, 1], along[:, 0]], 1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
        side = normal * width[:, None] / 2
        return self.fill(np.vstack([line + side, (line - side)[::-1]]), soft_mm)

    def spot(self, centre: tuple[float, float], radius: tuple[float, float], turn_deg: float = 0.0) -> F32:
        """exp(-r^2), r = 1 on an ellipse with these half axes (mm)."""
        angle = np.deg2rad(turn_deg)
        dx, dy = self.x - centre[0], self.y - centre[1]
        u = (dx * np.cos(angle) + dy * np.sin(angle)) / radius[0]
        v = (dy * np.cos(angle) - dx * np.sin(angle)) / radius[1]
        return np.asarray(np.exp(-(u * u + v * v)), np.float32)

    def noise(self, rng: np.random.Generator, size_mm: float, octaves: int = 1) -> F32:
        """Smooth noise, mean 0, standard deviation about 1; every octave is half the size and half as strong."""
        height, width = self.shape
        total = np.zeros(self.shape, np.float32)
        for octave in range(octaves):
            cell = size_mm * self.px_per_mm / 2**octave
            grid = rng.standard_normal((int(height / cell) + 4, int(width / cell) + 4)).astype(np.float32)
            size = (int(grid.shape[1] * cell) + 1, int(grid.shape[0] * cell) + 1)
            total += cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)[:height, :width] * 0.5**octave
        return np.asarray(total / total.std(), np.float32)


def make_canvas(scale: int) -> Canvas:
    width, height = SIZE_PX[0] * scale, SIZE_PX[1] * scale
    px = (np.arange(width, dtype=np.float32) + 0.5) / scale
    py = (np.arange(height, dtype=np.float32) + 0.5) / scale
    x = (px - ORIGIN[0] * SIZE_PX[0]) / PX_PER_MM
    y = (py - ORIGIN[1] * SIZE_PX[1]) / PX_PER_MM
    grid_x, grid_y = np.meshgrid(x, y)
    return Canvas(scale, grid_x, grid_y)


def _fixed(points_px: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.asarray(np.round(points_px * 64), np.int32)


def smoothstep(low: float, high: float, x: ArrayLike) -> F32:
    t = np.clip((np.asarray(x, np.float32) - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def curve(points: ArrayLike, n: int = 64, *, closed: bool = False) -> NDArray[np.float64]:
    """(n, D) points at equal steps along a Catmull-Rom curve through (N, D) points."""
    p = np.asarray(points, np.float64)
    ends = (p[-1:], p[:2]) if closed else (2 * p[:1] - p[1:2], 2 * p[-1:] - p[-2:-1])
    p = np.vstack([ends[0], p, ends[1]])
    t = (np.arange(16) / 16)[:, None, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    fine = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    fine = np.vstack([fine.swapaxes(0, 1).reshape(-1, p.shape[1]), p[-2]])
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
    at = np.linspace(0, length[-1], n)
    return np.stack([np.interp(at, length, column) for column in fine.T], 1)


def linear(*srgb: float) -> F32:
    """sRGB 0..255 -> linear light 0..1."""
    return np.asarray((np.array(srgb, np.float32) / 255) ** 2.2, np.float32)


def mix(image: F32, colour: ArrayLike, alpha: F32) -> F32:
    """``colour`` (3,) or (h, w, 3) over ``image`` where ``alpha`` (h, w) is 1."""
    return np.asarray(image + (np.asarray(colour, np.float32) - image) * alpha[..., None], np.float32)
