"""The visible label, after GB 45438-2025 (on video): a text that says AI and generated, from the opening frame on.

The standard asks for glyphs of at least 5 % of the shorter side and does not say what the height of a glyph is. Here it
is the ink of the smallest glyph of "AI生成" (its capitals), measured after rasterising: the strictest reading. The line
"AI-generated" below repeats it for readers of English and is not counted. Designed to meet the standard; not certified.
"""

import math
from collections.abc import Sequence
from functools import cache
from importlib import resources
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sonic.settings import Settings
from sonic.settings.platforms import platform
from sonic.types import F32, U8, LabelOverlay, Portrait

TEXT = "AI生成"
"""What the standard asks for: an AI element and a generation element."""
SUBTEXT = "AI-generated"
"""The same in English, smaller."""
MIN_INK = 0.05
"""Required height of the ink over the shorter side of the picture."""
AIM_INK = 0.055
"""Height that is aimed at."""
MIN_SUBTEXT_INK_PX = 6
"""Capitals of the English line never get smaller than this."""
OPENING_S = 4.0
"""Length of an opening label; the standard asks for 2 s."""
MARGIN = 0.03
"""Distance from the edges of the picture, over its shorter side."""

_PLATE = (18, 20, 24)
_PLATE_ALPHA = 0.78  # white text on it keeps a contrast above 7:1 even over pure white (WCAG AAA)
_OVERSAMPLE = 4
_PLACES = 8
"""Steps along an edge of the picture, between its corners."""

Box = tuple[float, float, float, float]
"""(left, top, right, bottom)"""


def make_label(portrait: Portrait, settings: Settings, n_frames: int) -> LabelOverlay:
    """The label for a video of this portrait with ``n_frames`` frames at settings.fps.

    It lies in the corner of settings.label_position, or elsewhere if it would cover a face there, the speaker's or
    another one; for a platform, in the part of the picture that it leaves free. It shows as settings.label_span says;
    "opening" is the first OPENING_S seconds, and a shorter video is labelled throughout.
    """
    plate = label_pixels(portrait.size_px)
    faces = (portrait.face.box_px, *(portrait.others.boxes_px if portrait.others else ()))
    size = (plate.shape[1], plate.shape[0])
    left, top = _place(size, _room(portrait.size_px, settings, size), faces, settings.label_position)
    shown = n_frames if settings.label_span == "throughout" else min(n_frames, math.ceil(OPENING_S * settings.fps))
    return LabelOverlay(plate, left, top, shown)


@cache
def label_pixels(size_px: tuple[int, int]) -> U8:
    """(h, w, 4) straight alpha, read-only: the plate with its text for a picture of ``size_px`` (width, height).

    Raises RuntimeError if the ink is lower than MIN_INK of the shorter side, so that no such label can be used.
    """
    short = min(size_px)
    main, ink = _text_of_ink(TEXT, AIM_INK * short)
    if ink < MIN_INK * short:
        raise RuntimeError(f"label ink is {ink} px, less than {MIN_INK:.0%} of {short} px")
    sub = _subtext(main.shape[1], ink)
    pad_x, pad_y, gap = round(0.55 * ink), round(0.42 * ink), max(2, round(0.26 * ink))
    width = _even(max(main.shape[1], sub.shape[1]) + 2 * pad_x)
    height = _even(main.shape[0] + gap + sub.shape[0] + 2 * pad_y)
    text = np.zeros((height, width), np.float32)
    _lay(text, main, pad_y)
    _lay(text, sub, pad_y + main.shape[0] + gap)
    plate = _PLATE_ALPHA * _rounded(width, height, radius=0.5 * ink)
    alpha = text + plate * (1 - text)
    colour = (text[..., None] * 255 + (plate * (1 - text))[..., None] * np.array(_PLATE)) / np.maximum(alpha, 1e-6)[
        ..., None
    ]
    rgba: U8 = np.concatenate([colour, alpha[..., None] * 255], axis=2).round().astype(np.uint8)
    rgba.flags.writeable = False
    return rgba


def _text_of_ink(text: str, ink_px: float) -> tuple[F32, int]:
    """Coverage (h, w) of ``text``, cut to its ink, in the smallest font whose lowest glyph has ``ink_px`` of ink.

    Returns the coverage and the measured ink of the lowest glyph among the capitals and ideographs.
    """
    size = max(4, math.floor(ink_px))  # a capital is about 0.73 em: this start is always too small
    while True:
        font = _font(size)
        ink = min(_ink_height(glyph, font) for glyph in set(text) if glyph.isupper() or ord(glyph) > 0x2E80)
        if ink >= ink_px:
            return _coverage(text, font), ink
        size += 1


def _subtext(width_px: int, ink_px: int) -> F32:
    """The English line: as wide as the main line, within legible bounds."""
    size = 4
    while True:
        font = _font(size)
        ink = _ink_height("A", font)
        fits = font.getlength(SUBTEXT) >= width_px or ink >= ink_px
        if fits and ink >= MIN_SUBTEXT_INK_PX:
            return _coverage(SUBTEXT, font)
        size += 1


