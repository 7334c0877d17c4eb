"""What the face analysis sees on a photo, drawn on it, and what would make a better photo."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sonic.errors import FaceError
from sonic.faces import topology
from sonic.faces.framing import face_box
from sonic.faces.geometry import rotation_from_pose
from sonic.faces.portrait import all_faces, analyse_portrait
from sonic.media.images import check_picture_name, save_picture
from sonic.media.photo import load_photo
from sonic.settings import Settings
from sonic.types import F32, F64, U8, Photo, Portrait

PICTURE_PX = 900
"""Longer side of the photo as drawn."""
PANEL_PX = 420
_DIM = 0.42
_PANEL, _TEXT, _FAINT = (24, 27, 33), (236, 238, 242), (150, 156, 168)
_GOOD, _WARN = (108, 210, 140), (250, 186, 84)
_MESH, _LINES, _MATTE, _FRAME = (120, 205, 255), (40, 160, 255), (90, 230, 160), (255, 255, 255)
_AXES = ((255, 92, 92), (120, 220, 100), (90, 140, 255))
_NUMBER = (255, 186, 84)
_LEGEND = ((_LINES, "face as measured"), (_MATTE, "edge of the person"), (_FRAME, "what the video shows"))


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found on a photo."""

    picture: str
    """Where the drawing is; empty where it is no file."""
    photo: str
    size_px: tuple[int, int]
    """(width, height) of the photo, upright."""
    n_faces: int
    video_px: tuple[int, int] | None = None
    """(width, height) of a video with these settings; None, as all below, if the face cannot be animated."""
    eye_distance_px: float | None = None
    pose_deg: tuple[float, float, float] | None = None
    """(yaw, pitch, roll)"""
    sharpness: float | None = None
    mouth_gap: float | None = None
    notices: tuple[str, ...] = ()
    """What is not ideal, and what would be better; if the face cannot be animated, first of all why."""
    faces_px: tuple[tuple[float, ...], ...] = ()
    """(left, top, right, bottom) of each face, from the left, in photo px."""
    shown_px: tuple[float, ...] | None = None
    """The same of what the video shows; it may leave the photo."""
    outline_px: tuple[tuple[float, ...], ...] = ()
    """(x, y) around the face that is animated, in photo px."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for machines."""
        return dataclasses.asdict(self)

    def to_text(self) -> str:
        """A few lines, for people."""
        where = f"{self.picture}: " if self.picture else ""
        lines = [f"{where}{self.photo}, {_size(self.size_px)} px", *(f"  {a:14}{b}" for a, b in _facts(self))]
        lines += [f"  ! {line}" for line in self.notices] or ["  nothing to improve"]
        return "\n".join(lines)


def inspect_photo(path: Path, out: Path, settings: Settings | None = None) -> Inspection:
    """Analyse the photo at ``path`` and draw what was seen to ``out`` (.png or .jpg).

    Several faces, or one that cannot be animated, are drawn as well and said in the notices. Raises PhotoError,
    FaceError if there is no face at all, and OutputError.
    """
    check_picture_name(out)
    seen, drawing = drawn(load_photo(path), settings or Settings())
    save_picture(drawing, out)
    return dataclasses.replace(seen, picture=str(out))


def drawn(photo: Photo, settings: Settings) -> tuple[Inspection, U8]:
    """What was found on a photo, and the (h, w, 3) drawing of it. Raises FaceError if there is no face at all."""
    seen, faces, portrait = _seen(photo, settings)
    drawing = _Drawing(photo, _shown_box(portrait) if portrait else (0, 0, *photo.size_px))
    if portrait:
        drawing.portrait(portrait)
    drawing.faces(faces, drawn=portrait is not None)
    return seen, _with_panel(drawing.canvas, seen)


def inspected(photo: Photo, settings: Settings) -> Inspection:
    """What was found on a photo, for whoever draws it. Raises FaceError if there is no face at all."""
    return _seen(photo, settings)[0]


def _seen(photo: Photo, settings: Settings) -> tuple[Inspection, list[F32], Portrait | None]:
    """What was found, all faces, and the portrait unless the face cannot be animated."""
    faces = all_faces(photo)
    boxes = tuple(tuple(round(edge, 1) for edge in face_box(points)) for points in faces)
    notices: list[str] = []
    try:
        portrait = analyse_portrait(photo, settings, notices.append)
    except FaceError as error:
        lines = (str(error), *notices)
        return Inspection("", photo.name, photo.size_px, len(faces), notices=lines, faces_px=boxes), faces, None
    return _inspection(portrait, boxes, tuple(notices)), faces, portrait


def _inspection(portrait: Portrait, boxes: tuple[tuple[float, ...], ...], notices: tuple[str, ...]) -> Inspection:
    quality, photo = portrait.face.quality, portrait.photo
    return Inspection(
        "",
        photo.name,
        photo.size_px,
        len(boxes),
        portrait.size_px,
        round(quality.eye_distance_px, 1),
        tuple(round(angle, 1) for angle in portrait.face.pose_deg),  # type: ignore[arg-type]
        round(quality.sharpness, 2),
        round(quality.mouth_gap, 3),
        notices,
        boxes,
        tuple(round(edge, 1) for edge in _shown_box(portrait)),
        tuple((round(x, 1), round(y, 1)) for x, y in _in_photo(portrait)[list(topology.OVAL)].tolist()),
    )


