"""Does a consent know its photo again, and only that one?

    python bench/consent.py [PORTRAITS] [--clips FOLDER] [--london FOLDER]

Method: the fingerprint of every portrait (sonic.provenance.likeness), compared with copies of the same picture (saved,
scaled, trimmed), with every other portrait stretched to the same proportions, with its mirror image, and with itself
after the face was replaced by the face of another portrait. Then faces of 150 to 340 px in a scene of 3600x2400 px: the
likeness of the face alone with copies of the scene, and with another face in its place, which the whole picture's
fingerprint is asked about too. With clips, also with other pictures of the same person in the same place: frames of the
same clip, and of other clips of that folder, against the frame in the middle of each of up to 40 clips.

With every third person of the Face Research Lab London Set (neutral_NNN_03.jpg, smiling_NNN_08.jpg), on which no limit
was chosen: the likeness of every neutral face alone, with copies of its photo, with the same person's smile, and with
every other person's face, neutral and smiling, laid into its place: same studio, light and pose, the hardest strangers.

A number is the disagreement of the worst part, 0 to 1; up to MAX_PART counts as the same photo; of a
face alone it is of all of it, and up to MAX_FACE counts.
"""

import argparse
import io
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import permutations
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
from PIL import Image

import machine
from sonic.faces.landmarks import find_faces
from sonic.media.photo import load_photo
from sonic.provenance.likeness import MAX_FACE, MAX_PART, Box, Likeness
from sonic.types import U8

Place = tuple[int, int, int, int]
"""(left, top, right, bottom) in px."""
LAGS_S = (0.04, 0.2, 0.6, 1.0)
N_CLIPS = 40
IN_A_SCENE = ("JPEG, quality 50", "scaled to 50%, JPEG 50", "scaled to 150%", "trimmed by 2 %, 70 %, JPEG 60")
TRIMS = ((0.01,) * 4, (0.02,) * 4, (0.02, 0, 0, 0), (0, 0.02, 0, 0), (0.013, 0.004, 0.018, 0.009), (0, 0, 0.007, 0.016))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portraits", type=Path, nargs="?", help="folder of pictures")
    parser.add_argument("--clips", type=Path, help="folder of MP4, MPG or MKV files, each of one person")
    parser.add_argument("--london", type=Path, help="folder of the London set")
    arguments = parser.parse_args()
    print(machine.describe())
    print(f"the same photo: up to {MAX_PART}, the same face: up to {MAX_FACE}\n")
    print("| compared with | pairs | taken for the same | least | median | most |\n|---|---|---|---|---|---|")
    if arguments.portraits:
        of_portraits(arguments.portraits)
    if arguments.clips:
        of_the_same_person(arguments.clips)
    if arguments.london:
        of_the_london_set(arguments.london)


def of_portraits(folder: Path) -> None:
    photos = [load_photo(p).rgb for p in sorted(folder.iterdir()) if p.suffix in (".jpg", ".png", ".webp")]
    known = [Likeness.of(photo) for photo in photos]
    began, n = time.perf_counter(), 0
    for name, edit in copies().items():
        found = [k.disagreement(edit(photo)) for k, photo in zip(known, photos, strict=True)]
        n += len(found)
        row(f"copy: {name}", found)
    each_ms = (time.perf_counter() - began) / n * 1000
    row("its mirror image", [k.disagreement(photo[:, ::-1].copy()) for k, photo in zip(known, photos, strict=True)])
    pairs = list(permutations(range(len(photos)), 2))
    row("another portrait", [known[i].disagreement(fitted(photos[j], photos[i])) for i, j in pairs])
    row(
        "the face of another portrait",
        [known[i].disagreement(swap) for i, j in pairs for swap in swapped(photos, i, j)],
    )
    in_a_scene(photos)
    print(f"\n{each_ms:.0f} ms a comparison, edit included\n")


def in_a_scene(photos: list[U8]) -> None:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (24, 36, 3), np.uint8)
    background = np.asarray(cv2.resize(coarse, (3600, 2400), interpolation=cv2.INTER_CUBIC), np.uint8)
    faces = [photo[t:b, left:r] for photo in photos if (box := face_box(photo)) for left, t, r, b in [box]]
    for height in (150, 240, 340):
        copied, other, whole = [], [], []
        for number, face in enumerate(faces):
            scene, box = laid(background, face, height)
            known, alone = Likeness.of(scene), Likeness.of_face(scene, box)
            for edit in (copies()[name] for name in IN_A_SCENE):
                copy = edit(scene)
                copied.append(alone.face_disagreement(copy, known.place_in(copy, box)))
            for stranger in (faces[(number + 1) % len(faces)], faces[(number + 2) % len(faces)]):
                forged, _ = laid(background, stranger, height, face.shape[1] / face.shape[0])
                other.append(alone.face_disagreement(forged, box))
                whole.append(known.disagreement(forged))
        row(f"face of {height} px in a scene: copies of the scene", copied, MAX_FACE)
        row(f"face of {height} px in a scene: another face in its place", other, MAX_FACE)
        row("the same, by the whole picture's fingerprint", whole)


