"""A brush for hair: thin tapered lines of changing colour on an sRGB picture."""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from recipes.portrait.canvas import Canvas

U8 = NDArray[np.uint8]
SHIFT = 5
FINER = 4
TIP = 9
"""Points of a strand over which it fades."""


class Strands:
    """Draws in place on ``srgb`` (h, w, 3), whose grid is the canvas's."""

    def __init__(self, canvas: Canvas, srgb: U8) -> None:
        self.canvas = canvas
        self.srgb = srgb

    def hair(self, line_mm: ArrayLike, colour: ArrayLike, width_mm: float, *, opacity: float = 1.0) -> None:
        """A short tapered hair of one colour, laid over what is there; drawn four times finer than the picture."""
        points = self.canvas.px(line_mm)
        low = np.clip(np.floor(points.min(0)).astype(int) - 3, 0, None)
        high = np.ceil(points.max(0)).astype(int) + 4
        window = self.srgb[low[1] : high[1], low[0] : high[0]]
        local = (points - low + 0.5) * FINER
        width = (
            width_mm
            * self.canvas.px_per_mm
            * FINER
            * np.interp(np.linspace(0, 1, len(local)), [0, 0.4, 1], [1, 0.85, 0.12])
        )
        along = np.gradient(local, axis=0)
        normal = np.stack([-along[:, 1], along[:, 0]], 1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
        side = normal * width[:, None] / 2
        outline = np.vstack([local + side, (local - side)[::-1]])
        fine = np.zeros((window.shape[0] * FINER, window.shape[1] * FINER), np.uint8)
        cv2.fillPoly(fine, [np.round(outline).astype(np.int32)], 255)
        mask = cv2.resize(fine, window.shape[1::-1], interpolation=cv2.INTER_AREA)
        alpha = mask[..., None].astype(np.float32) * (opacity / 255)
        window[:] = np.clip(window + (np.clip(colour, 0, 255) - window) * alpha + 0.5, 0, 255).astype(np.uint8)

    def strand(self, line_mm: ArrayLike, colours: NDArray[np.float64], thickness: int = 1) -> None:
        """A long strand (N, 2) with a colour (N, 3) at every point; its tip fades into what is there."""
        points_px = self.canvas.px(line_mm)
        points = np.round(points_px * 2**SHIFT).astype(int).tolist()
        column, row = np.clip(
            np.round(points_px[-TIP:].T).astype(int), 0, np.array(self.srgb.shape[1::-1])[:, None] - 1
        )
        fade = np.linspace(1, 0, TIP + 1)[1:, None]
        colours = np.clip(colours, 0, 255)
        colours[-TIP:] = colours[-TIP:] * fade + self.srgb[row, column] * (1 - fade)
        tones = colours.tolist()
        for a, b, tone in zip(points, points[1:], tones, strict=False):
            cv2.line(self.srgb, a, b, tone, thickness, cv2.LINE_AA, SHIFT)
