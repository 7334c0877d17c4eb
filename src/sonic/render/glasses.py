"""Does the person wear glasses? Lids that pull the skin along would bend their rims."""

import numpy as np

from sonic import facemesh
from sonic.render.seam import darkest_path, lightness
from sonic.types import F64, U8

_CONTRAST = 20.0
"""In L*: a bridge shows 40 and more; wrinkles and light on a bare nose reach 12 on the pictures this was tried on."""
_TOP_MM, _BOTTOM_MM = -12.0, 14.0
_JUMP_COST = 4.0


def wears_glasses(points_px: F64, rgb: U8, px_per_mm: float) -> bool:
    """Whether a line darker than the skin crosses the root of the nose from eye to eye."""
    import cv2

    inner = points_px[[facemesh.LEFT_EYE.corners[1], facemesh.RIGHT_EYE.corners[1]], :2]
    span = float(np.linalg.norm(inner[1] - inner[0]))
    if span < 4:
        return False
    along = (inner[1] - inner[0]) / span
    across = np.array([-along[1], along[0]])
    x = np.linspace(-0.3, 0.3, 25) * span
    offsets = np.arange(_TOP_MM, _BOTTOM_MM, 0.4)
    middle = points_px[list(facemesh.NOSE_ROOT), :2].mean(0)
    places = middle + x[:, None, None] * along + (offsets * px_per_mm)[:, None] * across
    light = lightness(rgb, places, px_per_mm)
    detail = light - cv2.GaussianBlur(light, (0, 0), sigmaX=8, sigmaY=0.01)
    line = detail[np.arange(len(x)), darkest_path(detail, offsets, _JUMP_COST)]
    return float(np.percentile(-line, 20)) > _CONTRAST