def _coverage(text: str, font: ImageFont.FreeTypeFont) -> F32:
    left, top, right, bottom = (int(v) for v in font.getbbox(text))
    image = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(image).text((1 - left, 1 - top), text, fill=255, font=font)
    return np.asarray(image.crop(image.getbbox()), np.float32) / np.float32(255)


def _ink_height(glyph: str, font: ImageFont.FreeTypeFont) -> int:
    """Rows of the rasterised glyph that are at least half covered somewhere."""
    return int((_coverage(glyph, font) >= 0.5).any(axis=1).sum())


def _lay(text: F32, line: F32, top: int) -> None:
    left = (text.shape[1] - line.shape[1]) // 2
    text[top : top + line.shape[0], left : left + line.shape[1]] = line


def _rounded(width: int, height: int, radius: float) -> F32:
    """Coverage (height, width) of a rectangle with rounded corners."""
    k = _OVERSAMPLE
    image = Image.new("L", (width * k, height * k))
    ImageDraw.Draw(image).rounded_rectangle((0, 0, width * k - 1, height * k - 1), radius * k, fill=255)
    return np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float32) / np.float32(255)


@cache
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    path = resources.files("sonic").joinpath("assets", "fonts", "sonic-label.otf")
    return ImageFont.truetype(BytesIO(path.read_bytes()), size_px, layout_engine=ImageFont.Layout.BASIC)


def _even(n: int) -> int:
    """Rounded up to even, so that the edges of the plate lie on the chroma grid of 4:2:0 video."""
    return n + n % 2


def _room(picture: tuple[int, int], settings: Settings, size: tuple[int, int]) -> Box:
    """Where a plate of this (width, height) may lie: all but a margin, and where the platform's own texts are not."""
    margin = 2 * round(MARGIN * min(picture) / 2)
    box = [margin, margin, picture[0] - margin, picture[1] - margin]
    if settings.platform is not None:
        box = [round(part * picture[k % 2] / 2) * 2 for k, part in enumerate(platform(settings.platform).safe_area)]
    left, top = (max(0, min(box[k], picture[k] - size[k])) for k in (0, 1))
    return left, top, max(box[2], left + size[0]), max(box[3], top + size[1])


def _place(size: tuple[int, int], room: Box, faces: Sequence[Box], position: str) -> tuple[int, int]:
    """(left, top) of a plate of this (width, height), inside the room; ``faces``: the speaker's first.

    ``auto`` is the top corner that covers less of the heads; if both cover none, the farther one from the speaker.
    A corner in which the plate covers a face is left for the place along the picture's edges that covers least.
    """
    xs, ys = (_starts(int(room[k]), int(room[k + 2]), size[k]) for k in (0, 1))
    heads = [_head_box(face) for face in faces]
    middle = (heads[0][0] + heads[0][2]) / 2

    def plate(place: tuple[int, int]) -> Box:
        return (*place, place[0] + size[0], place[1] + size[1])

    def on_faces(place: tuple[int, int]) -> float:
        return sum(_intrusion(plate(place), face) for face in faces)

    def on_heads(place: tuple[int, int]) -> float:
        return sum(_overlap(plate(place), head) for head in heads)

    if position == "auto":
        tops = ((xs[0], ys[0]), (xs[-1], ys[0]))
        wanted = min(tops, key=lambda place: (on_heads(place), -abs(place[0] + size[0] / 2 - middle)))
    else:
        vertical, horizontal = position.split("-")
        wanted = xs[0 if horizontal == "left" else -1], ys[0 if vertical == "top" else -1]
    if not on_faces(wanted):
        return wanted
    edges = sorted((x, y) for x in xs for y in ys if x in (xs[0], xs[-1]) or y in (ys[0], ys[-1]))
    return min(edges, key=lambda place: (on_faces(place), on_heads(place), math.dist(place, wanted)))


def _starts(low: int, high: int, length: int) -> list[int]:
    """Where a plate of this length may start between these ends of a side of the picture: even."""
    first, last = low, max(low, (high - length) // 2 * 2)
    return [first, *(round(first + k * (last - first) / _PLACES) // 2 * 2 for k in range(1, _PLACES)), last]


def _head_box(face: Box) -> Box:
    """The box of the landmarks with room for hair and ears, which the landmarks do not reach."""
    left, top, right, bottom = face
    return left - 0.12 * (right - left), top - 0.35 * (bottom - top), right + 0.12 * (right - left), bottom


def _overlap(a: Box, b: Box) -> float:
    """Common area of two boxes."""
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, across) * max(0.0, down)


def _intrusion(plate: Box, face: Box) -> float:
    """How deep a plate reaches into the ellipse of a face: 0 not at all, 1 to its centre."""
    away = 0.0
    for k in (0, 1):
        centre, half = (face[k] + face[k + 2]) / 2, max((face[k + 2] - face[k]) / 2, 1.0)
        nearest = min(max(centre, plate[k]), plate[k + 2])
        away += ((nearest - centre) / half) ** 2
    return max(0.0, 1.0 - math.sqrt(away))
