"""Captions in the picture: outlined text below the face, never over mouth, eyes or label."""

from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sonic.captions.fonts import direction, font_for, opened
from sonic.captions.lines import Cue, Word
from sonic.captions.script import is_rtl, joined
from sonic.captions.timing import Captions
from sonic.types import U8, Frame, LabelOverlay, OnNotice, Portrait

SIZES = (0.052, 0.046, 0.040, 0.034)
"""Heights of the letters' em over the picture's shorter side: the first that fits beside mouth and label is taken."""
LEADING = 1.28
OUTLINE = 0.09
"""Width of the dark outline, in em: text stays legible over any picture."""
MARGIN = 0.05
CLEAR = 0.3
"""Room between chin and captions, in em."""
ABOVE = (
    "captions lie above the eyes, for there is no room for them below the chin; a photo with more room below the face "
    "is better"
)
_WHITE, _DARK, _SAID = (255, 255, 255), (16, 18, 22), (255, 214, 64)
_MOUTH = (61, 291, 0, 17)
"""FaceMesh: corners and the outer edge of the lips."""
_EYES = (33, 263, 159, 386, 145, 374)
_CHIN = 152

Font = ImageFont.FreeTypeFont
Box = tuple[float, float, float, float]
"""(left, top, right, bottom) in crop px."""


@dataclass(frozen=True, slots=True)
class CaptionStyle:
    """How captions are drawn."""

    font: str | None = None
    """Path of a font; None looks for one that has the letters."""
    karaoke: bool = False
    """Whether the word that is being said is coloured."""


def style_of(font: str | None, *, burn_in: bool, karaoke: bool) -> CaptionStyle | None:
    """How captions are drawn as somebody asks for it; None: not at all. Karaoke asks for burn-in too."""
    return CaptionStyle(font, karaoke) if burn_in or karaoke else None


def chin_above(size_px: tuple[int, int], safe_area: Box) -> float:
    """How low a chin may lie, as a share of the picture's height, for two lines of captions between it and the end of
    the part that is free of a platform's texts.
    """
    em = SIZES[1] * min(size_px)
    return safe_area[3] - (2 * LEADING * em + 2 * OUTLINE * em + CLEAR * em) / size_px[1]


class CaptionPainter:
    """Draws the cue of each moment; what it drew last is kept, for it stays for many frames."""

    def __init__(
        self,
        captions: Captions,
        portrait: Portrait,
        label: LabelOverlay,
        style: CaptionStyle,
        safe_area: Box | None,
        on_notice: OnNotice,
    ) -> None:
        self._cues, self._style = captions.cues, style
        self._path = font_for("".join(t for cue in captions.cues for t in cue.texts()), style.font)
        self._size_px, self._em, self._centre, self._top = self._placed(portrait, label, safe_area, on_notice)
        self._place = 0
        self._kept: tuple[tuple[int, int], U8, int, int] | None = None

    def draw(self, rgb: U8, time_s: float) -> None:
        """Lay the cue of this moment over a frame (h, w, 3), in place."""
        cue = self._cue_at(time_s)
        if cue is None:
            return
        said = self._said(cue, time_s) if self._style.karaoke else -1
        key = (self._place, said)
        if self._kept is None or self._kept[0] != key:
            pixels = self._pixels(cue, said)
            left = int(min(max(0, self._centre - pixels.shape[1] / 2), max(0, self._size_px[0] - pixels.shape[1])))
            self._kept = key, pixels, left, self._top
        _, pixels, left, top = self._kept
        part = rgb[top : top + pixels.shape[0], left : left + pixels.shape[1]]
        ink = pixels[: part.shape[0], : part.shape[1]].astype(np.float32)
        alpha = ink[..., 3:] / 255
        part[...] = (part * (1 - alpha) + ink[..., :3] * alpha + 0.5).astype(np.uint8)

    def _cue_at(self, time_s: float) -> Cue | None:
        while self._place + 1 < len(self._cues) and self._cues[self._place + 1].begin_s <= time_s:
            self._place += 1
        cue = self._cues[self._place] if self._cues else None
        return cue if cue and cue.begin_s <= time_s < cue.end_s else None

    @staticmethod
    def _said(cue: Cue, time_s: float) -> int:
        words = [word for line in cue.lines for word in line]
        return sum(word.begin_s <= time_s for word in words) - 1

    def _placed(
        self, portrait: Portrait, label: LabelOverlay, safe_area: Box | None, on_notice: OnNotice
    ) -> tuple[tuple[int, int], int, float, int]:
        """(size of the picture, em, middle and top of the block): below the chin if that goes, else where it does."""
        width, height = portrait.size_px
        left, top, right, bottom = _room(portrait.size_px, safe_area)
        forbidden = (_mouth_box(portrait), _eyes_box(portrait), _label_box(label))
        for size in SIZES:
            em = max(10, round(size * min(width, height)))
            wide, high = self._largest(em)
            if wide > right - left:
                continue
            centre = (left + right) / 2
            for start in (
                bottom - high,
                _chin(portrait) + CLEAR * em,
                top,
                label.top_px + label.rgba.shape[0] + CLEAR * em,
            ):
                block = (centre - wide / 2, start, centre + wide / 2, start + high)
                inside = top <= start and start + high <= bottom + 1
                if inside and not any(_meet(block, box) for box in forbidden):
                    if start < _chin(portrait):
                        on_notice(ABOVE)
                    return (width, height), em, centre, int(start)
        on_notice("there is no room for captions beside mouth, eyes and label; they are drawn small, at the lower edge")
        em = max(10, round(0.75 * SIZES[-1] * min(width, height)))
        return (width, height), em, width / 2, int(height - self._largest(em)[1])

    def _largest(self, em: int) -> tuple[float, float]:
        """(width, height) of the largest cue."""
        font, edge = opened(self._path, em), round(OUTLINE * em)
        texts = [cue.texts() for cue in self._cues]
        wide = max((font.getlength(t, direction=direction(t)) for lines in texts for t in lines), default=0.0)
        return wide + 2 * edge + 4, max((len(lines) for lines in texts), default=1) * round(LEADING * em) + 2 * edge

    def _pixels(self, cue: Cue, said: int) -> U8:
        """(h, w, 4) straight alpha of a cue; ``said`` is the place of the word that is coloured, -1 is none."""
        em, edge = self._em, round(OUTLINE * self._em)
        font, step = opened(self._path, em), round(LEADING * em)
        texts = cue.texts()
        lengths = [font.getlength(t, direction=direction(t)) for t in texts]
        image = Image.new("RGBA", (round(max(lengths)) + 2 * edge + 4, step * self._n_lines() + 2 * edge))
        first, below = 0, self._n_lines() - len(texts)  # a single line lies where the lower of two would
        for place, (line, text, length) in enumerate(zip(cue.lines, texts, lengths, strict=True)):
            at = ((image.width - length) / 2, edge + step * (place + below))
            _write(image, text, at, font, edge, _WHITE)
            if first <= said < first + len(line):
                _colour(image, line, said - first, at, font, edge, step)
            first += len(line)
        return np.asarray(image, np.uint8)

    def _n_lines(self) -> int:
        return max(len(cue.lines) for cue in self._cues)


