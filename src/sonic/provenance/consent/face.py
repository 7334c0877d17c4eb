"""Which face of a photo a consent is for: its place, and a likeness of what the photo shows there."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sonic.provenance.likeness import MAX_FACE, Box, Likeness
from sonic.types import Photo, Portrait

MAX_SHIFT = 0.3
"""Most by which the middle of the same face may lie elsewhere, over its larger side."""
MAX_GROWTH = 1.8
"""Most by which two finders of faces may differ in how large it is."""


@dataclass(frozen=True, slots=True)
class ShownFace:
    """The face of a photo that is animated, or that a consent is given for."""

    box: Box
    """As shares of the photo's width and height."""
    is_only_one: Callable[[], bool]
    """Whether the photo shows no other that counts."""


def shown_in(portrait: Portrait, face: int | None) -> ShownFace:
    """The face that ``portrait`` animates, chosen by this number or as the only one."""
    from sonic.faces.portrait import all_faces

    photo_from_crop = np.linalg.inv(np.vstack([portrait.crop_from_photo, [0, 0, 1]]))
    left, top, right, bottom = portrait.face.box_px
    corners = np.array([(left, top, 1), (right, top, 1), (left, bottom, 1), (right, bottom, 1)]) @ photo_from_crop.T
    box = (*corners.min(0)[:2], *corners.max(0)[:2])
    return ShownFace(as_shares(box, portrait.photo), lambda: face is None or len(all_faces(portrait.photo)) == 1)


def chosen_in(photo: Photo, number: int | None) -> ShownFace:
    """The face of this number, counted from the left, or the only one. Raises FaceError as faces.portrait.find_face."""
    from sonic.faces.portrait import find_face

    return ShownFace(as_shares(find_face(photo, number).box_px, photo), lambda: number is None)


def as_shares(box_px: tuple[float, ...], photo: Photo) -> Box:
    """A box in px of the photo as shares of its sides, rounded as a consent keeps it."""
    left, top, right, bottom = (round(float(n) / side, 5) for n, side in zip(box_px, photo.size_px * 2, strict=True))
    return left, top, right, bottom


def likeness_text(photo: Photo, box: Box) -> str:
    """Of what the photo shows in this place."""
    return Likeness.of_face(photo.rgb, box).to_text()


def is_same_place(one: Box, other: Box, size_px: tuple[int, int] = (1, 1)) -> bool:
    """Whether two boxes can be of one face of a photo of this size; without it their shares are compared."""
    (x, y, side), (x2, y2, side2) = (_measured(box, size_px) for box in (one, other))
    return max(abs(x - x2), abs(y - y2)) <= MAX_SHIFT * max(side, side2) and max(side, side2) <= MAX_GROWTH * min(
        side, side2
    )


def is_same_face(photo: Photo, box: Box, likeness: str) -> bool:
    """Whether this place of a photo shows what the likeness is of."""
    return Likeness.from_text(likeness).face_disagreement(photo.rgb, box) <= MAX_FACE


def _measured(box: Box, size_px: tuple[int, int]) -> tuple[float, float, float]:
    """Middle and larger side, in px."""
    width, height = size_px
    middle = (box[0] + box[2]) / 2 * width, (box[1] + box[3]) / 2 * height
    return *middle, max((box[2] - box[0]) * width, (box[3] - box[1]) * height, 1e-6)
