"""Faces: how far our answers are from MediaPipe's, and what they cost.

    python bench/landmarks.py [--mediapipe PYTHON] [--portraits FOLDER] [--clips FOLDER]

Method: pictures and video of tests/support/face_pictures.py against the answers that are stored with the tests; with
``--mediapipe``, an interpreter that has mediapipe 0.10.21, more pictures (as the product searches them, at most 1280 px
long) and the first 100 frames of clips are asked of both. Distances are those of all 478 landmarks, in percent of the
distance of the outer corners of the eyes. Milliseconds are processor time of all threads, medians, so that a busy
machine counts little; MediaPipe's include making its graph for each picture, as the product had to. "first use" is a
process that analyses one photo, with the networks' loading and without Python's own start.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import machine
from report import Target, figure, table, target_table
from results import of_target, record
from sonic.faces.boxes import face_boxes
from sonic.faces.landmarks import find_faces, track_face
from sonic.faces.matte import person_matte
from sonic.faces.portrait import analyse_portrait
from sonic.media.photo import load_photo
from sonic.media.video import decode_video
from sonic.settings import Settings
from sonic.types import F32, U8

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import face_pictures  # noqa: E402

SEARCH_PX, FRAMES, PHOTO_PX = 1280, 100, 1024
Distances = NDArray[np.floating[Any]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mediapipe", type=Path, metavar="PYTHON")
    parser.add_argument("--portraits", type=Path, metavar="FOLDER")
    parser.add_argument("--clips", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    print(machine.describe(), end="\n\n")
    pictures, videos = face_pictures.pictures(), {"video": np.stack(list(face_pictures.video()))}
    with np.load(face_pictures.ANSWERS) as file:
        targets = [*_compared("stored", pictures, videos, dict(file))]
    theirs: dict[str, F32] = {}
    if arguments.mediapipe:
        pictures |= dict(_portraits(arguments.portraits)) if arguments.portraits else {}
        videos |= dict(_clips(arguments.clips)) if arguments.clips else {}
        theirs = _asked(arguments.mediapipe, pictures, videos)
        targets += _compared("asked", pictures, videos, theirs)
    _costs(theirs)
    targets += _analysis()
    for target in targets:
        record(of_target(target, tolerance=0.15))
    print("\n" + target_table(targets))
    return 0


def _portraits(folder: Path) -> Iterator[tuple[str, U8]]:
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".png", ".jpg")):
        rgb = load_photo(path).rgb
        scale = min(1.0, SEARCH_PX / max(rgb.shape[:2]))
        yield path.stem, np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _clips(folder: Path) -> Iterator[tuple[str, U8]]:
    for path in sorted(folder.rglob("*.mp4")):
        yield path.stem, np.stack([rgb for _, rgb in islice(decode_video(path), FRAMES)])


def _asked(python: Path, pictures: dict[str, U8], videos: dict[str, U8]) -> dict[str, F32]:
    """MediaPipe's answers, from an interpreter of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for name, array in (pictures | videos).items():
            np.save(Path(folder, f"{name}.npy"), array)
        command = [str(python), "-m", "recipes.faces.answers", folder]
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
        with np.load(Path(folder, "answers.npz")) as file:
            return dict(file)


def _compared(kind: str, pictures: dict[str, U8], videos: dict[str, U8], theirs: dict[str, F32]) -> Iterator[Target]:
    static, mattes, boxes, n_boxes = [], [], 0.0, 0
    for name, rgb in pictures.items():
        ours, other = find_faces(rgb), _in_px(theirs[f"{name} landmarks"], rgb)
        assert len(ours) == len(other), name
        static += [_apart(a, b) for a, b in zip(ours, other, strict=True)]
        mattes.append(np.abs(person_matte(rgb)[::16, ::16] - theirs[f"{name} matte"]).max())
        for far in (False, True):
            found, (mine,) = theirs[f"{name} {'far' if far else 'near'}"], face_boxes([rgb], far=far)
            assert len(mine) == len(found), name
            n_boxes += len(mine)
            boxes = max([boxes, *(abs(a[0] - b[0]) for a, b in zip(mine, found, strict=True))])
    followed = [d for name, frames in videos.items() for d in _followed(frames, theirs[name])]
    rows = [_row(f"faces in {len(pictures)} pictures", static), _row(f"frames of {len(videos)} videos", followed)]
    print(f"{kind} answers: landmarks, % of the eye distance")
    print(table(("what", "n", "mean", "p95", "largest"), rows))
    print(f"boxes: all {n_boxes} found by both, scores differ by {boxes:.1e} at most; mattes by {max(mattes):.1e}\n")
    yield Target(f"{kind}: static landmarks, largest mean of a face, %", max(d.mean() for d in static), high=0.05)
    yield Target(f"{kind}: static landmarks, largest of all, %", max(d.max() for d in static), high=0.05)
    yield Target(f"{kind}: tracked landmarks, largest of all, %", max(d.max() for d in followed), high=0.5)


