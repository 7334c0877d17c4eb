"""Choosing what the video shows: a rectangle of the photo, at the size of the output."""

from dataclasses import dataclass

import cv2
import numpy as np

from sonic.faces.detect import face_centre, face_height
from sonic.faces.geometry import smoothstep
from sonic.settings import Settings
from sonic.types import F32, F64, U8, OnNotice, Photo

MIN_SIDE_PX, OWN_SIDE_PX = 128, 1080
"""Without a wish, the shorter side is the photo's own, within these."""
LONG_SIDE_PX = 4096
"""H.264 decoders of phones and browsers go up to this."""
SOFT_ENLARGEMENT = 1.5
"""Pictures enlarged more than this look soft."""
HEAD = (-0.62, -0.88, 0.62, 0.56)
"""(left, top, right, bottom) of a head with hair, ears and chin, in face heights from the centre of the face."""
SHOULDERS = 0.45
"""Fixed formats show this much more below the chin, in face heights."""
MAX_BEYOND = 0.2
"""Share of the picture that may lie below the photo's end, where the chin has to be high."""
ABOVE = 0.3
"""Share of a tall format's spare height that goes above the head."""
_CHIN = 152
_ASPECTS = {"face": 1.0, "1:1": 1.0, "9:16": 9 / 16, "16:9": 16 / 9}


@dataclass(frozen=True, slots=True)
class CropRect:
    """A rectangle in photo px, which may leave the photo, and the size at which it is shown."""

    left: int
    top: int
    width: int
    height: int
    size_px: tuple[int, int]
    """(width, height) of the output, both even."""

    @property
    def crop_from_photo(self) -> F64:
        """(2, 3) affine: crop px = A @ (photo px, 1)."""
        sx, sy = self.size_px[0] / self.width, self.size_px[1] / self.height
        # Pixel centres are at whole numbers, so the edge of the rectangle is half a pixel before its first one.
        return np.array([[sx, 0, (0.5 - self.left) * sx - 0.5], [0, sy, (0.5 - self.top) * sy - 0.5]])


def frame_for(
    photo: Photo, points: F32, settings: Settings, on_notice: OnNotice, *, chin_at: float | None = None
) -> CropRect:
    """The rectangle that settings.framing and settings.expand_ratio ask for, around this face of the photo.

    It keeps its aspect. Where the photo ends it is shifted, then shrunk; only where the face would not fit it leaves
    the photo, with a notice. ``chin_at``: the chin lies no lower than this share of the picture's height, where that is
    possible; what is missing below the photo is then its blurred continuation.
    """
    width, height = photo.size_px
    if settings.framing == "full":
        left, top = 0, 0
    else:
        wanted = _wanted(points, settings)
        left, top, width, height = _placed(wanted, _moving_box(points), photo.size_px)
        if chin_at is not None:
            left, top, width, height = _raised((left, top, width, height), points, photo.size_px, chin_at)
        if width > photo.size_px[0] or height > photo.size_px[1]:
            on_notice(
                f"the face fills too much of the photo for {settings.framing}: the edges are filled with a blur; "
                "a photo with more room, or framing face, avoids that"
            )
    size_px = _output_size(width, height, settings.min_resolution, on_notice)
    if settings.framing in _ASPECTS and size_px != (width, height):
        size_px = _exact(size_px, _ASPECTS[settings.framing])
    if size_px[0] in (width, width - 1) and size_px[1] in (height, height - 1):
        width, height = size_px  # cut one row rather than resample
    return CropRect(left, top, width, height, size_px)


def cut(photo: Photo, frame: CropRect) -> U8:
    """(h, w, 3): the picture in the frame; where the frame leaves the photo, its blurred continuation."""
    width, height = photo.size_px
    right, bottom = frame.left + frame.width, frame.top + frame.height
    inside = photo.rgb[max(frame.top, 0) : min(bottom, height), max(frame.left, 0) : min(right, width)]
    pads = (max(-frame.top, 0), max(bottom - height, 0), max(-frame.left, 0), max(right - width, 0))
    if any(pads):
        inside = _continued(np.ascontiguousarray(inside), pads)
    if (inside.shape[1], inside.shape[0]) == frame.size_px:
        return np.array(inside)
    shrinks = frame.size_px[0] < inside.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.ascontiguousarray(cv2.resize(inside, frame.size_px, interpolation=how), np.uint8)


def face_box(points: F32) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of the landmarks."""
    (left, top), (right, bottom) = points[:, :2].min(0), points[:, :2].max(0)
    return float(left), float(top), float(right), float(bottom)


def head_box(points: F32) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) around face, hair, ears and chin; may leave the photo."""
    centre, height = face_centre(points), face_height(points)
    top, chin = points[10, :2], points[152, :2]
    down = (chin - top) / max(height, 1e-6)
    right = np.array([down[1], -down[0]])
    corners = np.array([centre + height * (x * right + y * down) for x in HEAD[::2] for y in HEAD[1::2]])
    both = np.vstack([corners, points[:, :2]])
    (x0, y0), (x1, y1) = both.min(0), both.max(0)
    return float(x0), float(y0), float(x1), float(y1)


def _moving_box(points: F32) -> tuple[float, float, float, float]:
    """The face with room for a jaw that opens and a head that turns a little: what no framing may cut."""
    left, top, right, bottom = face_box(points)
    little = 0.06 * face_height(points)
    return left - little, top - little, right + little, bottom + 2 * little


