"""The numbers that the motion networks speak, and the weights of expression shapes that they stand for."""

import numpy as np

from sonic.motion import MIRRORED, N_SHAPE, SHAPES
from sonic.types import F32

GAP_SCALE_MM = 4.0
"""Millimetres of lip gap per unit of the last latent."""
CLOSED_MM = -1.0
"""What the motion model is taught for closed lips: below zero, so that closed lips come out as exactly 0."""
_SCALE = {
    "jawOpen": 0.12, "mouthClose": 0.03, "mouthFunnel": 0.11, "mouthPucker": 0.14, "mouthSmile": 0.07,
    "mouthFrown": 0.14, "mouthStretch": 0.12, "mouthRollLower": 0.1, "mouthRollUpper": 0.11, "mouthShrugLower": 0.13,
    "mouthShrugUpper": 0.16, "mouthPress": 0.12, "mouthLowerDown": 0.05, "mouthUpperUp": 0.11,
}  # fmt: skip
"""Shapes that speech moves, sides together -> weight per unit of their latents: its root mean square in GRID."""


def bare(name: str) -> str:
    """A shape's name without its side."""
    return name.removesuffix("Left").removesuffix("Right")


SPOKEN = tuple(name for name in SHAPES if bare(name) in _SCALE)
"""Shapes of the latents, in their order; jaw and mouth to the side, cheeks and nose stay out of it."""
COLUMNS = np.array([SHAPES.index(name) for name in SPOKEN])
"""Where they stand in Motion.shape."""
N_LATENT = len(SPOKEN) + 1
"""One for each, and the lip gap."""
SCALE = np.array([_SCALE[bare(name)] for name in SPOKEN], np.float32)
MIRROR_ORDER = np.array([*(COLUMNS.tolist().index(MIRRORED[k]) for k in COLUMNS), N_LATENT - 1])
"""(N_LATENT,) ``latents[:, MIRROR_ORDER]`` are those of the mirror image."""


def latents_of_weights(shape: F32, gap_mm: F32) -> F32:
    """Weights (T, N_SHAPE) of expression shapes and lip gap (T,) -> (T, N_LATENT)."""
    gap = np.where(gap_mm > 0, gap_mm, CLOSED_MM) / GAP_SCALE_MM
    return np.asarray(np.hstack([shape[:, COLUMNS] / SCALE, gap[:, None]]), np.float32)


def weights_of_latents(latents: F32) -> tuple[F32, F32]:
    """(T, N_LATENT) -> weights (T, N_SHAPE), none below 0, and lip gap (T,) in mm, at least 0."""
    shape = np.zeros((len(latents), N_SHAPE), np.float32)
    shape[:, COLUMNS] = np.maximum(latents[:, :-1] * SCALE, 0)
    return shape, np.asarray(np.maximum(latents[:, -1] * np.float32(GAP_SCALE_MM), 0), np.float32)
