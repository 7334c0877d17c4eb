"""What MediaPipe itself finds in the pictures of tests/support/face_pictures.py: tests/data/mediapipe.npz.

uv run --no-project --python 3.12 --with mediapipe==0.10.21 --with pillow python -m recipes.faces.answers
"""

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
from mediapipe.python.solutions import face_detection, face_mesh, selfie_segmentation
from numpy.typing import NDArray

sys.path.insert(0, "tests/support")
from face_pictures import ANSWERS, pictures, video

Array = NDArray[Any]


def landmarks(found: Any) -> Array:
    """(faces, 478, 3) in shares of the picture."""
    faces = found.multi_face_landmarks or []
    return np.array([[(p.x, p.y, p.z) for p in face.landmark] for face in faces], np.float32).reshape(-1, 478, 3)


def boxes(found: Any) -> Array:
    """(faces, 5): score, left, top, width, height, the last four in shares of the picture."""
    rows = [(d.score[0], d.location_data.relative_bounding_box) for d in found.detections or []]
    return np.array([(s, b.xmin, b.ymin, b.width, b.height) for s, b in rows], np.float32).reshape(-1, 5)


def tracked(frames: Iterable[Array]) -> Iterable[Array]:
    """(478, 3) of each frame; NaN where there is no face."""
    with face_mesh.FaceMesh(static_image_mode=False, max_num_faces=1, refine_landmarks=True) as mesh:
        for rgb in frames:
            found = landmarks(mesh.process(np.ascontiguousarray(rgb)))
            yield found[0] if len(found) else np.full((478, 3), np.nan, np.float32)


def main() -> None:
    answers: dict[str, Array] = {}
    for name, rgb in pictures().items():
        rgb = np.ascontiguousarray(rgb)
        options = {"static_image_mode": True, "max_num_faces": 10, "min_detection_confidence": 0.3}
        with face_mesh.FaceMesh(refine_landmarks=True, **options) as mesh:
            answers[f"{name} landmarks"] = landmarks(mesh.process(rgb))
        for selection, detector in enumerate(("near", "far")):
            with face_detection.FaceDetection(model_selection=selection) as detection:
                answers[f"{name} {detector}"] = boxes(detection.process(rgb))
        with selfie_segmentation.SelfieSegmentation(model_selection=0) as segmentation:
            answers[f"{name} matte"] = segmentation.process(rgb).segmentation_mask[::16, ::16]
    answers["video"] = np.stack(list(tracked(video())))
    np.savez_compressed(ANSWERS, **answers)
    print(ANSWERS, f"{ANSWERS.stat().st_size / 1e3:.0f} kB", {k: v.shape for k, v in answers.items()})


if __name__ == "__main__":
    main()
