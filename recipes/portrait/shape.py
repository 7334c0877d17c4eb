"""The proportions of the drawn face: Sonic's own mean face, reshaped by a short table of hand-chosen pulls."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from recipes.portrait.canvas import smoothstep

from sonic.faces.model import face_model

F64 = NDArray[np.float64]

SIZE = 0.9
"""Part of the mean face's size that is drawn: eye centres 57 mm apart."""


@dataclass(frozen=True)
class Pull:
    """Moves and stretches the surroundings of a place, on both sides of the face alike."""

    at: tuple[float, float]
    """x >= 0 and y of the place, mm."""
    reach: tuple[float, float]
    """Half axes (mm) of the ellipse that follows; at its edge the pull is 1/e."""
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Outwards, down, towards the viewer, mm."""
    stretch: tuple[float, float] = (1.0, 1.0)
    """Of x and y about the place."""


TAPER, TAPER_FROM, TAPER_TO = 0.155, 15.0, 114.0
"""The face narrows by this part from the one height to the other (y, mm): a slender oval."""

PULLS = (
    # Jaw and chin: a little shorter and rounder.
    Pull((0, 120), (26, 14), shift=(0.0, -1.2, 2.0)),
    Pull((22, 113), (14, 12), shift=(0.5, 0.2, 0.0)),
    # Cheek bones.
    Pull((43, 42), (20, 15), shift=(0.5, -1.0, 2.2)),
    # Nose: shorter and finer, its tip a little up.
    Pull((0, 52), (17, 13), shift=(0.0, -2.6, 0.5), stretch=(0.86, 0.94)),
    Pull((0, 48), (8, 5), shift=(0.0, 0.5, 2.5)),
    Pull((12, 47), (6, 5), shift=(0.0, 0.0, 1.5)),
    # Eyes: longer and more open, outer corners up.
    Pull((28.4, 13.4), (22, 12), stretch=(1.19, 1.27)),
    Pull((42, 13), (9, 8), shift=(0.3, -0.9, 0.0)),
    # Brows: higher, more arched.
    Pull((30, -10), (30, 12), shift=(0.0, -2.2, 0.0)),
    Pull((42, -12), (12, 10), shift=(0.5, -0.7, 0.0)),
    # Mouth: nearer to the nose, wider, fuller, corners up in a slight smile.
    Pull((0, 82), (40, 24), shift=(0.0, -2.6, 0.0)),
    Pull((0, 77.6), (32, 15), stretch=(1.44, 1.14)),
    Pull((26, 77), (10, 12), shift=(0.9, -3.8, 0.0)),
    Pull((5, 70.5), (7, 4), shift=(0.0, -0.8, 0.5)),
    # What a smile does to the cheeks.
    Pull((33, 62), (16, 12), shift=(0.3, -1.2, 1.2)),
)


def face_points() -> F64:
    """(468, 3) FaceMesh points: x right, y down, h towards the viewer, mm; symmetric, lips closed."""
    points = face_model().template.astype(np.float64) * [SIZE, SIZE, -SIZE]
    side = np.sign(points[:, 0])
    points[:, 0] = np.abs(points[:, 0])
    points[:, 0] *= 1 - TAPER * smoothstep(TAPER_FROM, TAPER_TO, points[:, 1])
    for pull in PULLS:
        points = pulled(points, pull)
    points[:, 0] *= side
    return points


def pulled(points: F64, pull: Pull) -> F64:
    """The points (N, 3) of the right half after one pull."""
    away = points[:, :2] - pull.at
    follow = np.exp(-((away / pull.reach) ** 2).sum(1))[:, None]
    move = np.column_stack([away * (np.array(pull.stretch) - 1), np.zeros(len(points))]) + pull.shift
    return np.asarray(points + follow * move)
