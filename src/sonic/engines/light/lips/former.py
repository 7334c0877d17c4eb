"""The shipped networks speak 32 principal components of GRID's lower faces; Motion speaks expression shapes.

A displacement made of components is projected on the shapes. This file goes when the networks learn the shapes.
"""

import io
from functools import cache

import numpy as np

from sonic.faces.model import face_model
from sonic.faces.projection import nonnegative, weighted
from sonic.motion import N_SHAPE
from sonic.motion.shapes import MOUTH_SHAPES
from sonic.types import F32, F64
from sonic.weights import read

N_COMPONENTS = 32
_SEEN_SHARE = 0.66
"""The components are what a tracker saw, and it sees 0.66 of how far the mesh moves mouth corners and chin (medians of
six portraits saying three recordings)."""


_UNSEEN = ("cheek", "nose", "tongue")
"""The components hold nothing of these: they fade out below the eyes."""
_SPEECH = [i for i, name in enumerate(MOUTH_SHAPES) if not name.startswith(_UNSEEN)]


@cache
def measures() -> F64:
    """(6, 32) millimetres of articulation.MEASURES per unit of each component."""
    return _arrays()[0]


def shapes_of(components: F32) -> F32:
    """(T, 32) components -> (T, N_SHAPE) weights of expression shapes."""
    mouth = weighted(face_model().shapes[_SPEECH].astype(np.float64))
    products = components.astype(np.float64) @ _arrays()[1][_SPEECH].T / _SEEN_SHARE
    found = np.zeros((len(components), N_SHAPE), np.float32)
    found[:, _SPEECH] = nonnegative(mouth @ mouth.T, products)
    return found


@cache
def _arrays() -> tuple[F64, F64]:
    with np.load(io.BytesIO(read("components")), allow_pickle=False) as arrays:
        return arrays["measures"].astype(np.float64), arrays["products"].astype(np.float64)
