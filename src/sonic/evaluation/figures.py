"""Charts as pixels, drawn with Pillow: curves over one axis, in panels below one another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sonic.types import U8

_FINE = 2
"""Everything is drawn this much larger and reduced at the end, which smooths the lines."""
_LEFT, _RIGHT, _BOTTOM, _ABOVE, _TITLE = 58, 58, 44, 26, 34
"""Room around the panels and above each of them, in px."""
_MARGIN = 12
_TEXT_PX, _TITLE_PX, _LINE_PX = 13, 16, 1.4
_INK, _GRID, _PAPER = "#3a3a3a", "#e6e6e6", "#ffffff"
_STEPS = (1, 2, 5, 10)
Box = tuple[float, float, float, float]
"""(left, top, right, bottom) in px."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line, or the area below it, over the axis of its chart."""

    x: NDArray[Any]
    y: NDArray[Any]
    colour: str
    name: str
    """With its unit; written in the colour above the panel."""
    filled: bool = False
    right: bool = False
    """Its scale is the one on the right."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves that share a box."""

    curves: Sequence[Curve]
    height: float = 1.0
    """Relative to the other panels."""
    low: float | None = None
    """Lower end of both scales; None: as the curves need it."""


def draw_chart(panels: Sequence[Panel], size_px: tuple[int, int], *, title: str, x_name: str) -> U8:
    """(h, w, 3) of these panels over one axis, which spans what the curves span."""
    width, height = size_px
    image = Image.new("RGB", (width * _FINE, height * _FINE), _PAPER)
    pen = _Pen(ImageDraw.Draw(image))
    pen.text((width / 2, 10), pen.fitted(title, width - 2 * _MARGIN), _INK, "ma", _TITLE_PX)
    ends = _ends([curve.x for panel in panels for curve in panel.curves])
    room = height - _TITLE - _BOTTOM - _ABOVE * len(panels)
    top = float(_TITLE)
    for panel in panels:
        below = top + _ABOVE + room * panel.height / sum(each.height for each in panels)
        _draw_panel(pen, panel, (_LEFT, top + _ABOVE, width - _RIGHT, below), ends)
        top = below
    for at, label in _ticks(*ends, 10):
        x = _LEFT + (at - ends[0]) / (ends[1] - ends[0]) * (width - _LEFT - _RIGHT)
        pen.text((x, top + 6), label, _INK, "ma")
    pen.text((width / 2, height - 6), x_name, _INK, "md")
    return np.ascontiguousarray(image.reduce(_FINE))


class _Pen:
    """Draws in px of the finished picture."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw
        self._fonts = {size: ImageFont.load_default(size * _FINE) for size in (_TEXT_PX, _TITLE_PX)}

    def text(self, at: tuple[float, float], text: str, colour: str, anchor: str, size_px: int = _TEXT_PX) -> None:
        self._draw.text((at[0] * _FINE, at[1] * _FINE), text, colour, self._fonts[size_px], anchor)

    def length(self, text: str) -> float:
        return self._fonts[_TEXT_PX].getlength(text) / _FINE

    def fitted(self, title: str, width_px: float) -> str:
        """The title, without its beginning if it is too long."""
        font = self._fonts[_TITLE_PX]
        starts = (title if not k else "…" + title[k:] for k in range(len(title)))
        return next((text for text in starts if font.getlength(text) <= width_px * _FINE), "")

    def line(self, points: NDArray[Any], colour: str, width_px: float) -> None:
        flat = (points * _FINE).ravel().tolist()
        self._draw.line(flat, colour, round(width_px * _FINE), "curve")

    def area(self, points: NDArray[Any], colour: str) -> None:
        self._draw.polygon((points * _FINE).ravel().tolist(), colour)


def _draw_panel(pen: _Pen, panel: Panel, box: Box, x_ends: tuple[float, float]) -> None:
    left, top, right, bottom = box
    scales = {side: _draw_scale(pen, panel, box, side) for side in {curve.right for curve in panel.curves}}
    for curve in panel.curves:
        low, high = scales[curve.right]
        x = left + (curve.x - x_ends[0]) / (x_ends[1] - x_ends[0]) * (right - left)
        y = bottom - (curve.y - low) / (high - low) * (bottom - top)
        points = np.stack([x, y], -1)[np.isfinite(curve.y)]
        if curve.filled and len(points):
            pen.area(np.vstack([(points[0, 0], bottom), points, (points[-1, 0], bottom)]), curve.colour)
        elif len(points) > 1:
            pen.line(points, curve.colour, _LINE_PX)
    pen.line(np.array([(left, bottom), (right, bottom)]), _INK, 1)
    _name_curves(pen, panel, left, right, top - 5)


def _draw_scale(pen: _Pen, panel: Panel, box: Box, right_one: bool) -> tuple[float, float]:
    """Numbers beside the panel, and lines across it for those on the left; (lower, upper) end."""
    left, top, right, bottom = box
    low, high = _ends([curve.y for curve in panel.curves if curve.right == right_one], panel.low)
    for at, label in _ticks(low, high, max(2, int((bottom - top) / 32))):
        y = bottom - (at - low) / (high - low) * (bottom - top)
        if not right_one:
            pen.line(np.array([(left, y), (right, y)]), _GRID, 1)
        pen.text((right + 6, y) if right_one else (left - 6, y), label, _INK, "lm" if right_one else "rm")
    return low, high


def _name_curves(pen: _Pen, panel: Panel, left: float, right: float, y: float) -> None:
    """Above the panel, each in its colour; those with the scale on the right begin there."""
    for curve in panel.curves:
        colour = _darker(curve.colour) if curve.filled else curve.colour
        pen.text((right, y) if curve.right else (left, y), curve.name, colour, "rd" if curve.right else "ld")
        reach = pen.length(curve.name) + 18
        left, right = (left, right - reach) if curve.right else (left + reach, right)


def _darker(colour: str) -> str:
    """A text in the pale colour of an area could not be read."""
    return "#" + "".join(f"{int(colour[i : i + 2], 16) * 6 // 10:02x}" for i in (1, 3, 5))


def _ends(values: Sequence[NDArray[Any]], low: float | None = None) -> tuple[float, float]:
    """The range of all finite values, never empty; a little room above where the lower end is given."""
    finite = [float(end) for each in values if np.isfinite(each).any() for end in (np.nanmin(each), np.nanmax(each))]
    least, most = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if low is not None:
        least, most = low, most + 0.06 * (most - low)
    return (least, most) if most > least else (least, least + max(1.0, abs(least)))


def _ticks(low: float, high: float, n: int) -> list[tuple[float, str]]:
    """About ``n`` round numbers in a range and how they are written."""
    raw = (high - low) / n
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in _STEPS if unit * factor >= raw * 0.999)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    places = np.arange(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [(float(k) * step, f"{float(k) * step:.{digits}f}") for k in places]
