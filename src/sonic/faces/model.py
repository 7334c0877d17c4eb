"""The face as a surface: its triangles, the mean face of engine light, and the expression shapes that deform it."""

import io
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sonic.errors import InstallError
from sonic.faces.topology import N_SURFACE
from sonic.motion import N_SHAPE, SHAPES
from sonic.types import F32
from sonic.weights import REMEDY, read


@dataclass(frozen=True, slots=True)
class FaceModel:
    """A mean face and its expressions; canonical axes: x right, y down, z away, origin at the mean of STABLE."""

    template: F32
    """(468, 3) mm, lips closed, eye centres 63 mm apart."""
    shapes: F32
    """(N_SHAPE, 468, 3) mm at full weight of each of motion.SHAPES."""

    def displacement(self, shape: F32) -> F32:
        """(T, N_SHAPE) weights -> (T, 468, 3) mm from the closed neutral."""
        return np.tensordot(shape, self.shapes, 1).astype(np.float32)


@cache
def face_model() -> FaceModel:
    """The shipped face. Raises InstallError if its file is missing or damaged."""
    with np.load(io.BytesIO(read("face_model")), allow_pickle=False) as arrays:
        template, shapes, names = arrays["template"], arrays["shapes"], tuple(arrays["names"])
    if template.shape != (N_SURFACE, 3) or shapes.shape != (N_SHAPE, N_SURFACE, 3) or names != SHAPES:
        raise InstallError(f"face_model.npz holds {template.shape} and {len(names)} other shapes; {REMEDY}")
    for array in (template, shapes):
        array.flags.writeable = False
    return FaceModel(template, shapes)


@cache
def face_triangles() -> NDArray[np.int32]:
    """(852, 3) triangles of the face surface, named by landmark; the eyes and the inside of the lips are holes.

    Raises InstallError as face_model.
    """
    triangles = np.asarray(np.load(io.BytesIO(read("face_triangles")), allow_pickle=False), np.int32)
    triangles.flags.writeable = False
    return triangles
