"""The vocabulary of Motion: expression shapes by their ARKit names.

"Left" and "Right" in a name are the person's own, as in ARKit: mouthSmileLeft is in the right half of the picture.
Lids, gaze and head have channels of their own, and so has the gap between the lips.
"""

import numpy as np

# fmt: off
MOUTH_SHAPES = (
    "jawOpen", "jawForward", "jawLeft", "jawRight", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft",
    "mouthRight", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft",
    "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft",
    "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "cheekPuff", "cheekSquintLeft",
    "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueUp", "tongueOut",
)
"""Of the lower face: what speech moves. The tongue is drawn, it moves no skin: tongueUp (not ARKit's) lays its tip on
the upper teeth, as in t d n l, and tongueOut between the teeth, as in th."""
BROW_SHAPES = (
    "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "browDownLeft", "browDownRight", "eyeSquintLeft",
    "eyeSquintRight",
)
# fmt: on
"""Of brows and the skin around the eyes."""
SHAPES = (*MOUTH_SHAPES, *BROW_SHAPES)
"""Columns of Motion.shape, in this order."""
N_SHAPE = len(SHAPES)
MOUTH, BROWS = slice(0, len(MOUTH_SHAPES)), slice(len(MOUTH_SHAPES), N_SHAPE)
"""The two parts of Motion.shape."""


def shape_column(name: str) -> int:
    """Where a shape stands in Motion.shape. Raises ValueError for a name that is not in SHAPES."""
    return SHAPES.index(name)


def _other_side(name: str) -> str:
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    return name.removesuffix("Right") + "Left" if name.endswith("Right") else name


MIRRORED = np.array([SHAPES.index(_other_side(name)) for name in SHAPES])
"""(N_SHAPE,) ``shape[:, MIRRORED]`` is the motion of the mirror image."""