def _wanted(points: F32, settings: Settings) -> tuple[float, float, float, float]:
    """(left, top, width, height) of the rectangle as if the photo had no end."""
    left, top, right, bottom = head_box(points)
    if settings.framing != "face":
        bottom += SHOULDERS * face_height(points)
    room = settings.expand_ratio * max(right - left, bottom - top)
    left, top, right, bottom = left - room, top - room, right + room, bottom + room
    width, height = right - left, bottom - top
    aspect = _ASPECTS[settings.framing]
    if width < aspect * height:
        left -= (aspect * height - width) / 2
        width = aspect * height
    else:
        top -= ABOVE * (width / aspect - height)
        height = width / aspect
    return left, top, width, height


def _placed(
    wanted: tuple[float, float, float, float], face: tuple[float, float, float, float], photo: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The wanted rectangle in whole px, in the photo if the face allows it."""
    left, top, width, height = wanted
    shrink = min(1.0, photo[0] / width, photo[1] / height)
    if not all(_fits(face[k], face[k + 2], side * shrink, photo[k]) for k, side in enumerate((width, height))):
        # Only as small as the photo's better side asks; the other side leaves the photo.
        shrink = min(1.0, max(photo[0] / width, photo[1] / height))
    sides = max(2, round(width * shrink)), max(2, round(height * shrink))
    starts = []
    for k, (first, wish, side) in enumerate(((left, width, sides[0]), (top, height, sides[1]))):
        if side > photo[k]:
            starts.append(-((side - photo[k]) // 2))
            continue
        # The centre of the face keeps its place in the rectangle.
        centre = (face[k] + face[k + 2]) / 2
        start = centre - (centre - first) / wish * side
        # First around the face, then in the photo: the face is in the photo, so both hold.
        low, high = min(face[k + 2] + 1, photo[k]) - side, max(face[k], 0)
        start = min(max(start, low), high)
        starts.append(round(min(max(start, 0), photo[k] - side)))
    return starts[0], starts[1], sides[0], sides[1]


def _raised(
    rect: tuple[int, int, int, int], points: F32, photo: tuple[int, int], chin_at: float
) -> tuple[int, int, int, int]:
    """The rectangle grown downwards, until the chin lies no lower than this share of its height.

    As it was where that would ask for more than MAX_BEYOND below the photo, or for more than the photo at its sides.
    """
    left, top, width, height = rect
    tall = (float(points[_CHIN, 1]) - top) / chin_at
    wide = tall * width / height
    if tall <= height or wide > photo[0] or top + tall - photo[1] > MAX_BEYOND * tall:
        return rect
    start = min(max(left - (wide - width) / 2, 0), photo[0] - wide)
    return round(start), top, round(wide), round(tall)


def _fits(low: float, high: float, side: float, photo_side: int) -> bool:
    """Whether what reaches from low to high, as far as it is in the photo, fits."""
    return min(high, photo_side - 1) - max(low, 0) <= side or side >= photo_side


def _output_size(width: int, height: int, wish: int | None, on_notice: OnNotice) -> tuple[int, int]:
    """(width, height), both even, with the wished shorter side and the rectangle's aspect."""
    short = wish or min(max(min(width, height), MIN_SIDE_PX), OWN_SIDE_PX)
    scale = short / min(width, height)
    if scale * max(width, height) > LONG_SIDE_PX:
        scale = LONG_SIDE_PX / max(width, height)
        on_notice(
            f"the picture is so long that its longer side is limited to {LONG_SIDE_PX} px; a crop keeps more detail"
        )
    if scale > SOFT_ENLARGEMENT:
        own = min(width, height)
        on_notice(f"{own} px of the photo are enlarged to {own * scale:.0f} and look soft; a larger photo is sharper")
    if scale == 1.0:
        return width // 2 * 2, height // 2 * 2
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def _exact(size_px: tuple[int, int], aspect: float) -> tuple[int, int]:
    """The size with exactly this aspect, 1080x1920 rather than 1080x1918: a rectangle in whole px is only near it."""
    short = min(size_px)
    long = 2 * round(short * max(aspect, 1 / aspect) / 2)
    return (short, long) if aspect < 1 else (long, short)


def _continued(rgb: U8, pads: tuple[int, int, int, int]) -> U8:
    """The picture with (top, bottom, left, right) more px: its edge repeated, more blurred with the distance."""
    wide = cv2.copyMakeBorder(rgb, *pads, cv2.BORDER_REPLICATE)
    height, width = wide.shape[:2]
    scale = 128 / max(height, width)
    tiny = cv2.resize(wide, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(cv2.GaussianBlur(tiny, (0, 0), 5), (width, height), interpolation=cv2.INTER_CUBIC)
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    beyond_x = np.maximum(pads[2] - x, x - (width - 1 - pads[3]))
    beyond_y = np.maximum(pads[0] - y, y - (height - 1 - pads[1]))
    beyond = np.maximum(beyond_y[:, None], beyond_x[None, :])
    share = smoothstep(0, 0.06 * max(height, width), beyond).astype(np.float32)
    return np.asarray(cv2.blendLinear(blurred, wide, share, 1 - share), np.uint8)