def _in_photo(portrait: Portrait) -> F64:
    """(478, 2) landmarks in photo px."""
    back = np.linalg.inv(np.vstack([portrait.crop_from_photo, [0, 0, 1]]))
    return _mapped(portrait.face.points_px[:, :2].astype(np.float64), back)


def _facts(seen: Inspection) -> list[tuple[str, str]]:
    """(name, value) of what was measured."""
    facts = [("faces", str(seen.n_faces))]
    if seen.video_px and seen.pose_deg and seen.eye_distance_px is not None:
        yaw, pitch, roll = seen.pose_deg
        facts += [
            ("video", f"{_size(seen.video_px)} px"),
            ("eye distance", f"{seen.eye_distance_px:.0f} px"),
            ("pose", f"yaw {yaw:+.0f}°, pitch {pitch:+.0f}°, roll {roll:+.0f}°"),
            ("sharpness", f"{seen.sharpness:.2f} of 1"),
            ("lips", f"{seen.mouth_gap:.3f} of the eye distance apart"),
        ]
    return facts


def _size(size_px: tuple[int, int]) -> str:
    return f"{size_px[0]}x{size_px[1]}"


def _shown_box(portrait: Portrait) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of the video's picture, in photo px."""
    a, (width, height) = portrait.crop_from_photo, portrait.size_px
    left, top = -(a[0, 2] + 0.5) / a[0, 0] + 0.5, -(a[1, 2] + 0.5) / a[1, 1] + 0.5
    return float(left), float(top), float(left + width / a[0, 0]), float(top + height / a[1, 1])