def of_the_london_set(folder: Path) -> None:
    """The face alone: copies that must pass, and people who must not."""
    people = [(load_photo(n).rgb, load_photo(s).rgb) for n, s in pairs_of(folder)]
    neutral, smiling = ([(face_box(pair[side]), pair[side]) for pair in people] for side in (0, 1))
    found: dict[str, list[float]] = {"copies": [], "the same person's smile": []}
    others: dict[str, list[float]] = {"another person, neutral": [], "another person, smiling": []}
    for i, (place, photo) in enumerate(neutral):
        box = shares(place, photo)
        known, alone = Likeness.of(photo), Likeness.of_face(photo, box)
        for copy in (copies()[name](photo) for name in IN_A_SCENE):
            found["copies"].append(alone.face_disagreement(copy, known.place_in(copy, box)))
        found["the same person's smile"].append(alone.face_disagreement(*in_place(smiling[i], photo, place)))
        for name, faces in zip(others, (neutral, smiling), strict=True):
            others[name] += [
                alone.face_disagreement(*in_place(face, photo, place)) for j, face in enumerate(faces) if j != i
            ]
    for name, values in (found | others).items():
        row(f"face alone, {len(people)} people: {name}", values, MAX_FACE)
    strangers = np.concatenate(list(others.values()))
    for most in (0.05, 0.1, MAX_FACE, 0.2, 0.25, 0.3, 0.35):
        refused, passed = np.mean(np.array(found["copies"]) > most), np.mean(strangers <= most)
        print(f"at {most:.2f}: {refused:.2%} of the copies refused, {passed:.3%} of other people's faces accepted")


def pairs_of(folder: Path) -> Iterator[tuple[Path, Path]]:
    """(neutral, smiling) of everybody in whose two photos a face is found."""
    for neutral in sorted(folder.glob("neutral_*_03.jpg"))[::3]:
        smiling = folder / neutral.name.replace("neutral", "smiling").replace("_03", "_08")
        if smiling.exists() and all(find_faces(load_photo(path).rgb) for path in (neutral, smiling)):
            yield neutral, smiling


def in_place(face: tuple[Place, U8], photo: U8, place: Place) -> tuple[U8, Box]:
    """(photo with this face at ``place``, where that is): as a montage would lay it there."""
    (left, top, right, bottom), rgb = face
    x, y, x2, y2 = place
    forged = photo.copy()
    forged[y:y2, x:x2] = cv2.resize(rgb[top:bottom, left:right], (x2 - x, y2 - y), interpolation=cv2.INTER_AREA)
    return forged, shares(place, photo)


def shares(place: Place, photo: U8) -> Box:
    height, width = photo.shape[:2]
    return place[0] / width, place[1] / height, place[2] / width, place[3] / height


def laid(background: U8, face: U8, height: int, aspect: float | None = None) -> tuple[U8, Box]:
    """The scene with a face of this height in it, and where that is."""
    width = round(height * (aspect or face.shape[1] / face.shape[0]))
    scene = background.copy()
    scene[900 : 900 + height, 1500 : 1500 + width] = cv2.resize(face, (width, height), interpolation=cv2.INTER_AREA)
    return scene, (1500 / 3600, 900 / 2400, (1500 + width) / 3600, (900 + height) / 2400)


def row(name: str, found: list[float], most: float = MAX_PART) -> None:
    same = sum(f <= most for f in found)
    print(
        f"| {name} | {len(found)} | {same} | {min(found):.2f} | {np.median(found):.2f} | {max(found):.2f} |", flush=True
    )


