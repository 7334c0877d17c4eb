"""Colours of the parts that a closed mouth hides, guessed from skin, lips and eyes. Linear RGB throughout."""

from dataclasses import dataclass, replace

import numpy as np

from sonic.engines.light.renderers.warp.native import colour_tables
from sonic.faces import topology
from sonic.faces.geometry import smoothstep
from sonic.faces.tones import Toning, toning_of
from sonic.faces.topology import EYES, N_SURFACE
from sonic.types import F32, F64, U8

_LUMA = np.array([0.2126, 0.7152, 0.0722])
_SKIN = (50, 280, 205, 425, 101, 330, 4)
_FLAT_PX, _FLAT_SLOPE = 160, 0.15
"""Height at which a face is looked at, and the slope (Lab units a pixel) below which it counts as evenly filled: at
most 0.06 of the faces in photographs and paintings do, from 0.14 on in drawings filled with few tones."""
_INK_SPREAD, _INK_SHARE = 0.08, 0.80
"""Cube root of luminance around each of two tones, and the share of a face that lies there in a picture of two inks."""
_INK_FROM, _INK_TO = 0.30, 0.42
"""Luminance, as a share of the lighter ink's, over which a drawn mouth passes from one to the other."""
_LIPS = (14, 17, 16, 15, 87, 317, 0)


@dataclass(frozen=True, slots=True)
class Colours:
    """Linear RGB, each (3,)."""

    teeth: F64
    gum: F64
    tongue: F64
    cavity: F64
    lash: F64
    """sRGB bytes, as drawn."""
    skin: F64
    toning: Toning
    """For what is painted with these, once it is lit."""

    def with_teeth(self, seen: F64 | None) -> "Colours":
        """As lit teeth: the photo's own, or lighter than the guess, which is of teeth in the shade of the lips."""
        if seen is not None:
            return replace(self, teeth=1.25 * seen)
        light = luminance(self.teeth)
        teeth = 1.7 * (0.85 * self.teeth + 0.15 * light)
        return replace(self, teeth=teeth * min(1.0, 0.88 / luminance(teeth)))


def luminance(rgb: F64) -> float:
    """Of one linear colour."""
    return float(rgb @ _LUMA)


def portrait_colours(rgb: U8, points_px: F64, face_height_px: float) -> Colours:
    """Guess the colours from the crop (h, w, 3) and its landmarks."""
    linear = colour_tables()[0]

    def patch(i: int, reach: float) -> F64:
        x, y = np.clip(points_px[i, :2], 0, [rgb.shape[1] - 1, rgb.shape[0] - 1]).astype(int)
        k = max(1, int(reach * face_height_px))
        cut = rgb[max(0, y - k) : y + k + 1, max(0, x - k) : x + k + 1].reshape(-1, 3)
        return np.asarray(np.median(linear[cut], 0), np.float64)

    skin = np.median([patch(i, 0.035) for i in _SKIN], 0)
    lips = np.median([patch(i, 0.012) for i in _LIPS], 0)
    eyes = eye_pixels(rgb, points_px)
    teeth = _teeth(skin, _sclera(linear[eyes], skin))
    tongue = 0.55 * lips + 0.45 * np.array([1.55, 0.55, 0.50]) * luminance(skin)
    lash = np.percentile(eyes, 8, axis=0) if len(eyes) > 20 else np.array([20.0, 20.0, 20.0])
    gum = (0.5 * lips + 0.5 * skin) * [0.95, 0.60, 0.63]
    cavity = lips * [0.17, 0.08, 0.08] + 0.0015
    return Colours(teeth, gum, tongue, cavity, lash, skin, toning_of(rgb, points_px))


def eye_pixels(rgb: U8, points_px: F64) -> U8:
    """(N, 3) pixels between the lids."""
    import cv2

    mask = np.zeros(rgb.shape[:2], np.uint8)
    for eye in EYES:
        ring = [eye.corners[0], *eye.upper, eye.corners[1], *eye.lower[::-1]]
        cv2.fillPoly(mask, [np.round(points_px[ring, :2]).astype(np.int32)], 1)
    return rgb[mask > 0]


def _sclera(eyes: F32, skin: F64) -> F64:
    """The white of the eyes: their bright pixels without the glints; skin where the eyes are too small to tell."""
    if len(eyes) < 20:
        return skin
    light = eyes @ _LUMA
    low, high = np.percentile(light, [80, 97])
    return np.asarray(np.median(eyes[(light >= low) & (light <= high + 1e-6)], 0), np.float64)