class _Drawing:
    """The photo, scaled, with room for a frame that leaves it; draws in photo px."""

    def __init__(self, photo: Photo, box: tuple[float, float, float, float]) -> None:
        width, height = photo.size_px
        left, top = min(0.0, box[0]), min(0.0, box[1])
        wide, high = max(float(width), box[2]) - left, max(float(height), box[3]) - top
        self.scale = PICTURE_PX / max(wide, high)
        self.origin = np.array([left, top])
        self.box = box
        self.canvas: U8 = np.full((round(high * self.scale), round(wide * self.scale), 3), _PANEL, np.uint8)
        how = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_CUBIC
        size = max(1, round(width * self.scale)), max(1, round(height * self.scale))
        x, y = np.round(-self.origin * self.scale).astype(int)
        picture = cv2.resize(photo.rgb, size, interpolation=how)
        target = self.canvas[y : y + size[1], x : x + size[0]]
        target[:] = picture[: target.shape[0], : target.shape[1]]

    def portrait(self, portrait: Portrait) -> None:
        """Frame, matte edge, landmarks and pose of the face to be animated."""
        back = np.linalg.inv(np.vstack([portrait.crop_from_photo, [0, 0, 1]]))
        self._frame()
        edges = cv2.findContours((portrait.matte > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
        for edge in edges:
            if len(edge) > 40:
                self._line(_mapped(edge[:, 0].astype(np.float64), back), _MATTE, closed=True)
        points = _in_photo(portrait)
        self._mesh(points)
        self._pose(points, portrait.face.pose_deg)

    def faces(self, faces: list[F32], *, drawn: bool) -> None:
        """A box for each face, numbered where there are several; landmarks unless one is ``drawn`` already."""
        for number, points in enumerate(faces, 1):
            low, high = points[:, :2].min(0), points[:, :2].max(0)
            if not drawn:
                self._mesh(points[:, :2].astype(np.float64))
            self._brackets(low, high)
            if len(faces) > 1:
                self._number(number, (low[0] + high[0]) / 2, low[1])

    def _frame(self) -> None:
        (x0, y0), (x1, y1) = (self._px(np.array(corner)) for corner in (self.box[:2], self.box[2:]))
        mask = np.zeros(self.canvas.shape[:2], bool)
        mask[max(y0, 0) : y1, max(x0, 0) : x1] = True
        self.canvas[~mask] = (self.canvas[~mask] * _DIM).astype(np.uint8)
        end = x1 - 1, y1 - 1
        cv2.rectangle(self.canvas, (int(x0), int(y0)), (int(end[0]), int(end[1])), _FRAME, 2, cv2.LINE_AA)

    def _mesh(self, points: F64) -> None:
        layer = self.canvas.copy()
        for x, y in self._px(points[: topology.LEFT_EYE.iris]):
            cv2.circle(layer, (int(x), int(y)), 1, _MESH, -1, cv2.LINE_AA)
        cv2.addWeighted(layer, 0.6, self.canvas, 0.4, 0, dst=self.canvas)
        self._line(points[list(topology.OVAL)], _LINES, closed=True)
        for eye in topology.EYES:
            ring = (eye.corners[0], *eye.upper, eye.corners[1], *eye.lower[::-1])
            self._line(points[list(ring)], _LINES, closed=True)
            rim = points[eye.iris + 1 : eye.iris + 5]
            radius = np.linalg.norm(rim - points[eye.iris], axis=1).mean() * self.scale
            x, y = self._px(points[eye.iris])
            cv2.circle(self.canvas, (int(x), int(y)), max(1, round(float(radius))), _LINES, 1, cv2.LINE_AA)
        pairs = ((topology.UPPER_OUTER, topology.LOWER_OUTER), (topology.UPPER_INNER, topology.LOWER_INNER))
        for upper, lower in pairs:
            self._line(points[[*upper, *lower[::-1]]], _LINES, closed=True)

    def _pose(self, points: F64, pose_deg: tuple[float, float, float]) -> None:
        """Axes of the head from the tip of the nose: red to the right, green down, blue out of the face."""
        tip = points[1]
        length = 0.45 * np.linalg.norm(points[topology.FOREHEAD] - points[topology.CHIN_TIP])
        rotation = rotation_from_pose(pose_deg)
        for axis, colour in zip(np.diag([1.0, 1.0, -1.0]), _AXES, strict=True):
            (x0, y0), (x1, y1) = self._px(np.array([tip, tip + length * (rotation @ axis)[:2]]))
            cv2.arrowedLine(self.canvas, (int(x0), int(y0)), (int(x1), int(y1)), colour, 3, cv2.LINE_AA, tipLength=0.16)

    def _brackets(self, low: F32, high: F32) -> None:
        (x0, y0), (x1, y1) = self._px(np.array([low, high]))
        arm = int(0.16 * (x1 - x0))
        for x, dx in ((int(x0), arm), (int(x1), -arm)):
            for y, dy in ((int(y0), arm), (int(y1), -arm)):
                corner = np.array([[x + dx, y], [x, y], [x, y + dy]], np.int32)
                cv2.polylines(self.canvas, [corner], False, _LINES, 2, cv2.LINE_AA)

    def _number(self, number: int, x: float, y: float) -> None:
        px, py = (int(v) for v in self._px(np.array([x, y])))
        centre = px, max(20, py - 24)
        cv2.circle(self.canvas, centre, 18, _NUMBER, -1, cv2.LINE_AA)
        (width, height), _ = cv2.getTextSize(str(number), cv2.FONT_HERSHEY_DUPLEX, 0.8, 2)
        at = centre[0] - width // 2, centre[1] + height // 2
        cv2.putText(self.canvas, str(number), at, cv2.FONT_HERSHEY_DUPLEX, 0.8, _PANEL, 2, cv2.LINE_AA)

    def _line(self, points: F64, colour: tuple[int, int, int], *, closed: bool) -> None:
        cv2.polylines(self.canvas, [self._px(points).astype(np.int32)], closed, colour, 1, cv2.LINE_AA)

    def _px(self, points: Any) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
        return np.asarray(np.round((points - self.origin) * self.scale), np.int64)


def _mapped(points: F64, affine: F64) -> F64:
    return np.asarray(points @ affine[:2, :2].T + affine[:2, 2], np.float64)


def _with_panel(picture: U8, seen: Inspection) -> U8:
    """The drawing with what was found written beside it."""
    font, bold = (ImageFont.load_default(size) for size in (17, 24))
    measure = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    inner = PANEL_PX - 56
    rows: list[tuple[str, Any, tuple[int, int, int], int]] = [
        *((line, bold, _TEXT, 32) for line in _wrapped(measure, seen.photo, bold, inner)),
        (f"{_size(seen.size_px)} px", font, _FAINT, 36),
    ]
    for name, value in _facts(seen):
        rows += [(f"{name}: {value}", font, _TEXT, 26)]
    rows.append(("", font, _TEXT, 12))
    for notice in seen.notices:
        lines = _wrapped(measure, notice, font, inner - 18)
        rows += [(("- " if k == 0 else "  ") + line, font, _WARN, 24) for k, line in enumerate(lines)]
        rows.append(("", font, _TEXT, 8))
    if not seen.notices:
        rows.append(("Nothing to improve.", font, _GOOD, 26))
    height = max(picture.shape[0], sum(row[3] for row in rows) + 56 + 30 * len(_LEGEND))
    sheet = Image.new("RGB", (picture.shape[1] + PANEL_PX, height), _PANEL)
    sheet.paste(Image.fromarray(picture), (0, (height - picture.shape[0]) // 2))
    _write(ImageDraw.Draw(sheet), rows, picture.shape[1] + 28, font)
    return np.array(sheet)


def _write(draw: Any, rows: list[tuple[str, Any, tuple[int, int, int], int]], x: int, font: Any) -> None:
    y = 28
    for text, style, colour, advance in rows:
        draw.text((x, y), text, fill=colour, font=style)
        y += advance
    y = draw.im.size[1] - 24 - 28 * len(_LEGEND)
    for colour, text in _LEGEND:
        draw.line((x, y + 12, x + 26, y + 12), fill=colour, width=3)
        draw.text((x + 38, y), text, fill=_FAINT, font=font)
        y += 28


def _wrapped(draw: Any, text: str, font: Any, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font=font) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
