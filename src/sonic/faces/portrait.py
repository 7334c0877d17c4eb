"""Step 2, analyse: the face of a photo, and the picture framed around it, ready to be animated."""

import numpy as np

from sonic.faces.detect import all_faces, one_face
from sonic.faces.framing import cut, face_box, frame_for
from sonic.faces.matte import matte_for
from sonic.faces.others import LITTLE_ROOM, others_for
from sonic.faces.quality import pose_of, quality_of
from sonic.settings import Settings
from sonic.types import F32, F64, Face, OnNotice, Photo, Portrait

__all__ = ["all_faces", "analyse_portrait", "find_face"]


def find_face(photo: Photo, face: int | None = None) -> Face:
    """The face to animate, in photo px; ``face`` counts from the left, from 1, and may be None where there is one.

    Raises FaceError if there is no face, no such one, more than one and no number, or if it is too small or too far
    turned, or the photo lies on its side.
    """
    return _measured(photo, one_face(photo, face)[0])


def analyse_portrait(
    photo: Photo, settings: Settings, on_notice: OnNotice, *, chin_at: float | None = None
) -> Portrait:
    """The portrait that settings ask for: which face, which framing, which size.

    ``on_notice`` hears what is not ideal about the photo and what would be better. ``chin_at`` as for frame_for. Raises
    FaceError as find_face.
    """
    found, others = one_face(photo, settings.face)
    face = _measured(photo, found)
    for line in face.quality.notices:
        on_notice(line)
    frame = frame_for(photo, face.points_px, settings, on_notice, chin_at=chin_at)
    crop = cut(photo, frame)
    points, *around = (_mapped(each, frame.crop_from_photo) for each in (face.points_px, *others))
    shown = Face(points, face_box(points), face.pose_deg, face.quality)
    matte = matte_for(crop, points)
    beside = others_for(crop, matte, points, around)
    if beside is not None:
        matte[beside.still] = 0
        if beside.room < LITTLE_ROOM:
            on_notice(
                f"another person is so close to the face that the head moves less, {beside.room:.0%} of the usual; "
                "a photo with more room between the faces is better"
            )
    return Portrait(photo, crop, frame.crop_from_photo, shown, matte, beside)


def _measured(photo: Photo, points: F32) -> Face:
    pose_deg = pose_of(points)
    return Face(points, face_box(points), pose_deg, quality_of(photo, points, pose_deg))


def _mapped(points: F32, crop_from_photo: F64) -> F32:
    """Landmarks through the affine; depth, which has the scale of x, with the scale of x."""
    xy = points[:, :2] @ crop_from_photo[:, :2].T + crop_from_photo[:, 2]
    return np.column_stack([xy, points[:, 2] * crop_from_photo[0, 0]]).astype(np.float32)
