"""Faces as sheets to look at, and what can be measured on them: every portrait of a folder in ten poses.

    python bench/faces.py --portraits FOLDER [--london FOLDER] --out FOLDER [--before FOLDER] [--only NAME ...]

``--out`` receives one picture a portrait and pose, sheets of them, and measures.json. ``--before`` names the ``--out``
of an earlier commit: each row of a sheet then has that commit's pictures above today's, and the measures a second
column. ``--london`` is the Face Research Lab London Set (DeBruine and Jones 2017), of which only HELD_OUT is used:
nobody whose numbers shaped the weights.

Method: frames are taken from the renderer before label and encoding, at most 512 px on the shorter side. Faces are
tracked anew in them with FaceMesh, lengths are in mm of a face whose eye centres are 63 mm apart. "gap" is how far the
tracker sees lips apart that lie on each other; in filmed people it sees .1 to .2 mm then. "lips" is the area of the
vermilion against that of the closed mouth; "travel" is how much wider the mouth is in a pose than closed; "teeth" is
the luminance of the lightest pixels between the lips against the white of the eyes; "edges" is the Laplacian's energy
between the lips against that of the face; "still" is the largest difference of the motionless frame to the photo
outside the mouth; "flicker" is the second difference in time of the pixels around an open mouth
against those of the whole face while the head sways. "neutral" (London's smiles) is the distance of the tracked mouth
to that of the same person's neutral photo, and "ssim" how similar the two are there in pixels.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

import machine
from report import figure, table
from sonic.engines.light.renderers.warp import Renderer
from sonic.errors import SonicError
from sonic.faces import topology
from sonic.faces.geometry import similarity
from sonic.faces.landmarks import find_faces
from sonic.faces.portrait import analyse_portrait
from sonic.media.images import save_picture, tile
from sonic.media.photo import load_photo
from sonic.motion import N_SHAPE, SHAPES, Motion, shape_column
from sonic.settings import Settings
from sonic.types import F64, U8, Photo, Portrait

HELD_OUT = (
    "002", "009", "017", "025", "030", "031", "043", "061", "066", "067", "086", "096", "103", "112", "114", "115",
    "119", "121", "135", "137",
)  # fmt: skip
"""People of the London set that no training sees, as in recipes/face/rest.py."""
CELL_PX = 220
ROWS_A_SHEET = 6
SIDE_PX = 512


@dataclass(frozen=True)
class Pose:
    """One column of the sheets."""

    name: str
    gap_mm: float = 0.0
    shapes: dict[str, float] = field(default_factory=dict)
    """Weights of expression shapes."""
    lids: tuple[float, float] = (1.0, 1.0)
    yaw_deg: float = 0.0
    close_up: bool = True
    """The mouth alone, or the whole face."""


POSES = (
    Pose("closed"),
    Pose("m", 0.0, {"mouthPress": 0.2, "mouthPucker": 0.1, "jawOpen": 0.03}),
    Pose("a", 13.0, {"jawOpen": 0.42}),
    Pose("i", 4.0, {"jawOpen": 0.1, "mouthStretch": 0.6, "mouthUpperUp": 0.2}),
    Pose("u", 3.0, {"jawOpen": 0.1, "mouthPucker": 0.85}),
    Pose("f", 2.5, {"mouthRollLower": 0.5, "mouthUpperUp": 0.3}),
    Pose("smile", 7.0, {"mouthSmile": 0.75, "mouthUpperUp": 0.3, "mouthLowerDown": 0.4, "cheekSquint": 0.5}),
    Pose("surprise", 9.0, {"jawOpen": 0.3, "browInnerUp": 0.9}, lids=(1.12, 1.12), close_up=False),
    Pose("blink", 0.0, lids=(0.0, 0.0), close_up=False),
    Pose("turned", 6.0, {"jawOpen": 0.2}, yaw_deg=10.0, close_up=False),
)


def motion_of(poses: Sequence[Pose]) -> Motion:
    """One sample a pose."""
    still = Motion.still(len(poses), Fraction(25))
    lids = np.array([p.lids for p in poses])
    turn = np.array([[p.yaw_deg, 0.0, 0.0] for p in poses])
    gap, shape = np.array([p.gap_mm for p in poses]), np.stack([_shape_row(p.shapes) for p in poses])
    fields = {"shape": shape, "lip_gap": gap, "lids": lids, "pose_deg": turn}
    rows = {name: np.asarray(value, np.float32) for name, value in fields.items()}
    return Motion(still.fps, gaze=still.gaze, shift=still.shift, **rows)


def _shape_row(weights: dict[str, float]) -> F64:
    """A row of Motion.shape; a name without a side means both."""
    row = np.zeros(N_SHAPE)
    for name, weight in weights.items():
        sides = [name] if name in SHAPES else [f"{name}Left", f"{name}Right"]
        row[[shape_column(side) for side in sides]] = weight
    return row


@dataclass(frozen=True)
class Sitter:
    """A photo and, where there is one, the same person's neutral photo."""

    name: str
    photo: Path
    neutral: Path | None = None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=Path, help="folder of photos")
    parser.add_argument("--london", type=Path, help="folder of the London set")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--before", type=Path, help="--out of an earlier commit")
    parser.add_argument("--only", nargs="*", default=[], help="portraits whose name contains one of these")
    arguments = parser.parse_args()
    print(machine.describe())
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict[str, float]] = {}
    for sitter in sitters(arguments.portraits, arguments.london):
        if arguments.only and not any(part in sitter.name for part in arguments.only):
            continue
        try:
            rows[sitter.name] = judge(sitter, arguments.out)
        except SonicError as error:
            print(f"{sitter.name}: refused: {error}")
    (arguments.out / "measures.json").write_text(json.dumps(rows, indent=1) + "\n")
    write_sheets(list(rows), arguments.out, arguments.before)
    print(report(rows, arguments.before))
    return 0


