"""The shipped networks speak 32 principal components of GRID's lower faces; Motion speaks expression shapes.

A displacement made of components is projected on the shapes. This file goes when the networks learn the shapes.
"""

import io
from functools import cache

import numpy as np

from sonic.faces.model import face_model
from sonic.faces.projection import nonnegative, weighted
from sonic.motion import MOUTH, N_SHAPE
from sonic.types import F32, F64
from sonic.weights import read

N_COMPONENTS = 32
_SEEN_SHARE = 0.66
"""The components are what a tracker saw, and it sees 0.66 of how far the mesh moves mouth corners and chin (medians of
six portraits saying three recordings)."""


@cache
def measures() -> F64:
    """(6, 32) millimetres of articulation.MEASURES per unit of each component."""
    return _arrays()[0]


def shapes_of(components: F32) -> F32:
    """(T, 32) components -> (T, N_SHAPE) weights of expression shapes."""
    mouth = weighted(face_model().shapes[MOUTH].astype(np.float64))
    found = np.zeros((len(components), N_SHAPE), np.float32)
    found[:, MOUTH] = nonnegative(mouth @ mouth.T, components.astype(np.float64) @ _arrays()[1].T / _SEEN_SHARE)
    return found


@cache
def _arrays() -> tuple[F64, F64]:
    with np.load(io.BytesIO(read("components")), allow_pickle=False) as arrays:
        return arrays["measures"].astype(np.float64), arrays["products"].astype(np.float64)
