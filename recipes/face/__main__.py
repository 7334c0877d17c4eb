"""Make face_model.npz: ``python -m recipes.face HEAD [TRACKS]`` in the root of the repository, a few seconds.

HEAD holds ICT-FaceKit's light model as ict_facekit_light.npz and vertex_indices.json. TRACKS is the folder that
`sonic train prepare` leaves tracked clips in; without it the mean face stays what it is (17 speakers of GRID).
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from recipes.face.head import arkit_shape, load_head
from recipes.face.mean import fit_template, load_tracks
from recipes.face.transfer import Transfer

from sonic.motion.shapes import MIRRORED, SHAPES
from sonic.training.tracks import Tracks
from sonic.types import F64

MODEL = Path("src/sonic/assets/face_model.npz")
_FLIP = np.array([-1.0, 1.0, 1.0])


def make_shapes(folder: Path, template: F64, mirror: NDArray[np.intp]) -> F64:
    """(N_SHAPE, 468, 3) mm; both sides of a face move alike."""
    head = load_head(folder)
    transfer = Transfer(head, template)
    median, most = np.percentile(transfer.distance_mm, [50, 100])
    print(f"landmarks lie {median:.1f} mm from the nearest vertex (median), {most:.1f} mm at most")
    shapes = np.stack([transfer(arkit_shape(head, name)) for name in SHAPES])
    return np.asarray((shapes + shapes[MIRRORED][:, mirror] * _FLIP) / 2)


def main(head: Path, tracks: Path | None = None) -> None:
    """Write MODEL and print its SHA-256."""
    if tracks:
        template, mirror = fit_template(load_tracks(Tracks(tracks)))
    else:
        with np.load(MODEL, allow_pickle=False) as arrays:
            template, mirror = arrays["template"].astype(np.float64), arrays["mirror"].astype(np.intp)
    shapes = make_shapes(head, template, mirror).astype(np.float32)
    kept = {"template": template.astype(np.float32), "mirror": mirror.astype(np.int16), "names": np.array(SHAPES)}
    np.savez_compressed(MODEL, shapes=shapes, **kept)
    print(f"{MODEL}  {hashlib.sha256(MODEL.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