def copies() -> dict[str, Callable[[U8], U8]]:
    edits: dict[str, Callable[[U8], U8]] = {"PNG": lambda x: saved(x, "PNG")}
    for quality in (50, 60, 75, 85, 95):
        edits[f"JPEG, quality {quality}"] = lambda x, q=quality: saved(x, "JPEG", q)
    for scale in (0.5, 0.75, 1.25, 1.5):
        edits[f"scaled to {scale:.0%}"] = lambda x, s=scale: scaled(x, s)
        edits[f"scaled to {scale:.0%}, JPEG 50"] = lambda x, s=scale: saved(scaled(x, s), "JPEG", 50)
    for trim in TRIMS:
        edits[f"trimmed by {', '.join(f'{t:.1%}' for t in trim)}"] = lambda x, t=trim: trimmed(x, t)
    rng = np.random.default_rng(0)
    for number in range(10):
        edits[f"trimmed by up to 2 % on each side, draw {number}"] = lambda x: trimmed(
            x, tuple(rng.uniform(0, 0.02, 4))
        )
    edits["trimmed by 2 %, 70 %, JPEG 60"] = lambda x: saved(scaled(trimmed(x, (0.02,) * 4), 0.7), "JPEG", 60)
    for trim in (0.03, 0.05):
        edits[f"beyond the promise: trimmed by {trim:.0%} all around"] = lambda x, t=trim: trimmed(x, (t,) * 4)
    return edits


def saved(rgb: U8, kind: str, quality: int = 0) -> U8:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, kind, quality=quality)
    return np.array(Image.open(file).convert("RGB"))


def scaled(rgb: U8, scale: float) -> U8:
    height, width = rgb.shape[:2]
    return np.array(Image.fromarray(rgb).resize((round(width * scale), round(height * scale))))


def trimmed(rgb: U8, trim: tuple[float, float, float, float]) -> U8:
    height, width = rgb.shape[:2]
    left, top, right, bottom = (round(t * n) for t, n in zip(trim, (width, height) * 2, strict=True))
    return rgb[top : height - bottom, left : width - right].copy()


def fitted(rgb: U8, to: U8) -> U8:
    return cv2.resize(rgb, to.shape[1::-1], interpolation=cv2.INTER_AREA)


def swapped(photos: list[U8], i: int, j: int) -> Iterator[U8]:
    """Photo i with the face of j in the place of its own, cross-faded at the edge."""
    places = [face_box(photos[i]), face_box(photos[j])]
    if None in places:
        return
    (left, t, r, b), (l2, t2, r2, b2) = places
    face = cv2.resize(photos[j][t2:b2, l2:r2], (r - left, b - t), interpolation=cv2.INTER_AREA).astype(np.float32)
    mask = np.zeros((b - t, r - left, 1), np.float32)
    cv2.ellipse(mask, ((r - left) // 2, (b - t) // 2), ((r - left) * 9 // 20, (b - t) * 9 // 20), 0, 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), max(1.0, (r - left) / 20))[..., None]
    swap = photos[i].copy()
    swap[t:b, left:r] = (mask * face + (1 - mask) * swap[t:b, left:r]).astype(np.uint8)
    yield swap


_BOXES: dict[int, tuple[int, int, int, int] | None] = {}


def face_box(rgb: U8) -> tuple[int, int, int, int] | None:
    if id(rgb) not in _BOXES:
        faces = find_faces(rgb)
        _BOXES[id(rgb)] = None
        if faces:
            points = max((np.asarray(f) for f in faces), key=lambda p: float(np.ptp(p[:, 0])))
            low, high = np.floor(points[:, :2].min(0)), np.ceil(points[:, :2].max(0))
            left, top = np.maximum(low, 0).astype(int)
            right, bottom = np.minimum(high, rgb.shape[1::-1]).astype(int)
            _BOXES[id(rgb)] = (int(left), int(top), int(right), int(bottom))
    return _BOXES[id(rgb)]


def of_the_same_person(folder: Path) -> None:
    paths = sorted(folder.rglob("*.m[pk][4gv]"))
    paths = paths[:: max(1, len(paths) // N_CLIPS)][:N_CLIPS]
    clips = [clip for path in paths if (clip := list(frames(path)))]
    known = [Likeness.of(clip[len(clip) // 2]) for clip in clips]
    for lag_s in LAGS_S:
        other = [min(len(c) - 1, len(c) // 2 + round(25 * lag_s)) for c in clips]
        row(
            f"same clip, {lag_s:g} s later", [k.disagreement(c[o]) for k, c, o in zip(known, clips, other, strict=True)]
        )
    pairs = [(i, j) for i, j in permutations(range(len(clips)), 2) if clips[i][0].shape == clips[j][0].shape]
    row("another clip", [known[i].disagreement(clips[j][len(clips[j]) // 2]) for i, j in pairs])


def frames(path: Path) -> Iterator[U8]:
    """At most 120; a damaged clip ends where the damage begins."""
    with av.open(str(path)) as container, suppress(av.error.InvalidDataError):
        for number, frame in enumerate(container.decode(video=0)):
            if number == 120:
                return
            yield frame.to_ndarray(format="rgb24")


if __name__ == "__main__":
    main()
