"""Faces, their landmarks and the selfie matte: MediaPipe behind small functions. Nothing else imports mediapipe."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sonic.errors import SonicError
from sonic.types import F32, N_LANDMARKS, U8

ScoredBox = tuple[float, tuple[float, float, float, float]]
"""(score, (left, top, right, bottom))"""


def find_faces(rgb: U8, *, max_faces: int = 10, min_confidence: float = 0.3) -> list[F32]:
    """Landmarks of the faces in one picture, each (478, 3) in px (z in the same px, smaller is nearer), unordered.

    Kartynnik et al. 2019, "Real-time facial surface geometry from monocular video on mobile GPUs".
    """
    with _face_mesh(static_image_mode=True, max_num_faces=max_faces, min_detection_confidence=min_confidence) as mesh:
        return _landmarks(mesh, rgb)


def track_face(frames: Iterable[U8]) -> Iterator[F32 | None]:
    """Landmarks of the one face in each frame of a video, or None where there is none."""
    with _face_mesh(static_image_mode=False, max_num_faces=1) as mesh:
        for rgb in frames:
            found = _landmarks(mesh, rgb)
            yield found[0] if found else None


def fill_lost(tracked: Sequence[F32 | None]) -> tuple[F32, int]:
    """((T, 478, 3) landmarks, how many frames had none) of track_face; those repeat the last face, or the first.

    Raises ValueError if no frame had a face.
    """
    last = next((points for points in tracked if points is not None), None)
    if last is None:
        raise ValueError(f"no face in any of {len(tracked)} frames")
    filled = []
    for points in tracked:
        last = last if points is None else points
        filled.append(last)
    return np.stack(filled), sum(points is None for points in tracked)


def face_triangles() -> NDArray[np.int32]:
    """(852, 3) triangles of the face surface, named by landmark; the eyes and the inside of the lips are holes."""
    edges = {(min(edge), max(edge)) for edge in _solution("face_mesh_connections").FACEMESH_TESSELATION}
    above: dict[int, set[int]] = {}
    for a, b in edges:
        above.setdefault(a, set()).add(b)
    triangles = {(a, b, c) for a, b in edges for c in above[a] & above.get(b, set())}
    # two triples of edges surround three triangles and are not one
    triangles -= {(49, 64, 129), (279, 294, 358)}
    return np.array(sorted(triangles), np.int32)


def face_boxes(pictures: Iterable[U8], *, far: bool, min_score: float = 0.5) -> Iterator[list[ScoredBox]]:
    """For each picture, (score in 0..1, (left, top, right, bottom) in px) of its faces, unordered.

    ``far`` finds faces from a twentieth of the picture's width on, otherwise from a tenth on and with a score that
    tells an upright face from a turned one. Bazarevsky et al. 2019, "BlazeFace".
    """
    options = {"model_selection": int(far), "min_detection_confidence": min_score}
    with _graph("face_detection", "FaceDetection", **options) as detection:
        for rgb in pictures:
            found = detection.process(np.ascontiguousarray(rgb)).detections or []
            height, width = rgb.shape[:2]
            yield [(float(f.score[0]), _box(f.location_data.relative_bounding_box, width, height)) for f in found]


def person_matte(rgb: U8) -> F32:
    """(H, W) in [0, 1]: how much of each pixel belongs to a person (MediaPipe selfie segmentation, general model)."""
    with _graph("selfie_segmentation", "SelfieSegmentation", model_selection=0) as segmentation:
        return np.asarray(segmentation.process(rgb).segmentation_mask, np.float32)


def _solution(name: str) -> Any:
    """A module of mediapipe.python.solutions.

    MediaPipe imports matplotlib for plots that nobody here draws: half of its import time, 0.6 s of every command. An
    empty module stands in for it meanwhile, unless the real one is loaded already.
    """
    stand_ins = {}
    if "mediapipe" not in sys.modules and "matplotlib" not in sys.modules:
        stand_ins = {key: ModuleType(key) for key in ("matplotlib", "matplotlib.pyplot")}
    sys.modules.update(stand_ins)
    try:
        return import_module(f"mediapipe.python.solutions.{name}")
    finally:
        for key in stand_ins:
            del sys.modules[key]


@contextmanager
def _face_mesh(**options: Any) -> Iterator[Any]:
    with _graph("face_mesh", "FaceMesh", refine_landmarks=True, **options) as mesh:
        yield mesh


_opened_in: set[int] = set()
"""Processes, by number, that have opened a graph: this one, and those it was forked from."""


@contextmanager
def _graph(module: str, name: str, **options: Any) -> Iterator[Any]:
    """A graph of MediaPipe, at work. Raises SonicError in a process that was forked from one which had a graph.

    MediaPipe keeps threads from the first graph on. A fork copies their locks and half-done work but not the threads:
    the next graph ends the process with SIGABRT.
    """
    if _opened_in - {os.getpid()}:
        raise SonicError(
            "this process was forked from one that had already looked for faces, which MediaPipe does not survive; "
            'start processes with multiprocessing.get_context("spawn"), or before the first video'
        )
    _opened_in.add(os.getpid())
    with getattr(_solution(module), name)(**options) as graph:
        yield graph


def _landmarks(mesh: Any, rgb: U8) -> list[F32]:
    height, width = rgb.shape[:2]
    found = mesh.process(rgb).multi_face_landmarks or []
    scale = np.array([width, height, width], np.float32)
    return [_points(face, scale) for face in found]


def _points(face: Any, scale: F32) -> F32:
    points = np.array([(p.x, p.y, p.z) for p in face.landmark], np.float32) * scale
    assert points.shape == (N_LANDMARKS, 3)  # noqa: S101 - the model's own promise, not user input
    # MediaPipe places the centre of the first pixel at 0.5.
    points[:, :2] -= 0.5
    return points


def _box(box: Any, width: int, height: int) -> tuple[float, float, float, float]:
    left, top = box.xmin * width - 0.5, box.ymin * height - 0.5
    return left, top, left + box.width * width, top + box.height * height
