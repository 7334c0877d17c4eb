"""Make face_model.npz: ``python -m recipes.face HEAD [TRACKS]`` in the root of the repository, a few seconds.

HEAD holds ICT-FaceKit's light model as ict_facekit_light.npz and vertex_indices.json. TRACKS is the folder that
`sonic train prepare` leaves tracked clips in; without it the mean face stays what it is (17 speakers of GRID).
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from recipes.face.head import IctHead, arkit_shape, load_head
from recipes.face.mean import fit_template, load_tracks
from recipes.face.transfer import Transfer

from sonic.faces.geometry import smoothstep
from sonic.faces.topology import EYES
from sonic.motion.shapes import MIRRORED, MOUTH, SHAPES
from sonic.training.tracks import Tracks
from sonic.types import F64

MODEL = Path("src/sonic/assets/face_model.npz")
_FLIP = np.array([-1.0, 1.0, 1.0])
_LIDS_MM = (6.0, 20.0)
"""From the eyes' contours: lids have motion of their own, so the mouth's shapes fade out towards them."""

_FLANKS_MM, _FLANKS_SHARE = (42.0, 62.0), 0.7
"""To either side: skin that spreads there goes around the head, out of sight, and must not pass the outline."""
_SHIFT = ("jaw", "mouthLeft", "mouthRight")
"""What moves both sides one way does not spread."""


def make_shapes(head: IctHead, template: F64, mirror: NDArray[np.intp]) -> F64:
    """(N_SHAPE, 468, 3) mm; both sides of a face move alike."""
    transfer = Transfer(head, template)
    median, most = np.percentile(transfer.distance_mm, [50, 100])
    print(f"landmarks lie {median:.1f} mm from the nearest vertex (median), {most:.1f} mm at most")
    nothing = np.zeros_like(template)
    shapes = np.stack([nothing if name.startswith("tongue") else transfer(arkit_shape(head, name)) for name in SHAPES])
    shapes[MOUTH] *= _off_the_lids(template)[:, None]
    widen = [i for i, name in enumerate(SHAPES) if not name.startswith(_SHIFT)]
    shapes[widen, :, 0] *= 1 - _FLANKS_SHARE * smoothstep(*_FLANKS_MM, np.abs(template[:, 0]))
    return np.asarray((shapes + shapes[MIRRORED][:, mirror] * _FLIP) / 2)


def _off_the_lids(template: F64) -> F64:
    """(468,) 0 at the lids, 1 away from them."""
    contours = [i for eye in EYES for i in (*eye.corners, *eye.upper, *eye.lower)]
    away = np.linalg.norm(template[:, None, :2] - template[None, contours, :2], axis=2).min(1)
    return smoothstep(*_LIDS_MM, away)


def main(folder: Path, tracks: Path | None = None) -> None:
    """Write MODEL and print its SHA-256."""
    if tracks:
        template, mirror = fit_template(load_tracks(Tracks(tracks)))
    else:
        with np.load(MODEL, allow_pickle=False) as arrays:
            template, mirror = arrays["template"].astype(np.float64), arrays["mirror"].astype(np.intp)
    shapes = make_shapes(load_head(folder), template, mirror).astype(np.float32)
    kept = {"template": template.astype(np.float32), "mirror": mirror.astype(np.int16), "names": np.array(SHAPES)}
    np.savez_compressed(MODEL, shapes=shapes, **kept)
    print(f"{MODEL}  {hashlib.sha256(MODEL.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
