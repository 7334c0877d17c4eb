"""Smooth continuation of known pixels into unknown ones."""

import numpy as np

from sonic.types import F32


def fill_outwards(picture: F32, known: F32) -> F32:
    """(h, w, 3) with what is not known, by ``known`` (h, w) in [0, 1], filled from coarser and coarser averages.

    Gortler et al. 1996, "The Lumigraph": push-pull.
    """
    import cv2

    height, width = known.shape
    if min(height, width) <= 2:
        mean = (picture * known[..., None]).sum((0, 1)) / max(float(known.sum()), 1e-6)
        return np.where(known[..., None] > 0.5, picture, mean).astype(np.float32)
    half = ((width + 1) // 2, (height + 1) // 2)
    colour = cv2.resize(picture * known[..., None], half, interpolation=cv2.INTER_AREA)
    weight = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    coarse = (colour / np.maximum(weight, 1e-6)[..., None]).astype(np.float32)
    low = fill_outwards(coarse, np.clip(weight * 4, 0, 1).astype(np.float32))
    smooth = cv2.resize(low, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(picture * known[..., None] + smooth * (1 - known[..., None]), np.float32)
