"""Finding the faces of a photo, however large, small or tight they are, and measuring them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from sonic.errors import FaceError
from sonic.faces import topology
from sonic.faces.boxes import ScoredBox, face_boxes
from sonic.faces.landmarks import find_faces
from sonic.types import F32, U8, Photo

SEARCH_SIDE_PX = 1280
"""Pictures larger than this are searched at this size; the faces are measured in the photo itself."""
TILE_PX = 640
"""Side of the parts in which a picture is searched for small faces."""
CLOSE_UP_PX = 640
"""Side of the square in which a face is measured, two face heights wide."""
SAME_POINTS = 0.05
"""Mean difference of two measurements of one face, over its height, up to which the second one is taken."""
SAME_FACE = 0.35
"""As SAME_POINTS, but up to which the second one still confirms that there is a face."""
BACKGROUND = 0.25
"""Faces lower than this share of the highest one are passers-by and pictures on walls: nobody means to animate them."""
UPRIGHT_MARGIN = 0.06
"""By so much the score of a face must rise when the photo is turned, before the photo is said to lie."""
_BEYOND, _ON_EDGE = 0.1, 0.25
"""Shares of a face's width: how far one may leave the picture, how far its middle may be from a mirror."""
_SIDES = ("left", "right", "upper", "lower")
_UPRIGHT = 0.88
"""Score of most upright faces; below it the margin is twice as wide: a face in a mask gains by 0.07 upside down."""
_LIES = ("", "on its side, 90° clockwise", "upside down", "on its side, 90° anticlockwise")
"""How a photo lies that becomes upright by 0 to 3 quarter turns anticlockwise."""


@dataclass(frozen=True, slots=True)
class _Guess:
    """Where a face may be, in photo px."""

    centre: F32
    height: float
    points: F32 | None = None


def all_faces(photo: Photo) -> list[F32]:
    """Landmarks of each face that counts, (478, 3) in photo px, from left to right.

    Raises FaceError if there is none, and says so if the photo's edge cuts it or if there would be one with it turned.
    """
    return _prominent(every_face(photo))


def every_face(photo: Photo) -> list[F32]:
    """As all_faces, with the small ones in the background."""
    faces = _faces(photo.rgb)
    if not faces:
        raise _unseen(photo)
    return sorted(faces, key=lambda points: float(points[:, 0].mean()))


def one_face(photo: Photo, face: int | None) -> tuple[F32, list[F32]]:
    """The face of this number, counted from the left from 1, None where only one counts; and every other face.

    Raises FaceError if there is none, no such one, more than one and no number, if the photo's edge cuts off an eye or
    the mouth, or if the photo lies on its side.
    """
    every = every_face(photo)
    faces = _prominent(every)
    if face is None and len(faces) > 1:
        raise FaceError(f"photo has {len(faces)} faces; choose one with --face 1..{len(faces)}, counted from the left")
    if face is not None and face > len(faces):
        count = "1 face" if len(faces) == 1 else f"{len(faces)} faces"
        raise FaceError(
            f"photo has {count}, counted from the left; there is no face {face}, choose one of 1..{len(faces)}"
        )
    points = faces[(face or 1) - 1]
    if side := _lost_side(photo, points):
        raise _part_of(photo, side)
    if turns := _quarter_turns(photo.rgb, points):
        raise _lies(photo, turns)
    return points, [other for other in every if other is not points]


def face_height(points: F32) -> float:
    """From the top of the forehead to the tip of the chin, in px."""
    return float(np.linalg.norm(points[topology.FOREHEAD, :2] - points[topology.CHIN_TIP, :2]))


def face_centre(points: F32) -> F32:
    """(x, y) in the middle between forehead and chin."""
    return np.asarray(points[[topology.FOREHEAD, topology.CHIN_TIP], :2].mean(0), np.float32)


def close_up(rgb: U8, centre: F32, half_side: float, side_px: int) -> tuple[U8, tuple[int, int], float]:
    """(picture of side_px x side_px, its (left, top) in rgb, its px per rgb px); beyond rgb its edge is repeated."""
    left, top = (round(float(c) - half_side) for c in centre)
    side = max(2, round(2 * half_side))
    view = _window(rgb, left, top, side)
    how = cv2.INTER_AREA if side_px < side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(view, (side_px, side_px), interpolation=how), np.uint8), (left, top), side_px / side


def _prominent(faces: list[F32]) -> list[F32]:
    """Those that are not much smaller than the highest, in the same order."""
    highest = max(map(face_height, faces))
    return [points for points in faces if face_height(points) >= BACKGROUND * highest]


