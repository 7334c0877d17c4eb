"""The hues of a picture: any, as in a colour photo, or one for each lightness, as in grey, sepia, bronze and ink."""

from dataclasses import dataclass

import numpy as np

from sonic.faces import topology
from sonic.types import F32, F64, U8

_TONED, _COLOURFUL = 1.0, 3.0
"""Variety of hue (Lab units) of a face: up to the first its picture is toned in one ink, from the second on in full
colour. Photos of 102 people: 2.6 to 5.5; the same in grey, sepia or bronze, as JPEG: 0 to 1.7."""
_TONE_PX = 160
"""Height at which a face's hues are looked at: chroma is stored coarsely, and noise is no hue."""
_TONE_STEPS, _TONE_PIXELS = 20, 8
"""Levels of lightness, and how many pixels tell the hue of one."""


@dataclass(frozen=True, slots=True)
class Toning:
    """What hue a picture gives to each lightness, and how far its colours may leave that.

    A black-and-white photo, a sepia print, a bronze head and a drawing in one ink all have one chroma for each
    lightness; what is added to them has to have it as well.
    """

    steps: F64
    """(N, 3) Lab: the mean colours of the face at some lightnesses, from dark to light."""
    freedom: float
    """0: all colours lie on the curve; 1: any colour is at home in this picture."""

    def __call__(self, linear: F32) -> F32:
        """Colours (h, w, 3), linear RGB, with the lightness they have and the hue this picture would give them."""
        import cv2

        if self.freedom >= 1:
            return linear
        lab = cv2.cvtColor(linear, cv2.COLOR_LRGB2Lab)
        tone = self._tone(lab[..., 0])
        lab[..., 1:] = tone + np.float32(self.freedom) * (lab[..., 1:] - tone)
        return np.asarray(np.clip(cv2.cvtColor(lab, cv2.COLOR_Lab2LRGB), 0, 1), np.float32)

    def variety(self, lab: F32) -> float:
        """How far colours (N, 3) Lab leave the curve, as root mean square."""
        return float(np.sqrt(((lab[:, 1:] - self._tone(lab[:, 0])) ** 2).sum(1).mean()))

    def _tone(self, light: F32) -> F32:
        """(..., 2) Lab a and b at these L; beyond the face's darkest and lightest they fade to black's and white's."""
        steps = np.vstack([[0.0, 0.0, 0.0], self.steps, [100.0, 0.0, 0.0]])
        return np.stack([np.interp(light, steps[:, 0], steps[:, k]) for k in (1, 2)], -1).astype(np.float32)


def toning_of(rgb: U8, points_px: F32 | F64) -> Toning:
    """The face's mean chroma at each lightness; what leaves it is the picture's variety of hue."""
    import cv2

    oval = points_px[list(topology.OVAL), :2]
    low = np.clip(np.floor(oval.min(0)), 0, [rgb.shape[1] - 2, rgb.shape[0] - 2]).astype(int)
    high = np.clip(np.ceil(oval.max(0)), low + 2, [rgb.shape[1], rgb.shape[0]]).astype(int)
    cut = np.ascontiguousarray(rgb[low[1] : high[1], low[0] : high[0]])
    face = np.zeros(cut.shape[:2], np.uint8)
    cv2.fillPoly(face, [np.round(oval - low).astype(np.int32)], 1)
    zoom = min(1.0, _TONE_PX / cut.shape[0])
    small = cv2.resize(cut, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    inside = cv2.resize(face, small.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    smooth = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2Lab), (0, 0), 1.0)
    lab = smooth[inside if inside.any() else slice(None)].reshape(-1, 3)
    level = np.clip(lab[:, 0] * _TONE_STEPS / 100, 0, _TONE_STEPS - 1).astype(int)
    levels = [lab[level == k] for k in range(_TONE_STEPS)]
    steps = np.array([own.mean(0) for own in levels if len(own) >= _TONE_PIXELS] or [lab.mean(0)])
    leaves = Toning(steps, 0.0).variety(lab)
    return Toning(steps, float(np.clip((leaves - _TONED) / (_COLOURFUL - _TONED), 0, 1)))