def _teeth(skin: F64, sclera: F64) -> F64:
    """As light as the picture's own whites allow: a painted eye is no whiter than its painter made it."""
    y_skin, y_white = luminance(skin), luminance(sclera)
    light = np.clip(0.45 * y_skin + 0.23, 1.02 * y_skin, max(1.5 * y_white, 1.02 * y_skin))
    light = float(np.clip(light, 0.05, 0.72))
    tint = np.maximum(skin / max(y_skin, 1e-3), 0.05)
    white = np.maximum(sclera / max(y_white, 1e-3), 0.05)
    colour = np.array([1.03, 1.0, 0.92]) * tint**0.36 * white**0.30
    return np.asarray(colour / luminance(colour) * light)


def softness_px(rgb: U8, points_px: F64) -> float:
    """How blurred the sharpest features of the face are: the standard deviation of a Gaussian, in px.

    The steepest gradients shrink by b / sqrt(b^2 + s^2) when a picture with edges of width b is blurred by s.
    """
    import cv2

    low = np.clip(np.floor(points_px[:N_SURFACE, :2].min(0)), 0, [rgb.shape[1] - 8, rgb.shape[0] - 8]).astype(int)
    high = np.clip(np.ceil(points_px[:N_SURFACE, :2].max(0)), low + 8, [rgb.shape[1], rgb.shape[0]]).astype(int)
    grey = cv2.cvtColor(np.ascontiguousarray(rgb[low[1] : high[1], low[0] : high[0]]), cv2.COLOR_RGB2GRAY)
    light, sigma = grey.astype(np.float32), 1.5

    def steepest(picture: F32) -> float:
        slope = cv2.magnitude(cv2.Scharr(picture, cv2.CV_32F, 1, 0), cv2.Scharr(picture, cv2.CV_32F, 0, 1))
        return float(np.percentile(slope, 98.5))

    ratio = np.clip(steepest(cv2.GaussianBlur(light, (0, 0), sigma)) / max(steepest(light), 1e-3), 0.05, 0.98)
    return float(sigma * ratio / np.sqrt(1 - ratio**2))


@dataclass(frozen=True, slots=True)
class Style:
    """How a picture is made, as far as a drawn mouth has to know."""

    detail: float
    """0..1: how clearly it shows small things; 1 in photographs and paintings, less where areas are filled evenly."""
    inks: tuple[F64, F64] | None
    """Linear RGB of the dark and the light one, where a picture has two tones only, as a woodcut."""

    def __call__(self, linear: F32) -> F32:
        """Colours (h, w, 3), linear RGB, in the picture's tones."""
        if self.inks is None:
            return linear
        dark, light = self.inks
        share = smoothstep(_INK_FROM, _INK_TO, linear @ _LUMA / max(luminance(light), 1e-3))[..., None]
        return np.asarray(dark + (light - dark) * share, np.float32)


def picture_style(rgb: U8, points_px: F64, toning: Toning) -> Style:
    """From the face at a small size: how much of it is filled evenly, and whether it has two tones."""
    import cv2

    oval = points_px[list(topology.OVAL), :2]
    low = np.clip(np.floor(oval.min(0)), 0, [rgb.shape[1] - 8, rgb.shape[0] - 8]).astype(int)
    high = np.clip(np.ceil(oval.max(0)), low + 8, [rgb.shape[1], rgb.shape[0]]).astype(int)
    cut = np.ascontiguousarray(rgb[low[1] : high[1], low[0] : high[0]])
    face = np.zeros(cut.shape[:2], np.uint8)
    cv2.fillPoly(face, [np.round(oval - low).astype(np.int32)], 1)
    zoom = min(1.0, _FLAT_PX / cut.shape[0])
    small = cv2.resize(cut, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    inside = cv2.erode(cv2.resize(face, small.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.ones((9, 9))) > 0
    if not inside.any():
        return Style(1.0, None)
    light = cv2.cvtColor(small, cv2.COLOR_RGB2Lab)[..., 0]
    slope = cv2.magnitude(*(cv2.Sobel(light, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1))))
    flat = float((slope[inside] < _FLAT_SLOPE).mean())
    return Style(
        0.1 + 0.9 * float(smoothstep(0.25, 0.07, flat)), _inks(cut[face > 0]) if toning.freedom < 0.5 else None
    )


def _inks(pixels: U8) -> tuple[F64, F64] | None:
    """Two colours, if nearly all of the face (N, 3) has them."""
    linear = colour_tables()[0][pixels]
    light = np.cbrt(linear @ _LUMA)
    ends = np.percentile(light, [2, 98])
    near = [np.abs(light - end) < _INK_SPREAD for end in ends]
    if ends[1] - ends[0] < 4 * _INK_SPREAD or (near[0] | near[1]).mean() < _INK_SHARE:
        return None
    dark, bright = (np.median(linear[own], 0).astype(np.float64) for own in near)
    return dark, bright


def face_height(points_px: F64) -> float:
    """Distance from the top of the forehead to the chin, in px of the picture."""
    return float(np.linalg.norm((points_px[topology.FOREHEAD] - points_px[topology.CHIN_TIP])[:2]))
