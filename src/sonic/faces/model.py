"""The face as a surface: its triangles, the mean face of engine light, and how speech deforms it."""

import io
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sonic.errors import InstallError
from sonic.faces.topology import N_SURFACE
from sonic.motion import N_SHAPE
from sonic.types import F32
from sonic.weights import REMEDY, read


@dataclass(frozen=True, slots=True)
class FaceModel:
    """A mean face and how speech deforms it; canonical axes: x right, y down, z away, origin at the mean of STABLE."""

    template: F32
    """(468, 3) mm, lips closed, eye centres 63 mm apart."""
    basis: F32
    """(32, 468, 3) mm per unit of Motion.shape; zero at the eyes, the brows and the forehead."""

    def displacement(self, shape: F32) -> F32:
        """(T, 32) coefficients -> (T, 468, 3) mm from the closed neutral."""
        return np.tensordot(shape, self.basis, 1).astype(np.float32)


@cache
def face_model() -> FaceModel:
    """The shipped face. Raises InstallError if its file is missing or damaged."""
    with np.load(io.BytesIO(read("face_model")), allow_pickle=False) as arrays:
        template, basis = arrays["template"], arrays["basis"]
    if template.shape != (N_SURFACE, 3) or basis.shape != (N_SHAPE, N_SURFACE, 3):
        raise InstallError(f"face_model.npz holds {template.shape} and {basis.shape}; {REMEDY}")
    for array in (template, basis):
        array.flags.writeable = False
    return FaceModel(template, basis)


@cache
def face_triangles() -> NDArray[np.int32]:
    """(852, 3) triangles of the face surface, named by landmark; the eyes and the inside of the lips are holes.

    Raises InstallError as face_model.
    """
    triangles = np.asarray(np.load(io.BytesIO(read("face_triangles")), allow_pickle=False), np.int32)
    triangles.flags.writeable = False
    return triangles
