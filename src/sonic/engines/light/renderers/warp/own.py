"""What is a person's own in how a face moves: no smile is even, and what lies behind glasses hardly shows."""

import numpy as np

from sonic.engines.light.renderers.warp.glasses import behind_lenses
from sonic.motion import MIRRORED, SHAPES
from sonic.types import F32, F64

_UNEVEN = (
    "mouthSmile",
    "mouthDimple",
    "mouthFrown",
    "cheekSquint",
    "eyeSquint",
    "browOuterUp",
    "browDown",
    "noseSneer",
)
_UNEVEN_SD, _MOST_UNEVEN = 0.07, 0.15
"""How much more one side makes of an expression than the mean of both, and the other one less."""


def own_shapes(shapes_mm: F32, template_mm: F64, rng: np.random.Generator, *, glasses: bool) -> F64:
    """(N_SHAPE, 468, 3) mm: how far this person's face goes at full weight of each of motion.SHAPES.

    The same ``rng`` gives the same person.
    """
    drawn = {name: _UNEVEN_SD * float(rng.standard_normal()) for name in _UNEVEN}
    lean = [np.clip(drawn.get(name.removesuffix("Left"), 0.0), -_MOST_UNEVEN, _MOST_UNEVEN) for name in SHAPES]
    gains = 1 + np.array(lean) - np.array(lean)[MIRRORED]
    shown = behind_lenses(template_mm) if glasses else 1.0
    return np.asarray(shapes_mm * gains[:, None, None] * shown)
