"""Recipe of mouth.npz: teeth, gums, tongue and the socket around them, cut out of a head model and thinned.

    python -m recipes.mouth HEAD                                in the root of the repository

HEAD holds the light head of ICT-FaceKit (MIT, USC Institute for Creative Technologies 2020) as
``ict_facekit_light.npz`` (base (N, 3) cm, faces (M, 4) with -1 for a missing corner, expr (57, N, 3) and expr_names)
and its ``vertex_indices.json``. The result depends on these two files and on the mean face alone.

The head is laid on the product's mean face, so that the interior is in its millimetres, with the origin where the lips
meet. Surfaces that no camera in front of a face can see are left out: backs of teeth, roots, wisdom teeth, the throat.
"""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sonic.faces.geometry import similarity
from sonic.faces.model import face_model
from sonic.types import F64

OUT = Path("src/sonic/assets/weights/mouth.npz")
I64 = NDArray[np.int64]

_AXES = np.array([10.0, -10.0, -10.0])
"""Centimetres with y up and z to the viewer -> millimetres with y down and z away."""
_LANDMARKS = {36: 33, 39: 133, 42: 362, 45: 263, 27: 168, 30: 4, 33: 2, 48: 61, 54: 291, 51: 0, 57: 17}
"""The head's 68 landmarks (Multi-PIE) -> FaceMesh: eye corners, nose, mouth."""
_LIPS = ("62", "66")
_SOCKET, _GUMS = (11248, 13294), (14062, 17039)
_TOOTH = (
    17039, 17230, 17416, 17607, 17730, 17895, 17991, 18067, 18143, 18219, 18295, 18391, 18556, 18679, 18870, 19056,
    19247, 19426, 19602, 19814, 19952, 20079, 20169, 20263, 20349, 20435, 20529, 20619, 20746, 20884, 21096, 21272,
    21451,
)  # fmt: skip
"""First vertex of each tooth: the upper row, from right to left in the picture, then the lower."""
_SHOWN = (*range(2, 14), *range(18, 30))
"""Without wisdom teeth and second molars."""
_ROWS = 16
_ARCH_CENTRE = np.array([0.0, 0.0, 38.0])
TEETH, GUM, TONGUE, CHEEK = range(4)


@dataclass(frozen=True, slots=True)
class _Head:
    at: F64
    """(N, 3) mm from where the lips meet."""
    normal: F64
    """(N, 3) outward."""
    jaw: F64
    """(N, 3) mm that each point moves when the lower incisors sink by one."""
    triangles: I64


def main(folder: Path) -> None:
    """Write OUT."""
    head = _head(folder)
    front = [np.arange(_TOOTH[k], _TOOTH[k + 1]) for k in range(32)]
    is_tongue = _tongue(head, front)
    parts = [
        _part(head, front[k], TEETH, keep=_seen_of_tooth(head, front[k], k), cell_mm=_cell(k), tooth=k) for k in _SHOWN
    ]
    gums = np.arange(*_GUMS)
    z = head.at[:, 2]
    parts.append(_part(head, gums[~is_tongue], GUM, keep=(z < 46) & (_outward(head) > -0.2), cell_mm=1.3))
    parts.append(_part(head, gums[is_tongue], TONGUE, keep=z < 66, cell_mm=1.6))
    parts.append(
        _part(head, np.arange(*_SOCKET), CHEEK, keep=(z > 22) & (z < 80) & (head.normal[:, 2] < 0.2), cell_mm=5.5)
    )
    arrays = {name: np.concatenate([p[name] for p in parts]) for name in parts[0] if name != "triangles"}
    starts = np.cumsum([0, *(len(p["at"]) for p in parts)])
    triangles = np.concatenate([p["triangles"] + s for p, s in zip(parts, starts, strict=False)])
    np.savez_compressed(OUT, triangles=triangles.astype(np.uint16), **arrays)
    print(f"{OUT.name}: {len(arrays['at'])} points, {len(triangles)} triangles, {OUT.stat().st_size / 1000:.0f} kB")
    print(f"{OUT}  {hashlib.sha256(OUT.read_bytes()).hexdigest()}")


def _head(folder: Path) -> _Head:
    names = json.loads((folder / "vertex_indices.json").read_text())["idx_to_landmark_verts"]
    with np.load(folder / "ict_facekit_light.npz", allow_pickle=False) as arrays:
        base, faces = arrays["base"] * _AXES, arrays["faces"]
        opened = arrays["expr"][list(arrays["expr_names"]).index("jawOpen")] * _AXES
    mean = face_model().template.astype(np.float64)
    scale, rotation, shift = similarity(base[[names[i] for i in _LANDMARKS]], mean[list(_LANDMARKS.values())])
    at = scale * base @ rotation.T + shift
    at -= (at[names[int(_LIPS[0])]] + at[names[int(_LIPS[1])]]) / 2
    jaw = scale * opened @ rotation.T
    jaw /= jaw[_TOOTH[23] : _TOOTH[25], 1].mean()
    split = np.vstack([faces[:, :3], faces[:, [0, 2, 3]]])
    triangles = split[(split >= 0).all(1)].astype(np.int64)
    return _Head(at, _normals(at, triangles), jaw, triangles)