def sitters(portraits: Path | None, london: Path | None) -> Iterator[Sitter]:
    """The portraits, then London's held-out people, who smile in every other photo."""
    if portraits:
        yield from (Sitter(p.stem, p) for p in sorted(portraits.iterdir()) if p.suffix in (".png", ".jpg"))
    for i, who in enumerate(HELD_OUT if london else ()):
        neutral, smiling = london / f"neutral_{who}_03.jpg", london / f"smiling_{who}_08.jpg"
        yield Sitter(f"london_{who}", neutral if i % 2 else smiling, None if i % 2 else neutral)


def judge(sitter: Sitter, out: Path) -> dict[str, float]:
    """Render one portrait in all poses, keep the pictures, and measure."""
    portrait = _analysed(sitter.photo)
    renderer = Renderer(portrait)
    frames = {p.name: f.rgb for p, f in zip(POSES, renderer.render([motion_of(POSES)]), strict=True)}
    for pose in POSES:
        cell = _cell(portrait.face.points_px, frames[pose.name], half_mm=42 if pose.close_up else 105)
        save_picture(cell, out / f"{sitter.name}-{pose.name}.png")
    values = measures(portrait, frames) | {"flicker": flicker(portrait, renderer)}
    if sitter.neutral:
        values |= against_neutral(frames["closed"], _analysed(sitter.neutral).crop)
    print(sitter.name, " ".join(f"{k} {v:.2f}" for k, v in values.items()), flush=True)
    return values


def _analysed(path: Path) -> Portrait:
    photo = load_photo(path)
    return analyse_portrait(photo, Settings(min_resolution=_side(photo)), lambda line: None)


def _side(photo: Photo) -> int:
    return max(128, min(SIDE_PX, min(photo.size_px)) // 2 * 2)


def _cell(points: np.ndarray, frame: U8, half_mm: float) -> U8:
    """A square around the mouth as it was in the photo; faces are centred on the nose."""
    mm = _eye_distance(points) / 63
    centre = points[[*topology.UPPER_INNER, *topology.LOWER_INNER], :2].mean(0) + np.array([0, 4 * mm])
    centre = centre if half_mm < 60 else points[4, :2]
    k = CELL_PX / (2 * half_mm * mm)
    move = np.hstack([np.eye(2) * k, (CELL_PX / 2 - centre * k)[:, None]])
    how = cv2.INTER_AREA if k < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.warpAffine(frame, move, (CELL_PX, CELL_PX), flags=how, borderMode=cv2.BORDER_REPLICATE))


