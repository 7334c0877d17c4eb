"""Which expression shapes make a face move as it was seen to: non-negative least squares."""

import numpy as np

from sonic.types import F32, F64

SHRINKAGE_MM2 = 200.0
"""What a weight of 1 costs against squared millimetres summed over the landmarks: alike shapes share what they
explain."""
DEPTH_WEIGHT = 0.3
"""Of millimetres away from the camera: a tracker guesses them."""
_SWEEPS = 100


def coefficients(displacement: F64, shapes: F64) -> F32:
    """(T, K) weights, none below 0, with which (K, 468, 3) shapes come closest to (T, 468, 3) displacements, in mm.

    Frame by frame: a row depends on no other.
    """
    flat = weighted(shapes)
    return nonnegative(flat @ flat.T, weighted(displacement) @ flat.T)


def weighted(displacement: F64) -> F64:
    """(N, 468, 3) mm -> (N, 1404), whose squared length is what ``coefficients`` makes least."""
    return np.asarray((displacement * [1, 1, DEPTH_WEIGHT]).reshape(len(displacement), -1))


def nonnegative(gram: F64, linear: F64) -> F32:
    """(T, K) weights >= 0 that minimise w' (gram + SHRINKAGE_MM2) w / 2 - linear' w, row by row of (T, K) ``linear``.

    Coordinate descent from 0, the same number of sweeps for every row.
    """
    stiff = gram + SHRINKAGE_MM2 * np.eye(len(gram))
    weights = np.zeros_like(linear)
    for _ in range(_SWEEPS):
        for k, row in enumerate(stiff):
            weights[:, k] = np.maximum(weights[:, k] + (linear[:, k] - weights @ row) / row[k], 0)
    return weights.astype(np.float32)
