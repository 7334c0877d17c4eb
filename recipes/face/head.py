"""ICT-FaceKit (USC Institute for Creative Technologies, 2020, MIT), read from the npz of its light model."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sonic.types import F64

N_SKIN = 9409
"""The first vertices: the skin of the face, in front of the ears."""
_AXES = np.array([10.0, -10.0, -10.0])
"""Its centimetres with y up and z to the viewer -> millimetres with y down and z away."""


@dataclass(frozen=True, slots=True)
class IctHead:
    """Skin of the head in mm, x right, y down, z away."""

    skin: F64
    """(N_SKIN, 3)"""
    identities: F64
    """(100, N_SKIN, 3) how people differ."""
    expressions: dict[str, F64]
    """Name -> (N_SKIN, 3) displacement at full weight."""
    landmarks: tuple[int, ...]
    """Vertices of the 68 points of Multi-PIE."""


def load_head(folder: Path) -> IctHead:
    """From ict_facekit_light.npz and vertex_indices.json."""
    with np.load(folder / "ict_facekit_light.npz", allow_pickle=False) as arrays:
        skin = arrays["base"][:N_SKIN].astype(np.float64) * _AXES
        identities = arrays["ident"][:, :N_SKIN].astype(np.float64) * _AXES
        moves = arrays["expr"][:, :N_SKIN].astype(np.float64) * _AXES
        names = [str(name) for name in arrays["expr_names"]]
    indices = json.loads((folder / "vertex_indices.json").read_text())["idx_to_landmark_verts"]
    return IctHead(skin, identities, dict(zip(names, moves, strict=True)), tuple(indices))


def arkit_shape(head: IctHead, name: str) -> F64:
    """(N_SKIN, 3) by its ARKit name: sides are _L and _R there, and shapes of both sides are split in two."""
    for side in ("Left", "Right"):
        if name.endswith(side) and (own := f"{name.removesuffix(side)}_{side[0]}") in head.expressions:
            return head.expressions[own]
    if name in head.expressions:
        return head.expressions[name]
    return head.expressions[f"{name}_L"] + head.expressions[f"{name}_R"]