def _normals(at: F64, triangles: I64) -> F64:
    a, b, c = at[triangles[:, 0]], at[triangles[:, 1]], at[triangles[:, 2]]
    normal = np.zeros_like(at)
    for corner in range(3):
        np.add.at(normal, triangles[:, corner], np.cross(b - a, c - a))
    return np.asarray(normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9))


def _tongue(head: _Head, teeth: list[I64]) -> NDArray[np.bool_]:
    """Of the gums' vertices, those of the tongue: inside the lower arch, and moved by the jaw."""
    at = head.at[slice(*_GUMS)]
    middles = np.array([head.at[teeth[k]].mean(0) for k in range(_ROWS, 2 * _ROWS)])

    def polar(p: F64) -> tuple[F64, F64]:
        return np.arctan2(p[:, 0], 33 - p[:, 2]), np.hypot(p[:, 0], p[:, 2] - 33)

    angle, radius = polar(middles)
    order = np.argsort(angle)
    own_angle, own_radius = polar(at)
    arch = np.interp(own_angle, angle[order], radius[order])
    return np.asarray((np.linalg.norm(head.jaw[slice(*_GUMS)], axis=1) > 0.3) & (own_radius < arch - 4.5))


def _seen_of_tooth(head: _Head, points: I64, k: int) -> NDArray[np.bool_]:
    """(N,) of all vertices: those of a tooth that can be seen from in front, without the root."""
    from_edge = _from_edge(head.at[points], k)
    seen = np.zeros(len(head.at), bool)
    seen[points] = (from_edge < 12.5) & (_outward(head)[points] > -0.3)
    return seen


def _outward(head: _Head) -> F64:
    """How far a surface looks out of the dental arch."""
    out = (head.at - _ARCH_CENTRE) * [1, 0, 1]
    return np.asarray((out / np.linalg.norm(out, axis=1, keepdims=True) * head.normal).sum(1))


def _cell(k: int) -> float:
    """Front teeth stay as they are, for their outline is what one sees."""
    return 0.0 if k % _ROWS in range(5, 11) else 1.0


def _from_edge(at: F64, k: int) -> F64:
    y = at[:, 1]
    return np.asarray(y.max() - y if k < _ROWS else y - y.min())


def _part(
    head: _Head, points: I64, kind: int, *, keep: NDArray[np.bool_], cell_mm: float, tooth: int = -1
) -> dict[str, NDArray[np.generic]]:
    """One part: its triangles that are kept, vertices closer than ``cell_mm`` merged into one."""
    mine = np.zeros(len(head.at), bool)
    mine[points] = True
    corners = mine[head.triangles].all(1) & keep[head.triangles].any(1)
    used, triangles = np.unique(head.triangles[corners], return_inverse=True)
    triangles = triangles.reshape(-1, 3)
    at, normal, jaw = head.at[used], head.normal[used], head.jaw[used]
    if tooth >= 0:
        jaw = np.zeros_like(jaw) if tooth < _ROWS else np.broadcast_to(jaw.mean(0), jaw.shape)
        across, along = (
            _across(head.at[points], at, tooth),
            _from_edge(np.vstack([head.at[points], at]), tooth)[len(points) :],
        )
    else:
        across, along = at[:, 0], at[:, 2]
    if cell_mm:
        cells = np.floor(at / cell_mm).astype(int)
        _, group = np.unique(cells, axis=0, return_inverse=True)
        group, n = group.ravel(), int(group.max()) + 1
        size = np.bincount(group, minlength=n)[:, None]

        def mean(values: F64) -> F64:
            total = np.zeros((n, values.shape[1]))
            np.add.at(total, group, values)
            return total / size

        at, normal, jaw = mean(at), mean(normal), mean(jaw)
        across, along = mean(across[:, None])[:, 0], mean(along[:, None])[:, 0]
        triangles = group[triangles]
        distinct = (np.diff(np.sort(triangles, 1), axis=1) > 0).all(1)
        triangles = np.unique(triangles[distinct], axis=0)
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    n = len(at)
    return {
        "at": at.astype(np.float32), "normal": np.round(normal * 127).astype(np.int8), "jaw": jaw.astype(np.float32),
        "across": across.astype(np.float32), "along": along.astype(np.float32), "tooth": np.full(n, tooth, np.int8),
        "part": np.full(n, kind, np.uint8), "triangles": triangles,
    }  # fmt: skip


def _across(tooth: F64, at: F64, k: int) -> F64:
    """-1 .. 1 from side to side of a tooth's crown, along the dental arch."""
    crown = tooth[_from_edge(tooth, k) < 7]
    angle = np.arctan2(crown[:, 0].mean(), 45 - crown[:, 2].mean())
    tangent = np.array([np.cos(angle), 0, np.sin(angle)])
    low, high = (crown @ tangent).min(), (crown @ tangent).max()
    return np.asarray(2 * (at @ tangent - low) / (high - low) - 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
