"""The photo, twice as dense, ready to be sampled at any sub-pixel position without losing detail."""

import numpy as np

from sonic.engines.light.renderers.warp.native import U32
from sonic.types import U8

_HALF_TAPS = 8
"""Lanczos-4 at half a pixel: sharper than bilinear at a fraction of the cost of a Lanczos fetch for each pixel."""


def dense(rgb: U8) -> U32:
    """(h, w, 3) -> (2 h, 2 w) packed RGBX: even samples are the photo itself, odd ones lie half a pixel further.

    Because even samples are exact, a map that moves nothing gives back the photo, bit for bit.
    """
    import cv2

    height, width = rgb.shape[:2]
    taps = _half_pixel_taps()
    pad = _HALF_TAPS
    wide = cv2.copyMakeBorder(rgb, pad, pad, pad, pad, cv2.BORDER_REPLICATE)

    def filtered(along_x: bool, along_y: bool) -> U8:
        one = np.ones(1)
        # anchor 3: the result at i lies between samples i and i + 1
        anchor = (_HALF_TAPS // 2 - 1 if along_x else 0, _HALF_TAPS // 2 - 1 if along_y else 0)
        out = cv2.sepFilter2D(wide, -1, taps if along_x else one, taps if along_y else one, anchor=anchor)
        return np.asarray(out[pad:-pad, pad:-pad], np.uint8)

    packed = np.zeros((2 * height, 2 * width, 4), np.uint8)
    packed[::2, ::2, :3] = rgb
    packed[::2, 1::2, :3] = filtered(True, False)
    packed[1::2, ::2, :3] = filtered(False, True)
    packed[1::2, 1::2, :3] = filtered(True, True)
    # bytes in memory are R G B X: little-endian words hold R in the lowest byte, as the kernel reads them
    return np.ascontiguousarray(packed).view("<u4")[..., 0].astype(np.uint32, copy=False)


def _half_pixel_taps() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    x = np.arange(_HALF_TAPS) - (_HALF_TAPS / 2 - 0.5)
    taps = np.sinc(x) * np.sinc(x / (_HALF_TAPS / 2))
    return np.asarray(taps / taps.sum())
