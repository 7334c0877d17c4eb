"""Whether something is in front of the mouth: a mask, a hand, a microphone, a cup.

What a mouth in view has: a line where the lips meet, lips redder than the skin below and beside them, and a lower face
of the same skin as the upper one. None of them alone is in every picture (pale lips, brown lips, teeth, beards, black
and white), so a mouth is called covered only where several are missing together, and a clear line is a mouth always.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from sonic.faces.tones import toning_of
from sonic.types import F32, U8

_UPPER_SKIN = (50, 280, 101, 330, 151, 9, 108, 337, 4, 195)
_LOWER_SKIN = (18, 200, 199, 43, 273, 106, 335, 164, 167, 393, 216, 436, 212, 432, 202, 422)
_LOWER_LIP = (15, 16, 86, 316, 85, 315)
_BELOW_IT = (200, 199, 201, 421, 208, 428)
_LIPS = (14, 17, 16, 15, 87, 317, 0, 13, 82, 312, 86, 316)
_PATCH_PX = 3

# Limits from 204 photos of 102 people with skin of every tone, 16 portraits, 312 frames of 35 speakers, the same in
# grey, sepia and bronze, and 1,131 covers painted over them.
_CLEAR_LINE, _FAINT_LINE, _NO_LINE, _GREY_LINE, _BARE = 1.0, 0.5, 0.25, 0.18, 0.1
_RED, _LITTLE_RED, _NOT_RED = 6.0, 2.5, 1.0
_FAR, _NEAR, _ALIKE, _MUCH_ALIKE, _SAME = 12.0, 9.0, 8.0, 6.0, 3.0
_LIP_NOT_RED, _LIP_ALIKE = 0.7, 4.5
_OTHER_HUE = 12.0
_COLOURS = 0.65
"""Freedom of hue from which redness tells anything."""


@dataclass(frozen=True, slots=True)
class MouthCues:
    """What is seen where the landmarks say that the mouth is. Lab units unless said otherwise."""

    line: float
    """How much darker the line between the lips is than both lips, over the contrast of the face."""
    red: float
    """How much redder the lips are than the skin around them."""
    contrast: float
    """Colour difference of the lips and the skin around them."""
    lip_red: float
    """As red, of the lower lip and the chin right below it: fingers from below cover both."""
    lip_contrast: float
    hue: float
    """Difference in chroma of lower and upper face."""
    freedom: float
    """Of the picture's hues: 0 in black and white."""

    def surely_covered(self, *, closed: bool) -> bool:
        """As covered, but also if every cue were wrong by as much as light, blur and compression make it."""
        return MouthCues(
            line=self.line + 0.15,
            red=self.red + 0.8,
            contrast=1.35 * self.contrast,
            lip_red=self.lip_red + 0.5,
            lip_contrast=1.35 * self.lip_contrast,
            hue=0.9 * self.hue,
            freedom=self.freedom,
        ).covered(closed=closed)

    def covered(self, *, closed: bool) -> bool:
        """Whether these are no lips; between lips that are not ``closed`` there may be no dark line."""
        if self.line > _CLEAR_LINE:
            return False
        if self.freedom < _COLOURS:
            return closed and self.line < _GREY_LINE and self.contrast < _MUCH_ALIKE
        no_line, bare = (closed and self.line < limit for limit in (_NO_LINE, _BARE))
        return (
            (self.red < 0 and self.lip_contrast < _FAR and (self.line < _FAINT_LINE or self.contrast > _FAR))
            or self.contrast < _SAME
            or (self.red < _NOT_RED and self.contrast < (_ALIKE if self.line < _FAINT_LINE else _MUCH_ALIKE))
            or (self.lip_red < _LIP_NOT_RED and self.lip_contrast < _LIP_ALIKE)
            or (self.red < _LITTLE_RED and self.contrast < _NEAR and self.line < _FAINT_LINE)
            or (self.red < _RED and no_line)
            or (bare and self.hue > _OTHER_HUE)
        )


def mouth_cues(view: U8, shown: F32, line: float) -> MouthCues:
    """Measure the face in ``view`` (h, w, 3), upright and of fixed size, at its landmarks ``shown`` (478, 2)."""
    lab = cv2.cvtColor(view.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    lab = np.asarray(cv2.GaussianBlur(lab, (0, 0), 1.2), np.float32)
    groups = (_UPPER_SKIN, _LOWER_SKIN, _LIPS, _LOWER_LIP, _BELOW_IT)
    upper, lower, lips, lip, chin = (np.median(_patches(lab, shown[list(ids)]), 0) for ids in groups)
    hues = np.linalg.norm((_patches(lab, shown[list(_LOWER_SKIN)]) - upper)[:, 1:], axis=1)
    return MouthCues(
        line=line,
        red=float(lips[1] - lower[1]),
        contrast=float(np.linalg.norm(lips - lower)),
        lip_red=float(lip[1] - chin[1]),
        lip_contrast=float(np.linalg.norm(lip - chin)),
        hue=float(np.median(hues)),
        freedom=toning_of(view, shown).freedom,
    )


def _patches(lab: F32, places: F32) -> F32:
    """(N, 3) mean colours around places (N, 2)."""
    inside = np.clip(np.round(places), _PATCH_PX, np.array(lab.shape[1::-1]) - _PATCH_PX - 1).astype(int)
    k = _PATCH_PX
    cuts = [lab[y - k : y + k + 1, x - k : x + k + 1] for x, y in inside]
    return np.asarray([cut.reshape(-1, 3).mean(0) for cut in cuts], np.float32)