def _eye_distance(points: np.ndarray) -> float:
    centres = [points[[*eye.corners, *eye.upper, *eye.lower], :2].mean(0) for eye in topology.EYES]
    return float(np.linalg.norm(centres[0] - centres[1]))


def _polygon(shape: tuple[int, ...], points: np.ndarray, upper: Sequence[int], lower: Sequence[int]) -> np.ndarray:
    mask = np.zeros(shape[:2], np.uint8)
    ring = [*upper, *lower[::-1]]
    cv2.fillPoly(mask, [np.round(points[ring, :2] * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    return mask > 0


def measures(portrait: Portrait, frames: dict[str, U8]) -> dict[str, float]:
    """What the frames of the poses show; a pose in which no face is found is left out."""
    seen = {name: faces[0] for name, frame in frames.items() if (faces := find_faces(frame))}
    values: dict[str, float] = {}
    if "closed" in seen:
        rest, mm = seen["closed"], _eye_distance(seen["closed"]) / 63
        for name in ("closed", "m"):
            if name in seen:
                lips = seen[name][[topology.LIP_TOP, topology.LIP_BOTTOM], :2]
                values[f"gap_{name}"] = float(np.linalg.norm(lips[0] - lips[1])) / mm
        for name in ("a", "i", "u", "smile"):
            if name in seen:
                values[f"travel_{name}"] = (_width(seen[name]) - _width(rest)) / mm
                values[f"lips_{name}"] = _vermilion(frames[name], seen[name]) / _vermilion(frames["closed"], rest)
    for name in ("a", "i", "smile"):
        if name in seen:
            values |= _inside(frames[name], seen[name], portrait, name)
    values["still"] = _still(portrait, frames["closed"])
    return values


def _width(points: np.ndarray) -> float:
    return float(np.linalg.norm(points[topology.MOUTH_LEFT, :2] - points[topology.MOUTH_RIGHT, :2]))


def _vermilion(frame: U8, points: np.ndarray) -> float:
    outer = _polygon(frame.shape, points, topology.UPPER_OUTER, topology.LOWER_OUTER)
    inner = _polygon(frame.shape, points, topology.UPPER_INNER, topology.LOWER_INNER)
    return float(max((outer & ~inner).sum(), 1))


def _inside(frame: U8, points: np.ndarray, portrait: Portrait, name: str) -> dict[str, float]:
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mouth = _polygon(frame.shape, points, topology.UPPER_INNER, topology.LOWER_INNER)
    face = _polygon(frame.shape, points, topology.OVAL[:19], topology.OVAL[19:][::-1])
    eyes = np.zeros_like(face)
    for eye in topology.EYES:
        ring = ([eye.corners[0], *eye.upper, eye.corners[1]], list(eye.lower))
        eyes |= _polygon(frame.shape, portrait.face.points_px, *ring)
    if mouth.sum() < 20 or eyes.sum() < 20:
        return {}
    light = (grey / 255) ** 2.2
    energy = cv2.Laplacian(grey, cv2.CV_32F) ** 2
    white = np.percentile(light[eyes], 88)
    return {
        f"teeth_{name}": float(np.percentile(light[mouth], 90) / max(white, 1e-3)),
        f"edges_{name}": float(np.sqrt(energy[mouth].mean() / max(energy[face].mean(), 1e-3))),
    }


def _still(portrait: Portrait, frame: U8) -> float:
    """Largest difference to the photo beyond 12 mm from the lips."""
    points, shape = portrait.face.points_px, frame.shape
    lips = _polygon(shape, points, topology.UPPER_OUTER, topology.LOWER_OUTER).astype(np.uint8)
    reach = int(12 * _eye_distance(points) / 63)
    around = cv2.dilate(lips, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0
    return float(np.abs(frame.astype(np.int16) - portrait.crop).max(2)[~around].max(initial=0))


def flicker(portrait: Portrait, renderer: Renderer) -> float:
    """How much more an open mouth trembles than the face while the head sways: by second differences in time."""
    t = np.linspace(0.0, 2 * np.pi, 50)
    motion = motion_of([Pose("", 6.0, {"jawOpen": 0.2}, yaw_deg=3 * float(np.sin(v))) for v in t])
    frames = [f.rgb for f in renderer.render([motion])]
    mouth, face = (np.stack([_cell(portrait.face.points_px, f, half).mean(2) for f in frames]) for half in (20, 65))
    trembles = [np.median(np.percentile(np.abs(np.diff(cells, 2, axis=0)), 98, axis=(1, 2))) for cells in (mouth, face)]
    return float(trembles[0] / max(trembles[1], 1e-3))


def against_neutral(frame: U8, neutral: U8) -> dict[str, float]:
    """Distance of the mouth's landmarks, mm, and similarity of its pixels, to the neutral photo of the same person."""
    found, true = find_faces(frame), find_faces(neutral)
    if not found or not true:
        return {}
    a, b = found[0].astype(np.float64), true[0].astype(np.float64)
    stable, lips = list(topology.STABLE), sorted({*topology.UPPER_INNER, *topology.LOWER_INNER, *topology.UPPER_OUTER,
                                                  *topology.LOWER_OUTER})  # fmt: skip
    scale, rotation, shift = similarity(a[stable], b[stable])
    moved = scale * a @ rotation.T + shift
    mm = _eye_distance(b) / 63
    flat = np.hstack([scale * rotation[:2, :2], shift[:2, None]])
    laid = cv2.warpAffine(frame, flat, neutral.shape[1::-1])
    centre, half = b[lips, :2].mean(0), 32 * mm
    (left, top), (right, bottom) = (centre - half).astype(int), (centre + half).astype(int)
    box = np.s_[max(top, 0) : bottom, max(left, 0) : right]
    error = float(np.linalg.norm((moved - b)[lips, :2], axis=1).mean() / mm)
    return {"neutral": error, "ssim": _ssim(laid[box], neutral[box])}


def _ssim(a: U8, b: U8) -> float:
    """Mean structural similarity of two pictures in grey (Wang et al. 2004)."""
    x, y = (cv2.cvtColor(np.ascontiguousarray(p), cv2.COLOR_RGB2GRAY).astype(np.float64) for p in (a, b))

    def mean(p: F64) -> F64:
        return np.asarray(cv2.GaussianBlur(p, (0, 0), 1.5))

    mx, my, c1, c2 = mean(x), mean(y), 6.5, 58.5
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    return float((((2 * mx * my + c1) * (2 * cov + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))).mean())


def write_sheets(names: list[str], out: Path, before: Path | None) -> None:
    """Sheets of ROWS_A_SHEET portraits; with ``before``, its row above each."""
    for first in range(0, len(names), ROWS_A_SHEET):
        cells = []
        for name in names[first : first + ROWS_A_SHEET]:
            for folder, label in (
                (before, f"{name[:22]} before"),
                (out, f"{name[:22]} after" if before else name[:28]),
            ):
                if folder is not None:
                    cells += [_labelled(folder / f"{name}-{p.name}.png", label if not i else p.name)
                              for i, p in enumerate(POSES)]  # fmt: skip
        save_picture(tile(cells, columns=len(POSES)), out / f"sheet{first // ROWS_A_SHEET + 1}.png")


def _labelled(path: Path, text: str) -> U8:
    picture = cv2.imread(str(path))
    rgb = np.full((CELL_PX, CELL_PX, 3), 90, np.uint8) if picture is None else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    cv2.putText(rgb, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 0), 1, cv2.LINE_AA)
    return np.asarray(rgb, np.uint8)


def report(rows: dict[str, dict[str, float]], before: Path | None) -> str:
    """Medians over the portraits, of before too."""
    earlier = json.loads((before / "measures.json").read_text()) if before else {}
    names = list(dict.fromkeys(key for row in rows.values() for key in row))
    lines = []
    for name in names:
        cells = [
            [row[name] for key, row in table_.items() if key in rows and name in row] for table_ in (earlier, rows)
        ]
        lines.append([name, *(figure(float(np.median(c)) if c else None, 3) for c in cells), str(len(cells[1]))])
    return table(("median", "before", "after", "portraits"), lines)


if __name__ == "__main__":
    sys.exit(main())
