"""Do lips still say the words while a face smiles? And how near do opened eyes come to the person's own?

    python bench/expression.py [--portraits FOLDER] [--seconds 8] [--only lips eyes]

Method. Frames are taken from the renderer before label and encoding, 512 px on the shorter side, and tracked with
FaceMesh; millimetres are of a face whose eye centres are 63 mm apart. Medians over the portraits (else the demo's).

lips  The demo recording with each expression. "closed": share of the frames in which the neutral motion shuts the lips
      (gap below 0.3 mm) whose tracked gap is below 15 % of the neutral video's 95th percentile. "r": correlation of the
      tracked gap with the neutral video's. "round": tracked mouth width where pucker is above 0.25. "corners": how far
      they stand above the middle of the lips. "eyes": opening over width. "brows": standard deviation of their height.
eyes  Each portrait's eyes are shut by the renderer, both or one, and the picture is analysed anew as a photo, which the
      video opens. "own", "opened": distance of the lids over the width of the iris. "r shut", "r opened": correlation
      of the lightness around the eyes with the true open photo's, of the shut picture and of the opened one.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

import machine
from sonic import demo
from sonic.engines.light.drive import drive
from sonic.engines.light.renderers.warp import Renderer
from sonic.errors import SonicError
from sonic.faces import topology
from sonic.faces.eyes import eye_openings, shut_eyes
from sonic.faces.landmarks import fill_lost, find_faces, track_face
from sonic.faces.portrait import analyse_portrait
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.motion import Motion, join, shape_column
from sonic.settings import Settings
from sonic.types import F32, F64, U8, Photo, Portrait

SHOWN = (("neutral", 1.0), ("friendly", 1.0), ("friendly", 1.5), ("serious", 1.0), ("lively", 1.0), ("lively", 1.5))
EYES_MM = 63.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=Path, help="folder of photos")
    parser.add_argument("--seconds", type=float, default=8.0, help="of the demo recording")
    parser.add_argument("--only", nargs="+", choices=("lips", "eyes"), default=("lips", "eyes"))
    arguments = parser.parse_args()
    print(machine.describe())
    portraits = dict(_portraits(arguments.portraits))
    print(f"method: {len(portraits)} portraits, {arguments.seconds:g} s of the demo recording\n")
    if "lips" in arguments.only:
        _lips(portraits, arguments.seconds)
    if "eyes" in arguments.only:
        _eyes(portraits)
    return 0


def _portraits(folder: Path | None) -> Iterator[tuple[str, Portrait]]:
    for path in sorted(folder.iterdir()) if folder else [demo.PORTRAIT]:
        try:
            yield path.stem, analyse_portrait(load_photo(path), Settings(min_resolution=512), lambda _line: None)
        except SonicError as error:
            print(f"{path.name} is left out: {error}")


def _lips(portraits: dict[str, Portrait], seconds: float) -> None:
    speech = load_speech(demo.SPEECH, lambda _line: None)
    seconds = min(seconds, speech.duration_s)
    motions = [join(list(drive(speech, Settings(expression=e, expression_scale=s), seconds))) for e, s in SHOWN]
    rows: list[list[F64]] = [[] for _ in SHOWN]
    for portrait in portraits.values():
        renderer, neutral = Renderer(portrait), None
        for row, motion in zip(rows, motions, strict=True):
            points, _ = fill_lost(list(track_face(frame.rgb for frame in renderer.render([motion]))))
            neutral = points if neutral is None else neutral
            row.append(_lip_figures(points, neutral, motions[0]))
    print(f"{'expression':16}  closed      r  round mm  corners mm   eyes  brows mm")
    for (name, scale), row in zip(SHOWN, rows, strict=True):
        closed, r, width, corners, eyes, brows = np.median(row, axis=0)
        print(
            f"{name:10} {scale:5.1f}  {closed:6.0%}  {r:5.3f}  {width:8.1f}  {corners:10.1f}  {eyes:5.3f}  {brows:8.2f}"
        )


def _lip_figures(points: F32, neutral: F32, motion: Motion) -> F64:
    """(6,) as printed; ``motion`` is the neutral one."""
    gap, usual = _gap_mm(points), _gap_mm(neutral)
    mm, shut = _mm(points), motion.lip_gap < 0.3
    width = np.linalg.norm(points[:, topology.MOUTH_LEFT, :2] - points[:, topology.MOUTH_RIGHT, :2], axis=1) * mm
    pucker = motion.shape[:, shape_column("mouthPucker")] > 0.25
    lips = points[:, [topology.LIP_TOP, topology.LIP_BOTTOM], 1].mean(1)
    corners = (lips - points[:, [topology.MOUTH_LEFT, topology.MOUTH_RIGHT], 1].mean(1)) * mm
    eyes = np.mean([_open_share(points, eye) for eye in topology.EYES], axis=0)
    brows = points[:, [*topology.LEFT_BROW, *topology.RIGHT_BROW], 1].mean(1) - points[:, topology.NOSE_ROOT, 1].mean(1)
    return np.array(
        [
            (gap[shut] < 0.15 * np.percentile(usual, 95)).mean(),
            np.corrcoef(gap, usual)[0, 1],
            width[pucker].mean() if pucker.any() else np.nan,
            corners.mean(),
            np.median(eyes),
            (brows * mm).std(),
        ]
    )


def _mm(points: F32) -> F64:
    """(T,) millimetres a pixel."""
    left, right = (points[:, list(eye.corners), :2].mean(1) for eye in topology.EYES)
    return np.asarray(EYES_MM / np.linalg.norm(left - right, axis=1))


def _gap_mm(points: F32) -> F64:
    gap = np.linalg.norm(points[:, topology.LIP_TOP, :2] - points[:, topology.LIP_BOTTOM, :2], axis=1)
    return np.asarray(gap * _mm(points))


def _open_share(points: F32, eye: topology.Eye) -> F64:
    gap = np.linalg.norm(points[:, eye.upper[3], :2] - points[:, eye.lower[3], :2], axis=1)
    return np.asarray(gap / np.linalg.norm(points[:, eye.corners[0], :2] - points[:, eye.corners[1], :2], axis=1))


def _eyes(portraits: dict[str, Portrait]) -> None:
    print(f"\n{'portrait':28} {'shut':5}   own  opened  r shut  r opened")
    found = []
    for name, portrait in portraits.items():
        for which, lids in (("both", (0, 0)), ("one", (0, 1))):
            figures = _opened(portrait, np.array([lids], np.float32))
            if figures is None:
                print(f"{name[:28]:28} {which:5}  not seen as shut")
                continue
            found.append((which, figures))
            print(_row(name, which, *figures))
    for which in ("both", "one"):
        own, opened, before, after = np.median([f for kind, f in found if kind == which], axis=0)
        print(_row("median", which, own, opened, before, after))


def _row(name: str, which: str, own: float, opened: float, before: float, after: float) -> str:
    return f"{name[:28]:28} {which:5}  {own:.2f}    {opened:.2f}   {before:5.2f}     {after:5.2f}"


def _opened(portrait: Portrait, lids: F32) -> tuple[float, float, float, float] | None:
    """(own opening, opening of the opened eyes, likeness of the shut picture, of the opened one)."""
    still = Motion.still(1, Fraction(25))
    shut = next(Renderer(portrait).render([replace(still, lids=lids)])).rgb
    photo = Photo(np.ascontiguousarray(shut), portrait.photo.sha256, portrait.photo.name)
    again = analyse_portrait(photo, Settings(), lambda _line: None)
    if not any(shut_eyes(again.face.points_px)) or again.crop.shape != portrait.crop.shape:
        return None
    opened = next(Renderer(again).render([still])).rgb
    faces = find_faces(opened, max_faces=1)
    if not faces:
        return None
    eyes = [k for k in range(2) if lids[0, k] == 0]
    own, now = (float(np.mean([eye_openings(p)[k] for k in eyes])) for p in (portrait.face.points_px, faces[0]))
    likeness = [np.mean([_alike(portrait, rgb, topology.EYES[k]) for k in eyes]) for rgb in (shut, opened)]
    return own, now, float(likeness[0]), float(likeness[1])


def _alike(portrait: Portrait, rgb: U8, eye: topology.Eye) -> float:
    """Correlation of lightness around an eye with that of the portrait, blurred by a fortieth of the eye distance."""
    points = portrait.face.points_px[[*eye.corners, *eye.upper2, *eye.lower2], :2]
    (left, top), (right, bottom) = np.maximum(points.min(0), 0).astype(int), points.max(0).astype(int)
    sigma = max(0.5, portrait.face.quality.eye_distance_px / 40)
    one, other = (
        cv2.GaussianBlur(p[top:bottom, left:right].astype(np.float32).mean(-1), (0, 0), sigma).ravel()
        for p in (portrait.crop, rgb)
    )
    return float(np.corrcoef(one, other)[0, 1])


if __name__ == "__main__":
    raise SystemExit(main())
