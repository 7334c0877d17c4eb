"""What MediaPipe itself finds in pictures and videos, to hold our own answers to.

    uv run --no-project --python 3.12 --with mediapipe==0.10.21 --with pillow python -m recipes.faces.answers [FOLDER]

Without FOLDER: in those of tests/support/face_pictures.py, for tests/data/mediapipe.npz. With it, for
bench/landmarks.py: in every FOLDER/NAME.npy, a picture (h, w, 3) or a video (t, h, w, 3), for FOLDER/answers.npz, and
how much processor time it takes, with the graph made anew for each picture.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from mediapipe.python.solutions import face_detection, face_mesh, selfie_segmentation
from numpy.typing import NDArray

Array = NDArray[Any]
STRIDE = 16
"""Every so many rows and columns of a matte are kept."""


def find(rgb: Array) -> Array:
    """(faces, 478, 3) in shares of the picture."""
    options = {"static_image_mode": True, "max_num_faces": 10, "min_detection_confidence": 0.3}
    with face_mesh.FaceMesh(refine_landmarks=True, **options) as mesh:
        return _landmarks(mesh.process(rgb))


def boxes(rgb: Array, far: bool) -> Array:
    """(faces, 5): score, left, top, width, height, the last four in shares of the picture."""
    with face_detection.FaceDetection(model_selection=int(far)) as detection:
        found = detection.process(rgb).detections or []
    rows = [(d.score[0], d.location_data.relative_bounding_box) for d in found]
    return np.array([(s, b.xmin, b.ymin, b.width, b.height) for s, b in rows], np.float32).reshape(-1, 5)


def matte(rgb: Array) -> Array:
    with selfie_segmentation.SelfieSegmentation(model_selection=0) as segmentation:
        return np.asarray(segmentation.process(rgb).segmentation_mask)


def track(frames: Iterable[Array]) -> Iterator[Array]:
    """(478, 3) of each frame; NaN where there is no face."""
    with face_mesh.FaceMesh(static_image_mode=False, max_num_faces=1, refine_landmarks=True) as mesh:
        for rgb in frames:
            found = _landmarks(mesh.process(np.ascontiguousarray(rgb)))
            yield found[0] if len(found) else np.full((478, 3), np.nan, np.float32)


def _landmarks(found: Any) -> Array:
    faces = found.multi_face_landmarks or []
    return np.array([[(p.x, p.y, p.z) for p in face.landmark] for face in faces], np.float32).reshape(-1, 478, 3)


class Clock:
    """Processor time by kind of question, of all threads."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}

    def __call__(self, kind: str, answer: Any, *questions: Any) -> Any:
        began = time.process_time()
        found = answer(*questions)
        self.times.setdefault(kind, []).append(1000 * (time.process_time() - began))
        return found


def answers_for(pictures: dict[str, Array], videos: dict[str, Array], clock: Clock) -> dict[str, Array]:
    """Everything that MediaPipe says of these, by the name of the picture and the question."""
    answers = {}
    for name, rgb in pictures.items():
        rgb = np.ascontiguousarray(rgb)
        answers[f"{name} landmarks"] = clock("landmarks", find, rgb)
        answers[f"{name} near"] = clock("near", boxes, rgb, False)
        answers[f"{name} far"] = clock("far", boxes, rgb, True)
        answers[f"{name} matte"] = clock("matte", matte, rgb)[::STRIDE, ::STRIDE]
    for name, frames in videos.items():
        answers[name] = np.stack(clock("track", lambda frames=frames: list(track(frames))))
        clock.times["track"][-1] /= len(frames)
    return answers


def main() -> None:
    clock = Clock()
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1])
        arrays = {path.stem: np.load(path) for path in sorted(folder.glob("*.npy"))}
        pictures, videos = ({n: a for n, a in arrays.items() if a.ndim == dims} for dims in (3, 4))
        target = folder / "answers.npz"
    else:
        sys.path.insert(0, "tests/support")
        import face_pictures

        pictures, videos = face_pictures.pictures(), {"video": np.stack(list(face_pictures.video()))}
        target = face_pictures.ANSWERS
    answers = answers_for(pictures, videos, clock)
    times = {f"{kind} ms": np.array(values) for kind, values in clock.times.items()} if len(sys.argv) > 1 else {}
    np.savez_compressed(target, **answers, **times)
    print(target, f"{target.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