def captioned(
    frames: Generator[Frame, None, None], painter: CaptionPainter, fps: Fraction
) -> Generator[Frame, None, None]:
    """The frames with their captions; closing it closes them."""
    try:
        for frame in frames:
            rgb = np.require(frame.rgb, requirements=["C", "W"])
            painter.draw(rgb, float(frame.index / fps))
            yield Frame(rgb, frame.index)
    finally:
        frames.close()


def _write(
    image: Image.Image, text: str, at: tuple[float, float], font: Font, edge: int, colour: tuple[int, int, int]
) -> None:
    ImageDraw.Draw(image).text(
        at, text, font=font, fill=colour, stroke_width=edge, stroke_fill=_DARK, direction=direction(text)
    )


def _colour(
    image: Image.Image, line: tuple[Word, ...], said: int, at: tuple[float, float], font: Font, edge: int, step: int
) -> None:
    """One word in another colour: the whole line is drawn again, for letters join, and its part is taken."""
    text = joined(word.unit for word in line)
    again = Image.new("RGBA", image.size)
    _write(again, text, at, font, edge, _SAID)
    way = direction(text)
    begin, end = (font.getlength(_upto(line, k), direction=way) for k in (said, said + 1))
    if is_rtl(text):
        total = font.getlength(text, direction=way)
        begin, end = total - end, total - begin
    box = (round(at[0] + begin), int(at[1]) - edge, round(at[0] + end), int(at[1]) + step + edge)
    image.paste(again.crop(box), box[:2])


def _upto(line: tuple[Word, ...], n: int) -> str:
    """The first ``n`` words and the space after them."""
    return "".join(word.unit.text + " " * word.unit.spaced for word in line[:n])


def _room(size_px: tuple[int, int], safe_area: Box | None) -> Box:
    width, height = size_px
    if safe_area is not None:
        return safe_area[0] * width, safe_area[1] * height, safe_area[2] * width, safe_area[3] * height
    margin = MARGIN * min(size_px)
    return margin, margin, width - margin, height - margin


def _mouth_box(portrait: Portrait) -> Box:
    """The lips with the room that they move in, and that the head moves them in."""
    points = portrait.face.points_px
    around = points[list(_MOUTH), :2]
    room = 0.10 * float(points[_CHIN, 1] - points[10, 1])
    (left, top), (right, bottom) = around.min(0), around.max(0)
    return float(left) - room, float(top) - room, float(right) + room, float(bottom) + room


def _eyes_box(portrait: Portrait) -> Box:
    (left, top), (right, bottom) = (edge(portrait.face.points_px[list(_EYES), :2], 0) for edge in (np.min, np.max))
    return float(left), float(top), float(right), float(bottom)


def _chin(portrait: Portrait) -> float:
    return float(portrait.face.points_px[_CHIN, 1])


def _label_box(label: LabelOverlay) -> Box:
    height, width = label.rgba.shape[:2]
    return label.left_px, label.top_px, label.left_px + width, label.top_px + height


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
