"""What is a person's own in how a face moves: no smile is even, and what lies behind glasses hardly shows."""

from dataclasses import replace

import numpy as np

from sonic.engines.light.renderers.warp.glasses import behind_lenses
from sonic.faces.model import FaceModel
from sonic.motion import MIRRORED, SHAPES

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


def own_shapes(model: FaceModel, rng: np.random.Generator, *, glasses: bool) -> FaceModel:
    """The model with shapes that go as far as this person's face does.

    The same ``rng`` gives the same person.
    """
    drawn = {name: _UNEVEN_SD * float(rng.standard_normal()) for name in _UNEVEN}
    lean = [np.clip(drawn.get(name.removesuffix("Left"), 0.0), -_MOST_UNEVEN, _MOST_UNEVEN) for name in SHAPES]
    gains = 1 + np.array(lean) - np.array(lean)[MIRRORED]
    shown = behind_lenses(model.template.astype(np.float64)) if glasses else 1.0
    return replace(model, shapes=(model.shapes * gains[:, None, None] * shown).astype(np.float32))
