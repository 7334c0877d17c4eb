"""Make rest.npz: ``python -m recipes.face.rest LONDON`` in the root of the repository, half a minute.

How a smiling or open mouth looks at rest: a regression from landmarks to the displacement that leads to the person's
neutral face. It learns from pairs of photos, neutral and smiling, of the Face Research Lab London Set (DeBruine and
Jones 2017, CC BY 4.0), and from their neutral faces under random expression shapes, mirrored ones included. LONDON
holds neutral_NNN_03.jpg and smiling_NNN_08.jpg. Only landmarks are used; 20 people are left out, to judge it by.
"""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sonic.engines.light.renderers.warp.neutral import fit_head
from sonic.faces.landmarks import find_faces
from sonic.faces.model import FaceModel, face_model
from sonic.faces.topology import LOWER_INNER, LOWER_OUTER, N_SURFACE, UPPER_INNER, UPPER_OUTER
from sonic.media.photo import load_photo
from sonic.motion import N_SHAPE, shape_column
from sonic.types import F32, F64

REST = Path("src/sonic/assets/weights/rest.npz")
# fmt: off
HELD_OUT = ("002", "009", "017", "025", "030", "031", "043", "061", "066", "067", "086", "096", "103", "112", "114",
            "115", "119", "121", "135", "137")
# fmt: on
"""People who are not learnt from: bench/neutral.py judges by them."""
SEED = 0
N_MODES, SHRINKAGE = 24, 10.0
"""Principal components of the faces that the displacement is linear in, and what holds it near its mean."""
N_MADE = 6
"""Expressions that are made of each neutral face."""
PHOTO_WEIGHT, NEUTRAL_WEIGHT, MADE_WEIGHT = 1.0, 0.5, 0.15
LIPS_WEIGHT = 3.0
_LIPS = sorted({*UPPER_INNER, *LOWER_INNER, *UPPER_OUTER, *LOWER_OUTER})
_FLIP = np.array([-1.0, 1.0, 1.0])
_MIDDLE = {"mouthFunnel": 0.6, "mouthPucker": 0.6, "mouthShrugUpper": 0.3, "mouthRollLower": 0.4}
_SIDES = {"mouthSmile": 0.7, "mouthStretch": 0.5, "mouthUpperUp": 0.6, "mouthLowerDown": 0.6, "mouthFrown": 0.4,
          "cheekSquint": 0.5}  # fmt: skip
"""Largest weights of the made expressions."""


def pairs(folder: Path) -> Iterator[tuple[str, F64, F64]]:
    """(person, neutral, smiling), landmarks (468, 3) in canonical mm."""
    for path in sorted(folder.glob("neutral_*_03.jpg")):
        person = path.stem.split("_")[1]
        yield person, canonical(path), canonical(folder / f"smiling_{person}_08.jpg")


def canonical(path: Path) -> F64:
    """(468, 3) mm of the face in a photo."""
    points = find_faces(load_photo(path).rgb)[0][:N_SURFACE].astype(np.float64)
    return fit_head(points, face_model().template.astype(np.float64)).to_mm(points)


def made_expressions(rng: np.random.Generator) -> F32:
    """(N_MADE, N_SHAPE) random weights; half of them open the jaw."""
    weights = np.zeros((N_MADE, N_SHAPE), np.float32)
    for row in weights:
        row[shape_column("jawOpen")] = rng.integers(2) * rng.uniform(0, 0.5)
        for name, most in _MIDDLE.items():
            row[shape_column(name)] = (rng.random() < 0.3) * rng.uniform(0, most)
        for name, most in _SIDES.items():
            both = (rng.random() < 0.35) * rng.uniform(0, most)
            for side in ("Left", "Right"):
                row[shape_column(name + side)] = both * rng.uniform(0.8, 1.2)
    return weights


def examples(
    people: list[tuple[F64, F64]], model: FaceModel, mirror: NDArray[np.intp], rng: np.random.Generator
) -> tuple[F64, F64, F64]:
    """((N, 468, 3) faces, (N, 468, 3) what leads to their neutral, (N,) weights)."""
    faces, ways, weights = [], [], []
    for neutral, smiling in people:
        for flip in (False, True):
            rest, smile = (f[mirror] * _FLIP if flip else f for f in (neutral, smiling))
            faces += [rest, smile]
            ways += [np.zeros_like(rest), rest - smile]
            weights += [NEUTRAL_WEIGHT, PHOTO_WEIGHT]
            for moved in model.displacement(made_expressions(rng)).astype(np.float64):
                faces.append(rest + moved)
                ways.append(-moved)
                weights.append(MADE_WEIGHT)
    return np.array(faces), np.array(ways), np.array(weights)


def fit(faces: F64, ways: F64, weights: F64) -> dict[str, F64]:
    """The arrays of rest.npz: ridge regression on principal components, lips counting more, depth less."""
    point = np.ones((N_SURFACE, 3)) * [1, 1, 0.5]
    point[_LIPS] *= LIPS_WEIGHT
    mean, root = faces.mean(0), np.sqrt(weights)[:, None]
    _, _, modes = np.linalg.svd(((faces - mean) * point).reshape(len(faces), -1) * root, full_matrices=False)
    modes = modes[:N_MODES] * point.ravel()
    seen = (faces - mean).reshape(len(faces), -1) @ modes.T
    size = np.sqrt((weights[:, None] * seen**2).sum(0) / weights.sum())
    seen = np.c_[np.ones(len(seen)), seen / size] * root
    ridge = np.diag([0.0, *[SHRINKAGE] * N_MODES])
    way = np.linalg.solve(seen.T @ seen + ridge, seen.T @ (ways.reshape(len(ways), -1) * root))
    return {"mean": mean, "modes": modes / size[:, None], "way": way}


def main(london: Path) -> None:
    """Write REST and print its SHA-256."""
    people = [(neutral, smiling) for person, neutral, smiling in pairs(london) if person not in HELD_OUT]
    with np.load("src/sonic/assets/face_model.npz", allow_pickle=False) as arrays:
        mirror = arrays["mirror"].astype(np.intp)
    found = fit(*examples(people, face_model(), mirror, np.random.default_rng(SEED)))
    kept = {"mean": np.float16, "modes": np.float32, "way": np.float16}
    np.savez_compressed(REST, **{name: found[name].astype(kind) for name, kind in kept.items()})
    print(f"{len(people)} people\n{REST}  {hashlib.sha256(REST.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