def _unseen(photo: Photo) -> FaceError:
    """Why no face is found: the likeliest of a turned photo, an edge through the face, and no face at all."""
    small = _shrunk(photo.rgb)[0]
    ways, height, width = (1, 3, 2), *small.shape[:2]
    guesses: list[tuple[float, FaceError]] = []
    turned = face_boxes((np.rot90(small, turns) for turns in ways), far=True)
    for turns, found in zip(ways, turned, strict=True):
        size = (width, height) if turns == 2 else (height, width)
        guesses += [(score, _lies(photo, turns)) for score, box in found if _within(box, size)]
    # half a face beside its mirror image is a face
    pads = ((0, 0, width, 0), (0, 0, 0, width), (height, 0, 0, 0), (0, height, 0, 0))
    mirrored = face_boxes(
        (np.asarray(cv2.copyMakeBorder(small, a, b, c, d, cv2.BORDER_REFLECT), np.uint8) for a, b, c, d in pads),
        far=True,
    )
    for side, found in zip(_SIDES, mirrored, strict=True):
        axis, line = (0, width) if side in ("left", "right") else (1, height)
        guesses += [
            (score, _part_of(photo, side))
            for score, box in found
            if abs((box[axis] + box[axis + 2]) / 2 - line) < _ON_EDGE * (box[2] - box[0])
        ]
    if guesses:
        return max(guesses, key=lambda guess: guess[0])[1]
    return FaceError(
        f"photo {photo.name!r} shows no face that can be found; give a photo with a face from the front, well lit"
    )


def _within(box: tuple[float, float, float, float], size_px: tuple[int, int]) -> bool:
    """Whether nearly all of a box lies in a picture of (width, height)."""
    slack = _BEYOND * (box[2] - box[0])
    return min(box[:2]) > -slack and box[2] < size_px[0] + slack and box[3] < size_px[1] + slack


def _lost_side(photo: Photo, points: F32) -> str:
    """The side on which an eye or the mouth lies beyond the edge, where its landmarks are guesses; else nothing."""
    eyes = [points[list(eye.corners), :2].mean(0) for eye in topology.EYES]
    places = np.array([*eyes, points[[topology.LIP_TOP, topology.LIP_BOTTOM], :2].mean(0)])
    width, height = photo.size_px
    beyond = (-places[:, 0].min(), places[:, 0].max() - width + 1, -places[:, 1].min(), places[:, 1].max() - height + 1)
    furthest = int(np.argmax(beyond))
    return _SIDES[furthest] if beyond[furthest] > 0 else ""


def _part_of(photo: Photo, side: str) -> FaceError:
    return FaceError(
        f"photo {photo.name!r} shows only part of a face, its {side} edge cuts off the rest; "
        "give a photo that shows the whole face"
    )


def _lies(photo: Photo, turns: int) -> FaceError:
    return FaceError(f"photo {photo.name!r} lies {_LIES[turns]}; turn it upright and try again")


def _faces(rgb: U8) -> list[F32]:
    """Confirmed faces, unordered: those seen in the whole picture, else those of a tight or a distant view."""
    small, scale = _shrunk(rgb)
    for guesses in (_whole(small, scale), _padded(small, scale), _tiles(rgb)):
        measured: list[F32] = []
        for guess in guesses:
            known = any(_overlap(guess.centre, points) for points in measured)
            if not known and (points := _measured(rgb, guess)) is not None:
                measured.append(points)
        if measured:
            return _distinct(measured)
    return []


def _shrunk(rgb: U8) -> tuple[U8, float]:
    scale = min(1.0, SEARCH_SIDE_PX / max(rgb.shape[:2]))
    return (rgb, 1.0) if scale == 1.0 else (_zoomed(rgb, scale), scale)


def _whole(small: U8, scale: float) -> Iterator[_Guess]:
    for points in find_faces(small):
        yield _guess(_shifted(points, (0, 0), 1 / scale))
    yield from _guesses(face_boxes([small], far=True), [((0, 0), scale)])


def _padded(small: U8, scale: float) -> Iterator[_Guess]:
    """A face that fills the picture is found once there is room around it."""
    side = 2 * max(small.shape[:2])
    left, top = (small.shape[1] - side) // 2, (small.shape[0] - side) // 2
    for points in find_faces(_window(small, left, top, side)):
        yield _guess(_shifted(_shifted(points, (left, top)), (0, 0), 1 / scale))


