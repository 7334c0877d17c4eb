"""What a person should know about a face before animating it: measured, and said with its remedy.

The thresholds come from portraits, paintings and drawings, and from copies of them that were blurred or painted over.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from sonic.errors import FaceError
from sonic.faces import topology
from sonic.faces.covers import mouth_cues
from sonic.faces.detect import face_centre, face_height
from sonic.faces.eyes import SHUT_EYE, eye_openings, shut_eyes
from sonic.faces.geometry import pose_from_rotation, similarity
from sonic.faces.model import face_model
from sonic.types import F32, U8, FaceQuality, Photo

EYES_PX = (20, 60)
"""Distance of the eye centres: less is refused, less gives a notice."""
YAW_DEG = (25, 45)
"""Turned to the side: more gives a notice, more is refused."""
PITCH_DEG = 30
ROLL_DEG = 30
OPEN_MOUTH = 0.035
"""Inner lip distance over eye distance above which a mouth is open."""
SHARP = 0.45
"""Sharpness below which a face is blurred. A Gaussian blur of 3 % of the eye distance takes portraits to 0.3."""
RIMS = 2.0
"""Strength of level edges on the bridge of the nose from which there are glasses. Portraits without: up to 1.5."""
DARK = 45
"""Median brightness of a face, 0 to 255, below which it is dark."""
CUT_OFF = 0.02
"""By how many face heights landmarks may leave the photo."""
_PARTED = 0.06
"""Inner lip distance over eye distance above which there may be teeth instead of a dark line between the lips."""
_FRONTAL_PITCH_DEG = 8.0
"""What portraits from the front measure against the template, whose speakers look down a little (median of 13)."""
_VIEW_PX = 256
_VIEW_FH = 1.6
_RATIO_BLURRED, _RATIO_CRISP = 0.06, 0.24
"""Fine over coarse detail of a face: at these, sharpness is 0 and 1."""


def pose_of(points: F32) -> tuple[float, float, float]:
    """(yaw, pitch, roll) in degrees of a face's landmarks against one that looks into the camera.

    Signs as in geometry.rotation_from_pose.
    """
    stable = list(topology.STABLE)
    _, rotation, _ = similarity(face_model().template[stable], points[stable])
    yaw, pitch, roll = pose_from_rotation(rotation)
    return float(yaw), float(pitch) - _FRONTAL_PITCH_DEG, float(roll)


def eye_distance(points: F32) -> float:
    """Between the eye centres in px, not foreshortened by a turned head."""
    left, right = (points[list(eye.corners)].mean(0) for eye in topology.EYES)
    return float(np.linalg.norm(left - right))


def quality_of(photo: Photo, points: F32, pose_deg: tuple[float, float, float]) -> FaceQuality:
    """Measures and notices. Raises FaceError for a face that is too small or too far turned to be animated."""
    eyes_px, yaw = eye_distance(points), abs(pose_deg[0])
    if eyes_px < EYES_PX[0]:
        raise FaceError(
            f"the face is too small: {eyes_px:.0f} px between the eyes, at least {EYES_PX[0]} are needed; "
            "give a larger photo or one taken from nearer"
        )
    if yaw > YAW_DEG[1]:
        raise FaceError(
            f"the face is turned {yaw:.0f}° to the side, at most {YAW_DEG[1]}° can be animated; "
            "give a photo that looks into the camera"
        )
    view, shown = _view(photo.rgb, points)
    grey = np.asarray(cv2.cvtColor(view, cv2.COLOR_RGB2GRAY), np.float32)
    face = np.zeros(grey.shape, np.uint8)
    cv2.fillPoly(face, [np.round(shown[list(topology.OVAL)]).astype(np.int32)], 1)
    inside = face > 0
    # In the picture only: FaceMesh guesses the depth of the lips, and guesses them apart where they touch.
    gap = float(np.linalg.norm((points[topology.LIP_TOP] - points[topology.LIP_BOTTOM])[:2])) / eyes_px
    sharp, contrast = _sharpness(grey, inside), max(float(grey[inside].std()), 1.0)
    cues, closed = mouth_cues(view, shown, _seam(grey, shown) / contrast), gap < _PARTED
    covered, surely = cues.covered(closed=closed), cues.surely_covered(closed=closed)
    notices = (
        *_on_place(photo, points, eyes_px, pose_deg),
        *_on_light(grey[inside], sharp, eyes_px),
        *(_on_cover(surely=surely) if covered else _on_mouth(grey, shown, gap)),
        *_on_glasses(grey, shown, contrast),
        *_on_eyes(points),
    )
    return FaceQuality(eyes_px, sharp, gap, notices, covered and surely)


def _on_place(photo: Photo, points: F32, eyes_px: float, pose_deg: tuple[float, float, float]) -> Iterator[str]:
    yaw, pitch, roll = pose_deg
    if eyes_px < EYES_PX[1]:
        yield (
            f"the face is small, {eyes_px:.0f} px between the eyes: it will look soft; "
            f"{EYES_PX[1]} px or more are better, a larger photo or one from nearer"
        )
    if abs(yaw) > YAW_DEG[0]:
        yield f"the face is turned {abs(yaw):.0f}° to the side: it will move less; a photo from the front is better"
    if abs(pitch) > PITCH_DEG:
        way = "down" if pitch > 0 else "up"
        yield f"the face is tilted {abs(pitch):.0f}° {way}: a photo taken at eye level is better"
    if abs(roll) > ROLL_DEG:
        yield f"the head leans {abs(roll):.0f}° to one side: turn the photo so that it is upright"
    width, height = photo.size_px
    outline = points[list(topology.OVAL), :2]
    beyond = max(float(-outline.min()), float((outline - np.array([width - 1, height - 1])).max()))
    if beyond > CUT_OFF * face_height(points):
        yield "the face is cut off by the edge of the photo: use one that shows the whole head"


def _on_light(face: F32, sharp: float, eyes_px: float) -> Iterator[str]:
    if sharp < SHARP and eyes_px >= EYES_PX[1]:
        yield "the face is blurred: a sharper photo gives a sharper video"
    if np.median(face) < DARK:
        yield "the face is dark: a photo with more light on the face is better"


def _on_cover(*, surely: bool) -> Iterator[str]:
    if surely:
        yield (
            "a mask, a hand or something else covers the mouth: the lips will not be seen to speak; "
            "use a photo that shows the mouth"
        )
    else:
        yield (
            "lips can hardly be told from what is around them: if something covers the mouth, "
            "use a photo that shows the mouth"
        )


def _on_mouth(grey: F32, shown: F32, gap: float) -> Iterator[str]:
    if gap > OPEN_MOUTH:
        teeth = " and shows teeth" if gap > 2 * OPEN_MOUTH and _teeth(grey, shown) else ""
        yield f"the mouth is open{teeth}: closed, relaxed lips give the best speech"


def _on_glasses(grey: F32, shown: F32, contrast: float) -> Iterator[str]:
    if _rims(grey, shown) > RIMS * contrast:
        yield "there seem to be glasses: thick rims may bend a little when the eyes blink; blink_scale 0 avoids it"


def _on_eyes(points: F32) -> Iterator[str]:
    shut = shut_eyes(points)
    how = "shut" if min(eye_openings(points)) < SHUT_EYE else "nearly shut"
    if all(shut):
        yield (
            f"the eyes are {how}: the video opens them with eyes that are drawn, in a colour that is guessed; "
            "a photo with open eyes is better"
        )
    elif any(shut):
        yield f"an eye is {how}: the video opens it like the other one; a photo with both eyes open is better"


def _view(rgb: U8, points: F32) -> tuple[U8, F32]:
    """(the face upright in a square of fixed size, the landmarks' (x, y) in it)."""
    fh, centre = face_height(points), face_centre(points)
    scale = _VIEW_PX / (_VIEW_FH * fh)
    down = (points[topology.CHIN_TIP, :2] - points[topology.FOREHEAD, :2]) / fh
    turn = scale * np.array([[down[1], -down[0]], [down[0], down[1]]], np.float64)
    reach = _VIEW_FH * fh
    left, top = max(0, int(centre[0] - reach)), max(0, int(centre[1] - reach))
    part = rgb[top : max(top + 1, int(centre[1] + reach)), left : max(left + 1, int(centre[0] + reach))]
    origin, ratio = np.array([left, top]), 1.0
    if scale < 0.7:  # an affine warp that shrinks would let fine detail through as noise
        ratio = scale
        part = np.asarray(cv2.resize(part, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA), np.uint8)
    shift = _VIEW_PX / 2 - turn @ centre
    affine = np.column_stack([turn / ratio, shift + turn @ origin])
    size = (_VIEW_PX, _VIEW_PX)
    view = cv2.warpAffine(part, affine, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(view, np.uint8), np.asarray(points[:, :2] @ turn.T + shift, np.float32)


def _sharpness(grey: F32, inside: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> float:
    """Fine over coarse detail (Laplacian of Gaussian at 0.8 and 4 px of the view), 0 to 1."""
    fine, coarse = (
        float(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), sigma), cv2.CV_32F)[inside].std()) * sigma**2
        for sigma in (0.8, 4.0)
    )
    return float(np.clip((fine / max(coarse, 1e-6) - _RATIO_BLURRED) / (_RATIO_CRISP - _RATIO_BLURRED), 0, 1))


