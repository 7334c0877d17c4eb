"""Looking for Sonic's visible label in a picture: the text as it is drawn, at every place and in all sizes it can have.

The label of a picture of this size is drawn as ``label_pixels`` does, for a picture that is whole and for one that was
cropped or lies between bars, and compared with every place by normalised correlation, which neither brightness nor
contrast changes. bench/verification.py measures how like a label pictures without one are; MIN_LIKENESS is far above.
Labels of other tools, in other letters, are not found.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from sonic.provenance.label import label_pixels
from sonic.types import U8

MIN_LIKENESS = 0.7
"""Correlation from which a place counts as a label: 1 is the label itself."""
CROPS = (0.62, 1.32)
"""Sizes looked for, over the size in a whole picture: from one between black bars to one of which a quarter is gone."""

_SHORT_PX = 288  # shorter side of the picture as it is looked at; the ink is 16 px high there
_BORDER_PX = 6  # a crop may take a little of the text
_STEP = 1.035
_LAYOUT_PX = 640  # labels of larger pictures look alike but for their size
_MIN_SHORT_PX = 64
_MAX_ASPECT = 4
_INK = 128  # luma from which a pixel of the label is text; its plate may be cut by a crop that leaves the text
_BEHIND = 110  # grey under the plate, which lets a fifth of the picture through


@dataclass(frozen=True, slots=True)
class LabelFound:
    """The place that is most like the label."""

    likeness: float
    """-1 .. 1"""
    box_px: tuple[int, int, int, int]
    """(left, top, width, height) in the picture."""

    @property
    def is_label(self) -> bool:
        """Whether it counts as one."""
        return self.likeness >= MIN_LIKENESS


def find_label(rgb: U8) -> LabelFound | None:
    """The place of ``rgb`` (h, w, 3) that is most like Sonic's label; None if the picture is too small for one."""
    height, width = rgb.shape[:2]
    short = min(height, width)
    if short < _MIN_SHORT_PX or max(height, width) > _MAX_ASPECT * short:
        return None
    scale = _SHORT_PX / short
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    luma = cv2.resize(luma, (round(width * scale), round(height * scale)), interpolation=how)
    luma = cv2.copyMakeBorder(luma, _BORDER_PX, _BORDER_PX, _BORDER_PX, _BORDER_PX, cv2.BORDER_REPLICATE)
    best = LabelFound(-1.0, (0, 0, 0, 0))
    for template in map(_template, *zip(*_layouts(short), strict=True)):
        if template.shape[0] > luma.shape[0] or template.shape[1] > luma.shape[1]:
            continue
        likeness = cv2.matchTemplate(luma, template, cv2.TM_CCOEFF_NORMED)
        _, highest, _, (x, y) = cv2.minMaxLoc(likeness)
        if highest > best.likeness:
            box = (x - _BORDER_PX, y - _BORDER_PX, template.shape[1], template.shape[0])
            left, top, wide, high = (max(0, round(length / scale)) for length in box)
            best = LabelFound(float(highest), (left, top, wide, high))
    return best


def _layouts(short_px: int) -> list[tuple[int, int]]:
    """(shorter side of the picture that the label was made for, that side as it is looked at), for every size.

    Made for this size or twice it and scaled down: in small pictures the English line is larger.
    """
    n = round(np.log(CROPS[1] / CROPS[0]) / np.log(_STEP))
    made = {min(larger * short_px, _LAYOUT_PX) for larger in (1, 2)}
    return sorted((one, round(_SHORT_PX * size)) for one in made for size in np.geomspace(*CROPS, n + 1))


@cache
def _template(made_px: int, short_px: int) -> U8:
    """(h, w) luma of the label's text, without the plate around it, of a picture made with ``made_px`` and scaled."""
    scale = short_px / made_px
    rgba = label_pixels((made_px, made_px)).astype(np.float32)
    alpha = rgba[..., 3] / 255
    luma = rgba[..., :3].mean(axis=2) * alpha + _BEHIND * (1 - alpha)
    rows, columns = (np.flatnonzero((luma > _INK).any(axis=axis)) for axis in (1, 0))
    luma = luma[rows[0] - 1 : rows[-1] + 2, columns[0] - 1 : columns[-1] + 2]
    size = max(8, round(luma.shape[1] * scale)), max(8, round(luma.shape[0] * scale))
    luma = cv2.resize(luma, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return np.ascontiguousarray(luma.round().astype(np.uint8))
