"""Motion: what moves, in numbers that can be plotted, edited, saved and rendered by any renderer.

This is decoded motion, never the diffusion latent, and it is relative to the portrait's own neutral (lips closed, eyes
as in the photo, head as in the photo), scaled by the size of the face, so that it fits any face.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from sonic.types import F32

N_SHAPE = 32
"""Coefficients of the shipped deformation basis (assets/face_model.npz)."""


@dataclass(frozen=True, slots=True)
class Motion:
    """T samples of facial motion; sample i is what the frame shown at i / fps looks like."""

    fps: Fraction
    shape: F32
    """(T, 32) lower-face deformation in standard deviations of the basis; 0 is the closed neutral."""
    lip_gap: F32
    """(T,) opening between the inner lips at their centre, millimetres of the canonical face (eye centres 63 mm apart);
    0 is closed, and closed means closed."""
    lids: F32
    """(T, 2) eyelid opening of the (image-left, image-right) eye: 1 as in the photo, 0 shut, up to 1.15 wide."""
    gaze: F32
    """(T, 2) shift of both irises (right, down) in canonical millimetres; 0 as in the photo."""
    brows: F32
    """(T, 2) raise of the (image-left, image-right) brow in canonical millimetres; negative is a frown."""
    pose_deg: F32
    """(T, 3) head rotation (yaw, pitch, roll) relative to the photo, signs as in geometry.rotation_from_pose."""
    shift: F32
    """(T, 3) head translation (right, down, away) in face widths."""

    def __post_init__(self) -> None:
        n = len(self.lip_gap)
        widths = {"shape": N_SHAPE, "lids": 2, "gaze": 2, "brows": 2, "pose_deg": 3, "shift": 3}
        for name, width in widths.items():
            got = getattr(self, name).shape
            if got != (n, width):
                raise ValueError(f"Motion.{name} must have shape ({n}, {width}), got {got}")
        for name in (*widths, "lip_gap"):
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
        return cls(fps, zeros(N_SHAPE), zeros(), lids, zeros(2), zeros(2), zeros(3), zeros(3))