def _seam(grey: F32, shown: F32) -> float:
    """How much darker the line between the lips is than both lips beside it; median over the middle of the mouth."""
    upper, lower = shown[list(topology.UPPER_OUTER)][2:9], shown[list(topology.LOWER_OUTER)][2:9]
    down = np.linspace(0, 1, 25, dtype=np.float32)
    lines = upper[:, None] * (1 - down[:, None]) + lower[:, None] * down[:, None]
    smooth = cv2.GaussianBlur(grey, (0, 0), 1)
    profiles = cv2.remap(smooth, np.ascontiguousarray(lines), None, cv2.INTER_LINEAR)
    lips = np.minimum(profiles[:, :6].max(1), profiles[:, -6:].max(1))
    return float(np.median(lips - profiles[:, 6:-6].min(1)))


def _teeth(grey: F32, shown: F32) -> bool:
    """Whether what is between the lips is at least as bright as the cheeks' darker part."""
    hole = np.zeros(grey.shape, np.uint8)
    ring = np.vstack([shown[list(topology.UPPER_INNER)], shown[list(topology.LOWER_INNER)][::-1]])
    cv2.fillPoly(hole, [np.round(ring).astype(np.int32)], 1)
    between = grey[hole > 0]
    skin = grey[tuple(np.clip(np.round(shown[[205, 425]]).astype(int), 0, _VIEW_PX - 1).T[::-1])]
    return len(between) > 0 and bool(np.percentile(between, 75) > 0.7 * skin.mean())


def _rims(grey: F32, shown: F32) -> float:
    """Strength of level edges over the bridge of the nose, where nothing but the bridge of glasses makes any."""
    centre = shown[[6, 168]].mean(0)
    x, y = np.clip(np.round(centre).astype(int), 12, _VIEW_PX - 13)
    bridge = cv2.GaussianBlur(grey, (0, 0), 1)[y - 12 : y + 13, x - 8 : x + 9]
    return float(np.percentile(np.abs(cv2.Sobel(bridge, cv2.CV_32F, 0, 1)[1:-1]), 90))
