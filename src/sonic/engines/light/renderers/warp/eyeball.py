"""The eyeball behind lids that the photo shows shut: that of the other eye, or one that is drawn.

Lightness and tints are those of 52 people, in linear light against their skin.
"""

from dataclasses import dataclass

import numpy as np

from sonic.engines.light.renderers.warp.fill import fill_outwards
from sonic.engines.light.renderers.warp.native import colour_tables
from sonic.faces import topology
from sonic.faces.geometry import catmull_rom, smoothstep
from sonic.faces.tones import Toning
from sonic.types import F32, F64, U8

_LUMA = np.array([0.2126, 0.7152, 0.0722])
_WHITE = np.array([1.06, 0.99, 0.97])
_BROWN, _HAZEL = np.array([1.75, 0.84, 0.42]), np.array([1.25, 0.96, 0.66])
_IRIS_SHARE = (0.085, 0.14)
"""Lightness of an iris over that of the skin: under dark brows, under fair ones."""
_USUAL_SKIN = np.array([1.46, 0.89, 0.72])
_BALL, _PUPIL = 2.05, 0.34
"""Radii of the eyeball and of the pupil over that of the iris."""
_MOST_BLUR = 0.14
"""Of the radius of the iris: even in a small and soft picture an eye has a pupil."""
_FINE_PX = 28.0
"""At least so many px has the radius of an iris while it is drawn."""


@dataclass(frozen=True, slots=True)
class Ball:
    """An eyeball, also where lids hide it."""

    rgb: U8
    """(h, w, 3) of the eye's patch."""
    iris: F64
    """(2,) middle of the iris in px of the patch."""
    radius: float
    """Of the iris, px."""


@dataclass(frozen=True, slots=True)
class EyeTones:
    """Linear RGB, each (3,), and how the picture is lit and toned."""

    white: F64
    iris: F64
    skin: F64
    light_from: float
    """-1: from the left of the picture, 1: from its right."""
    toning: Toning
    softness_px: float


