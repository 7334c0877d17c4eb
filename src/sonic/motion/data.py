"""Motion: what moves, in numbers that can be plotted, edited, saved and rendered by any renderer.

This is decoded motion, never the diffusion latent, and it is relative to the portrait's own neutral (lips closed, eyes
and head as in the photo), scaled by the size of the face, so that it fits any face.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sonic.motion.shapes import N_SHAPE
from sonic.types import F32

WIDTHS = {"shape": N_SHAPE, "lids": 2, "gaze": 2, "pose_deg": 3, "shift": 3}
CHANNELS = ("shape", "lip_gap", "lids", "gaze", "pose_deg", "shift")
Floats = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Motion:
    """T samples of facial motion; sample i is what the frame shown at i / fps looks like."""

    fps: Fraction
    shape: F32
    """(T, N_SHAPE) weights of the expression shapes in motion.SHAPES; 0 is the closed neutral, 1 as far as a face goes.

    Nominally 0 .. 1; a little beyond either end is rendered as it is asked for (motion.limit)."""
    lip_gap: F32
    """(T,) opening between the inner lips at their centre, millimetres of the canonical face (eye centres 63 mm apart);
    0 is closed, and closed means closed."""
    lids: F32
    """(T, 2) eyelid opening of the (image-left, image-right) eye: 1 as in the photo, 0 shut, up to 1.15 wide."""
    gaze: F32
    """(T, 2) shift of both irises (right, down) in canonical millimetres; 0 as in the photo."""
    pose_deg: F32
    """(T, 3) head rotation (yaw, pitch, roll) relative to the photo, signs as in geometry.rotation_from_pose."""
    shift: F32
    """(T, 3) head translation (right, down, away) in face widths."""

    def __post_init__(self) -> None:
        n = len(self.lip_gap)
        for name, width in WIDTHS.items():
            got = getattr(self, name).shape
            if got != (n, width):
                raise ValueError(f"Motion.{name} must have shape ({n}, {width}), got {got}")
        for name in CHANNELS:
            array = getattr(self, name)
            if array.dtype != np.float32 or not np.isfinite(array).all():
                raise ValueError(f"Motion.{name} must be finite float32, got {array.dtype}")
        if n and float(self.lip_gap.min()) < 0:
            raise ValueError(f"Motion.lip_gap must not be negative, got {float(self.lip_gap.min()):.3f}")

    def __len__(self) -> int:
        return len(self.lip_gap)

    @classmethod
    def still(cls, n_frames: int, fps: Fraction) -> "Motion":
        """The photo itself, n_frames long."""

        def zeros(*shape: int) -> F32:
            return np.zeros((n_frames, *shape), np.float32)

        lids = np.ones((n_frames, 2), np.float32)
        return cls(fps, zeros(N_SHAPE), zeros(), lids, zeros(2), zeros(3), zeros(3))


def part(motion: Motion, first: int, last: int | None = None) -> Motion:
    """Samples ``first`` to ``last`` - 1 of a motion, as views."""
    return Motion(fps=motion.fps, **{name: getattr(motion, name)[first:last] for name in CHANNELS})


def join(pieces: Sequence[Motion]) -> Motion:
    """These motions one after another. Raises ValueError if there are none or they differ in fps."""
    rates = {piece.fps for piece in pieces}
    if len(rates) != 1:
        raise ValueError(f"pieces of one frame rate are joined, got {sorted(rates)}")
    return Motion(fps=rates.pop(), **{n: np.concatenate([getattr(piece, n) for piece in pieces]) for n in CHANNELS})


def f32(x: ArrayLike) -> F32:
    """``x`` in the precision of Motion."""
    return np.asarray(x, np.float32)


def column(weight: Floats, like: F32) -> Floats:
    """(T,) -> (T,) or (T, 1), whichever multiplies ``like``."""
    return weight if like.ndim == 1 else weight[:, None]