def _tiles(rgb: U8) -> Iterator[_Guess]:
    """A face that is small in the picture is found in one of 9, or else of 49, overlapping parts of it."""
    height, width = rgb.shape[:2]
    for n, share in ((3, 0.5), (7, 0.22)):
        side = round(max(height, width) * share)
        zoom = TILE_PX / side
        tops, lefts = (np.unique(np.linspace(0, max(0, end - side), n).astype(int)) for end in (height, width))
        places = [((int(left), int(top)), zoom) for top in tops for left in lefts]
        views = (_zoomed(rgb[top : top + side, left : left + side], zoom) for (left, top), _ in places)
        guesses = list(_guesses(face_boxes(views, far=True), places))
        yield from guesses
        if guesses:
            return


def _zoomed(rgb: U8, zoom: float) -> U8:
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, None, fx=zoom, fy=zoom, interpolation=how), np.uint8)


def _guesses(found: Iterable[list[ScoredBox]], places: list[tuple[tuple[int, int], float]]) -> Iterator[_Guess]:
    """Boxes found in views of the picture -> guesses in the picture; of each view its (left, top) and its zoom."""
    for boxes, (offset, zoom) in zip(found, places, strict=True):
        for _, (left, top, right, bottom) in boxes:
            centre = np.array([(left + right) / 2, (top + bottom) / 2]) / zoom + offset
            yield _Guess(centre.astype(np.float32), 1.1 * (bottom - top) / zoom)


def _guess(points: F32) -> _Guess:
    return _Guess(face_centre(points), face_height(points), points)


def _measured(rgb: U8, guess: _Guess) -> F32 | None:
    """The face measured in a close-up, which is steadier; None if nothing like it is found there.

    Where that differs more than two views of one face do, a close-up of what was found there decides between the two.
    """
    seen = _seen_near(rgb, guess)
    if seen is None or guess.points is None or seen[1] < SAME_POINTS:
        return seen[0] if seen else None
    again = _seen_near(rgb, _guess(seen[0]))
    return again[0] if again is not None and again[1] < SAME_POINTS else guess.points


def _seen_near(rgb: U8, guess: _Guess) -> tuple[F32, float] | None:
    """The most similar face in a close-up of the guess, and how much it differs, in heights; None beyond SAME_FACE."""
    inside = (guess.centre >= 0).all() and (guess.centre < rgb.shape[1::-1]).all()
    if guess.height < 8 or not inside:
        return None
    view, offset, zoom = close_up(rgb, guess.centre, guess.height, CLOSE_UP_PX)
    best, nearest = None, SAME_FACE
    for found in find_faces(view, max_faces=2):
        points = _shifted(found, offset, 1 / zoom)
        if guess.points is None:
            difference = float(np.abs(face_centre(points) - guess.centre).max()) / guess.height
        else:
            difference = float(np.abs(points[:, :2] - guess.points[:, :2]).mean()) / guess.height
        if difference < nearest:
            best, nearest = points, difference
    return None if best is None else (best, nearest)


def _distinct(faces: list[F32]) -> list[F32]:
    """One of each group of faces of which one has its centre within another: the highest. Highest first."""
    kept: list[F32] = []
    for points in sorted(faces, key=face_height, reverse=True):
        if not any(_overlap(face_centre(points), other) for other in kept):
            kept.append(points)
    return kept


def _overlap(centre: F32, points: F32) -> bool:
    return bool(np.linalg.norm(centre - face_centre(points)) < 0.5 * face_height(points))


def _quarter_turns(rgb: U8, points: F32) -> int:
    """Quarter turns anticlockwise, 0 to 3, after which this looks most like an upright face."""
    view, _, _ = close_up(rgb, face_centre(points), face_height(points), CLOSE_UP_PX // 2)
    found = face_boxes((np.rot90(view, turns) for turns in range(4)), far=False)
    scores = [max((score for score, _ in boxes), default=0.0) for boxes in found]
    best = int(np.argmax(scores))
    margin = UPRIGHT_MARGIN * (1 if scores[best] > _UPRIGHT else 2)
    return best if scores[best] > scores[0] + margin else 0


def _window(rgb: U8, left: int, top: int, side: int) -> U8:
    """A square that meets the picture; beyond the picture its edge is repeated."""
    height, width = rgb.shape[:2]
    right, bottom = left + side, top + side
    inside = rgb[max(top, 0) : bottom, max(left, 0) : right]
    pads = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
    return np.ascontiguousarray(cv2.copyMakeBorder(inside, *pads, cv2.BORDER_REPLICATE), np.uint8)


def _shifted(points: F32, offset: tuple[int, int], scale: float = 1.0) -> F32:
    """Points of a part of a picture, with pixels ``scale`` wide, in the picture. Pixel centres are whole numbers."""
    moved = points * np.float32(scale)
    moved[:, 0] += offset[0] + (scale - 1) / 2
    moved[:, 1] += offset[1] + (scale - 1) / 2
    return moved
