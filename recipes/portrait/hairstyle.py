"""The cut: guide curves in mm, each list from the parting to the tips, from the face outwards."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from recipes.portrait.canvas import curve

F64 = NDArray[np.float64]
N_POINTS = 64


@dataclass(frozen=True)
class Sheet:
    guides: F64
    """(G, N_POINTS, 2) mm, evenly spread over u."""
    n_locks: int
    n_strands: int
    wave_mm: float
    dark: float
    """Multiplies the light: 1 in front, less behind."""


def _sheet(
    *guides: list[tuple[float, float]], n_locks: int, n_strands: int, wave_mm: float, dark: float = 1.0
) -> Sheet:
    return Sheet(np.stack([curve(g, N_POINTS) for g in guides]), n_locks, n_strands, wave_mm, dark)


# fmt: off
def sheets() -> dict[str, Sheet]:
    """Parted on the right of the picture; behind the ear on the left, falling in front of it on the right."""
    left = _sheet(
        [(13, -62), (4, -61.5), (-14, -59.5), (-38, -48), (-57, -24), (-67, -2), (-75, 18), (-80, 52), (-76, 94),
         (-86, 134), (-70, 176)],
        [(13, -74), (2, -77), (-20, -78), (-50, -65), (-71, -36), (-80, -6), (-86, 28), (-90, 66), (-86, 106),
         (-97, 146), (-76, 190)],
        [(12, -89), (0, -96), (-24, -95), (-57, -81), (-80, -46), (-90, -8), (-96, 34), (-99, 76), (-98, 116),
         (-109, 154), (-86, 198)],
        [(12, -107), (0, -110.5), (-26, -109), (-62, -93), (-87, -53), (-98, -8), (-103, 38), (-107, 82), (-108,
         122), (-118, 158), (-96, 200)],
        n_locks=30,
        n_strands=5600,
        wave_mm=4.2,
    )
    right = _sheet(
        [(13, -62), (22, -61), (37, -55), (51, -38), (59.5, -13), (64, 16), (67, 48), (67, 80), (66, 114), (78,
         152), (60, 196)],
        [(13, -74), (24, -77), (43, -73), (64, -54), (77, -26), (84, 8), (86, 46), (83, 84), (81, 122), (93,
         160), (73, 206)],
        [(12, -89), (25, -96), (50, -91), (73, -71), (88, -36), (95, 4), (97, 46), (97, 88), (97, 128), (108,
         164), (84, 210)],
        [(12, -107), (26, -110), (54, -103), (80, -84), (97, -46), (103, -2), (106, 46), (108, 92), (110, 134),
         (119, 168), (96, 210)],
        n_locks=30,
        n_strands=5600,
        wave_mm=4.4,
    )
    tuck = _sheet(
        [(13, -60), (4, -61), (-14, -59.5), (-38, -48), (-56, -24), (-65, -7), (-76, 4), (-88, 18), (-93, 48),
         (-92, 90), (-94, 130), (-82, 168)],
        [(13, -70), (2, -73), (-20, -74), (-47, -61), (-66, -34), (-75, -14), (-84, -2), (-94, 18), (-98, 54),
         (-97, 94), (-104, 134), (-88, 178)],
        n_locks=8,
        n_strands=1300,
        wave_mm=3.0,
    )
    back = _sheet(
        [(-60, 0), (-84, 50), (-90, 100), (-96, 150), (-84, 196)],
        [(-40, 10), (-50, 60), (-52, 110), (-56, 160), (-50, 200)],
        [(0, 20), (0, 60), (0, 110), (0, 160), (0, 200)],
        [(40, 10), (50, 60), (52, 110), (56, 160), (50, 200)],
        [(60, 0), (84, 50), (90, 100), (96, 150), (84, 196)],
        n_locks=30,
        n_strands=3000,
        wave_mm=3.0,
        dark=0.30,
    )
    return {"left": left, "right": right, "back": back, "tuck": tuck}
# fmt: on