def eye_tones(rgb: U8, points_px: F64, skin: F64, toning: Toning, softness_px: float) -> EyeTones:
    """Guessed from skin, brows and the light on both cheeks of a portrait that shows no eye."""

    def tone(ids: tuple[int, ...], reach: int, percent: float) -> F64:
        lit = []
        for x, y in np.clip(points_px[list(ids), :2], 0, [rgb.shape[1] - 1, rgb.shape[0] - 1]).astype(int):
            cut = rgb[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
            lit.append(colour_tables()[0][cut.reshape(-1, 3)])
        return np.asarray(np.percentile(np.concatenate(lit), percent, axis=0), np.float64)

    light = float(skin @ _LUMA)
    reach = max(1, round(0.006 * float(np.linalg.norm(points_px[topology.FOREHEAD] - points_px[topology.CHIN_TIP]))))
    brows = float(tone((105, 66, 334, 296), reach, 30) @ _LUMA)
    fair = float(smoothstep(0.45, 0.8, brows / max(light, 1e-3)) * smoothstep(0.15, 0.3, light))
    iris = _BROWN + fair * (_HAZEL - _BROWN)
    # under coloured light everything is coloured
    iris = iris * (skin / max(light, 1e-3) / _USUAL_SKIN) ** 0.5
    iris = iris / (iris @ _LUMA) * (_IRIS_SHARE[0] + fair * (_IRIS_SHARE[1] - _IRIS_SHARE[0])) * max(light, 0.1)
    white = _WHITE * (skin / max(light, 1e-3)) ** 0.25
    white = white / (white @ _LUMA) * (0.13 + 0.42 * light)
    left, right = (float(tone((i,), 2 * reach, 50) @ _LUMA) for i in (50, 280))
    return EyeTones(
        white, iris, skin, float(np.clip(3 * (right - left) / max(right + left, 1e-3), -1, 1)), toning, softness_px
    )


def ball_of_photo(patch: U8, contour: F64, iris: F64, radius: float, px_per_mm: float) -> Ball:
    """What is seen in ``contour`` (N, 2) px of a patch (h, w, 3), continued behind the lids."""
    import cv2

    seen = patch.astype(np.float32)
    mask = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(contour * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    core = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=max(1, int(0.5 * px_per_mm)))
    filled = fill_outwards(seen, core.astype(np.float32) / 255)
    opacity = mask[..., None].astype(np.float32) / 255
    # behind the lids the eyeball lies in their shadow
    rgb = np.clip(seen * opacity + filled * 0.88 * (1 - opacity), 0, 255).astype(np.uint8)
    return Ball(rgb, iris, radius)


def mirrored_ball(shape: tuple[int, int], other: Ball, iris: F64, down: F64, size: float) -> Ball:
    """The other eye's ball for a patch of ``shape`` (h, w), ``size`` times as large around ``iris`` (2,) px.

    ``down`` (2,): the face's own, of unit length. The white is mirrored; the iris, with its glint, is not.
    """
    import cv2

    mirror = np.eye(2) - 2 * np.outer([-down[1], down[0]], [-down[1], down[0]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    white, disc = (
        cv2.warpAffine(
            other.rgb, np.column_stack([turn / size, other.iris - turn @ iris / size]), shape[::-1],
            flags=flags, borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.float32)
        for turn in (mirror, np.eye(2))
    )  # fmt: skip
    radius = size * other.radius
    away = np.hypot(np.arange(shape[1]) - iris[0], np.arange(shape[0])[:, None] - iris[1]) / radius
    share = smoothstep(1.0, 0.85, away)[..., None]
    return Ball(np.clip(white + share * (disc - white), 0, 255).astype(np.uint8), iris, radius)


def drawn_ball(
    shape: tuple[int, int], lids: tuple[F64, F64], iris: F64, radius: float, tones: EyeTones, seed: int
) -> Ball:
    """An eye for a patch of ``shape`` (h, w) that looks at the camera.

    ``lids``: upper and lower line (9, 2) px of the patch, outer corner first; ``iris`` (2,) px and ``radius`` px: its
    middle and its size. The same ``seed`` gives the same iris.
    """
    import cv2

    fine = int(np.clip(np.ceil(_FINE_PX / radius), 1, 8))
    height, width = shape[0] * fine, shape[1] * fine
    at = (iris + 0.5) * fine - 0.5
    x = ((np.arange(width, dtype=np.float32) - at[0]) / (radius * fine))[None]
    y = ((np.arange(height, dtype=np.float32) - at[1]) / (radius * fine))[:, None]
    away = np.hypot(x, y)
    corners = [((c + 0.5) * fine - 0.5 - at) / (radius * fine) for c in (lids[0][0], lids[0][-1])]
    linear = _sclera(x, y, away, corners, tones)
    cover = smoothstep(1.04, 0.95, away)[..., None].astype(np.float32)
    linear += cover * (_iris(x, y, away, tones, np.random.default_rng(seed)) - linear)
    linear *= _shade_of_lids(x, y, lids, iris, radius)[..., None]
    linear = tones.toning(np.clip(_with_glint(linear, x, y, tones), 0, 1).astype(np.float32))
    small = cv2.resize(linear, shape[::-1], interpolation=cv2.INTER_AREA)
    blur = min(0.8 * tones.softness_px, _MOST_BLUR * radius)
    if blur > 0.3:
        small = cv2.GaussianBlur(small, (0, 0), blur)
    return Ball(colour_tables()[1][(small * 4095 + 0.5).astype(int)], iris, radius)


def _sclera(x: F32, y: F32, away: F32, corners: list[F64], tones: EyeTones) -> F32:
    """White that turns away at the sides, redder towards the corners, with the flesh in the inner one."""
    turned = np.sqrt(np.clip(1 - (away / _BALL) ** 2, 0.02, 1))
    linear = tones.white * (0.58 + 0.42 * turned)[..., None]
    flesh = tones.skin * [1.05, 0.72, 0.68]
    for corner, reach, strength in zip(corners, (0.75, 0.95), (0.35, 0.8), strict=True):
        near = np.exp(-(((x - corner[0]) ** 2 + (y - corner[1]) ** 2) / reach**2))[..., None]
        linear += strength * near * (flesh - linear)
    return np.asarray(linear, np.float32)


def _iris(x: F32, y: F32, away: F32, tones: EyeTones, rng: np.random.Generator) -> F32:
    """Fibres around a pupil, lighter next to it and opposite to the light, with a dark rim."""
    import cv2

    rays = rng.standard_normal((5, 90)).astype(np.float32)
    rays = cv2.resize(np.hstack([rays[:, -8:], rays, rays[:, :8]]), (848, 60), interpolation=cv2.INTER_CUBIC)
    angle = ((np.arctan2(y, x) / (2 * np.pi) + 0.5) * 720 + 64).astype(np.float32)
    fibres = cv2.remap(rays, angle, (away * 59).astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    light = 1 + 0.16 * fibres + 0.35 * np.exp(-(((away - 0.5) / 0.14) ** 2))
    light *= 1 + 0.45 * np.clip(y - 0.5 * tones.light_from * x, -0.6, 0.9) * smoothstep(0.3, 0.6, away)
    light *= 1 - 0.68 * smoothstep(0.74, 1.0, away)
    light *= 1 - 0.93 * smoothstep(_PUPIL + 0.06, _PUPIL - 0.05, away)
    return np.asarray(tones.iris * np.maximum(light, 0.02)[..., None], np.float32)


def _shade_of_lids(x: F32, y: F32, lids: tuple[F64, F64], iris: F64, radius: float) -> F32:
    """(h, w) the shadow of the upper lid and its lashes, and a trace of one above the lower lid."""
    curves = [(catmull_rom(line) - iris) / radius for line in lids]
    top, bottom = (np.interp(x[0], *c[np.argsort(c[:, 0])].T) for c in curves)
    under = 1 - 0.62 * np.exp(-np.maximum(y - top, 0) / 0.30)
    return np.asarray(under * (1 - 0.22 * np.exp(-np.maximum(bottom - y, 0) / 0.15)), np.float32)


def _with_glint(linear: F32, x: F32, y: F32, tones: EyeTones) -> F32:
    side = 0.16 + 0.14 * abs(tones.light_from)
    side *= 1.0 if tones.light_from >= 0 else -1.0
    from_glint = np.hypot((x - side) / 0.85, y + 0.30)
    bright = 0.75 * smoothstep(0.17, 0.09, from_glint)[..., None]
    return np.asarray(linear + bright * (min(1.0, 3.2 * float(tones.white @ _LUMA)) - linear), np.float32)
