"""How far eyes are open, by landmarks."""

import numpy as np

from sonic.faces.topology import EYES
from sonic.types import F32, F64

SHUT_EYE, NEARLY_SHUT_EYE = 0.30, 0.42
"""Distance of the lids over the width of the iris, below which an eye is shut and nearly shut: half as open as most
(median of 52 people: 0.82).

The iris is as wide in every adult, the eye is not. Narrowest open eyes of 102 people, smiling ones included: 0.47; by
descent 0.47 white, 0.55 east and west Asian, 0.67 black. With lids that we shut: median 0.16, closed to 30 %: 0.45.
"""
_BLINKING = 0.52
"""Beside an eye that is shut, one that is open less than this is on its way, as in a photo taken during a blink."""
_LEAST_IRIS = 0.39
"""Of the width of the eye: behind shut lids landmarks guess the iris, and guess it too small."""


def eye_openings(points: F32 | F64) -> tuple[float, float]:
    """Distance of the lids over the width of the iris, of the left and the right eye of (478, 3) landmarks."""
    openings = []
    for eye in EYES:
        rim = points[eye.iris + 1 : eye.iris + 5, :2] - points[eye.iris, :2]
        width = float(np.linalg.norm(points[eye.corners[0], :2] - points[eye.corners[1], :2]))
        iris = max(2 * float(np.linalg.norm(rim, axis=1).mean()), _LEAST_IRIS * width, 1e-6)
        openings.append(float(np.linalg.norm(points[eye.upper[3], :2] - points[eye.lower[3], :2])) / iris)
    return openings[0], openings[1]


def shut_eyes(points: F32 | F64) -> tuple[bool, bool]:
    """Whether the left and the right eye are shut or nearly shut."""
    openings = eye_openings(points)
    least = _BLINKING if max(openings) < _BLINKING and min(openings) < NEARLY_SHUT_EYE else NEARLY_SHUT_EYE
    return openings[0] < least, openings[1] < least