def _followed(frames: U8, theirs: F32) -> Iterator[Distances]:
    for points, rgb, other in zip(track_face(frames), frames, theirs, strict=True):
        assert (points is None) == bool(np.isnan(other).any())
        if points is not None:
            yield _apart(points, _in_px(other, rgb))


def _in_px(shares: F32, rgb: U8) -> F32:
    height, width = rgb.shape[:2]
    return shares * np.float32((width, height, width)) - np.float32((0.5, 0.5, 0))


def _apart(ours: F32, theirs: F32) -> Distances:
    eyes = np.linalg.norm(theirs[33, :2] - theirs[263, :2])
    return np.asarray(100 * np.linalg.norm(ours - theirs, axis=1) / eyes)


def _row(name: str, distances: list[Distances]) -> list[str]:
    values = np.concatenate(distances)
    return [
        name,
        str(len(distances)),
        *(figure(v, 4) for v in (values.mean(), np.percentile(values, 95), values.max())),
    ]


def _costs(theirs: dict[str, F32]) -> None:
    """Each question, of the portrait of 960 x 768 px and of the video of 480 x 480 px."""
    rgb, frames = face_pictures.portrait(), list(face_pictures.video())
    ours = {
        "find faces and their landmarks": ("landmarks", lambda: find_faces(rgb), 1),
        "boxes, near": ("near", lambda: list(face_boxes([rgb], far=False)), 1),
        "boxes, far": ("far", lambda: list(face_boxes([rgb], far=True)), 1),
        "matte": ("matte", lambda: person_matte(rgb), 1),
        "track a face, a frame": ("track", lambda: list(track_face(frames)), len(frames)),
    }
    rows = []
    for name, (kind, work, n) in ours.items():
        before = theirs.get(f"{kind} ms")
        rows.append(
            [name, figure(None if before is None else float(np.median(before)), 1), figure(_cpu_ms(work) / n, 1)]
        )
    print(table(("processor time, ms", "MediaPipe", "ours"), rows))


def _cpu_ms(work: Callable[[], object], times: int = 15) -> float:
    work()
    taken = []
    for _ in range(times):
        began = time.process_time()
        work()
        taken.append(1000 * (time.process_time() - began))
    return float(np.median(taken))


FIRST = """
import sys, time
from pathlib import Path
from sonic.faces.portrait import analyse_portrait
from sonic.media.photo import load_photo
from sonic.settings import Settings
photo = load_photo(Path(sys.argv[1]))
began = time.process_time()
analyse_portrait(photo, Settings(), print)
print(1000 * (time.process_time() - began))
"""
IMPORT = "import time; began = time.process_time(); import sonic; print(time.process_time() - began)"


def _analysis() -> Iterator[Target]:
    """A photo of 1024 x 1024 px, from its pixels to the portrait with its matte."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "photo.png")
        rgb = cv2.resize(face_pictures.portrait()[:768], (PHOTO_PX, PHOTO_PX), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(path), rgb[:, :, ::-1])
        photo = load_photo(path)
        warm = _cpu_ms(lambda: analyse_portrait(photo, Settings(), lambda line: None))
        first = _printed(FIRST, str(path))
    yield Target("analysis of a photo of 1024 px, warm, ms", warm, high=150)
    yield Target("the same, first use in a process, ms", first, high=400)
    yield Target("import sonic, s", _printed(IMPORT), high=0.1)


def _printed(program: str, *arguments: str) -> float:
    """Median of what five processes print."""
    command = [sys.executable, "-c", program, *arguments]
    done = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(5)]
    return float(np.median([float(text.split()[-1]) for text in done]))


if __name__ == "__main__":
    raise SystemExit(main())
