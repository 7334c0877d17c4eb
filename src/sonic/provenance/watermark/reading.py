"""What a picture says of the waves of the pattern: the first half of finding them, and what embedding must overcome."""

import cv2
import numpy as np

from sonic.provenance.watermark.pattern import C128, SIDE, waves
from sonic.types import F32, U8

_WINDOW_CELLS = 6.0  # standard deviation of the residual's window; it and _FLOOR are the best of those tried
_FLOOR = 4.0  # squared levels: noise of 8 bits and of codecs
_LOUDEST = 2.0  # whitened waves are clipped to this many times the RMS of their ring
_MAX_ASPECT = 4  # of longer pictures this much is looked at


def luma(rgb: U8) -> F32:
    """(H, W), the shorter side SIDE."""
    height, width = rgb.shape[:2]
    rgb = rgb[: _MAX_ASPECT * width, : _MAX_ASPECT * height]
    height, width = rgb.shape[:2]
    scale = SIDE / min(height, width)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    levels = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    whole: F32 = cv2.resize(levels, (round(width * scale), round(height * scale)), interpolation=how)
    return whole


def residual(luma: F32) -> F32:
    """Detail over its local power, which is the matched filter for a faint pattern."""
    detail = luma - cv2.GaussianBlur(luma, (0, 0), _WINDOW_CELLS)
    weighed: F32 = detail / (cv2.GaussianBlur(detail * detail, (0, 0), _WINDOW_CELLS) + _FLOOR)
    return weighed


def waves_of(residual: F32, zoom: float, side: int) -> C128:
    """What the used waves are in all tiles on top of each other, whitened: every ring of frequencies has RMS 1."""
    height, width = (max(1, round(n / zoom)) for n in residual.shape)
    how = cv2.INTER_AREA if zoom > 1 else cv2.INTER_LINEAR
    cells = cv2.resize(residual, (width, height), interpolation=how)
    rows, columns = -(-height // side), -(-width // side)
    cells = cv2.copyMakeBorder(cells, 0, rows * side - height, 0, columns * side - width, cv2.BORDER_CONSTANT)
    folded = cells.reshape(rows, side, columns, side).sum(axis=(0, 2))
    used = waves(side)
    transform = cv2.dft(folded, flags=cv2.DFT_COMPLEX_OUTPUT).reshape(-1, 2)[used.place]
    spectrum = transform[:, 0] + 1j * transform[:, 1]
    power = np.bincount(used.ring, np.abs(spectrum) ** 2) / np.maximum(np.bincount(used.ring), 1)
    white = spectrum / np.sqrt(power + 1e-12)[used.ring]
    loud: C128 = white * np.minimum(1, _LOUDEST / np.maximum(np.abs(white), 1e-9))
    return loud
