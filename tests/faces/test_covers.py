"""What is in front of a mouth is recognised and not drawn on; mouths in view and open eyes are left in peace."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.cbook import get_sample_data
from small_videos import PORTRAIT

from sonic.engines.light.renderers.warp import Renderer
from sonic.faces import topology
from sonic.faces.portrait import analyse_portrait, find_face
from sonic.media.photo import load_photo
from sonic.motion import MOUTH, Motion
from sonic.settings import Settings
from sonic.types import F32, U8, Photo, Portrait

FPS = Fraction(25)
CHEEKS_AND_CHIN = (6, 117, 227, 93, 132, 58, 172, 150, 149, 148, 152, 377, 378, 379, 397, 288, 361, 323, 447, 346)
MASKS = {"blue": (150, 190, 220), "white": (236, 236, 238), "black": (28, 28, 32), "green": (60, 130, 90)}


@pytest.fixture(scope="module")
def drawn() -> Portrait:
    return analyse_portrait(load_photo(PORTRAIT), Settings(framing="face", min_resolution=400), lambda _line: None)


@pytest.fixture(scope="module")
def filmed() -> Portrait:
    photo = load_photo(Path(get_sample_data("grace_hopper.jpg", asfileobj=False)))
    return analyse_portrait(photo, Settings(framing="face", min_resolution=400), lambda _line: None)


@pytest.fixture(params=["drawn", "filmed"])
def portrait(request: pytest.FixtureRequest) -> Portrait:
    found: Portrait = request.getfixturevalue(request.param)
    return found


def photo_of(rgb: U8) -> Photo:
    return Photo(np.ascontiguousarray(rgb), "0" * 64, "photo.png")


def notices(rgb: U8) -> str:
    return " ".join(find_face(photo_of(rgb)).quality.notices)


class Painter:
    """Paints in eye distances (63) right of and below the mouth, with soft edges and a little grain."""

    def __init__(self, portrait: Portrait) -> None:
        points = portrait.face.points_px[:, :2]
        eyes = points[[eye.iris for eye in topology.EYES]]
        self.rgb, self.points, self._unit = portrait.crop, points, (eyes[1] - eyes[0]) / 63
        self._mouth = points[[topology.LIP_TOP, topology.LIP_BOTTOM]].mean(0)

    def at(self, x: float, y: float) -> tuple[int, int]:
        across = np.array([-self._unit[1], self._unit[0]])
        px, py = self._mouth + x * self._unit + y * across
        return round(float(px)), round(float(py))

    @property
    def mm(self) -> float:
        return float(np.linalg.norm(self._unit))

    def lay(self, shape: U8, colour: "tuple[float, ...] | F32") -> None:
        noise = cv2.GaussianBlur(np.random.default_rng(0).standard_normal(shape.shape), (0, 0), 0.5 * self.mm)
        soft = cv2.GaussianBlur(shape.astype(np.float64), (0, 0), max(0.5, 0.3 * self.mm))[..., None]
        cloth = np.asarray(colour) * (1 + 0.1 * noise[..., None])
        self.rgb = np.clip(self.rgb * (1 - soft) + cloth * soft, 0, 255).astype(np.uint8)

    def blank(self) -> U8:
        return np.zeros(self.rgb.shape[:2], np.uint8)


def masked(portrait: Portrait, colour: tuple[int, int, int]) -> U8:
    paint = Painter(portrait)
    shape = paint.blank()
    cv2.fillPoly(shape, [np.round(paint.points[list(CHEEKS_AND_CHIN)]).astype(np.int32)], 1)
    paint.lay(shape, colour)
    return paint.rgb


def behind_fingers(portrait: Portrait) -> U8:
    paint = Painter(portrait)
    skin = np.median([portrait.crop[int(y), int(x)] for x, y in paint.points[[50, 280, 101, 330, 151]]], 0)
    for k in range(3):
        shape = paint.blank()
        cv2.line(shape, paint.at(13 * k - 13, -3), paint.at(13 * k - 13, 70), 1, round(12 * paint.mm))
        paint.lay(shape, skin * (0.94 + 0.03 * k))
    return paint.rgb


def behind_microphone(portrait: Portrait) -> U8:
    paint = Painter(portrait)
    shape = paint.blank()
    cv2.line(shape, paint.at(0, 8), paint.at(25, 110), 1, round(22 * paint.mm))
    cv2.circle(shape, paint.at(0, 3), round(25 * paint.mm), 1, -1)
    paint.lay(shape, (60, 60, 64))
    return paint.rgb


def one_tone(rgb: U8) -> U8:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None] / 255
    return np.round(255 * grey ** np.array([0.8, 1.0, 1.3])).astype(np.uint8)


# Mouths


@pytest.mark.parametrize("colour", MASKS)
def test_a_mask_of_any_colour_is_recognised(portrait: Portrait, colour: str) -> None:
    assert "covers the mouth" in notices(masked(portrait, MASKS[colour]))


@pytest.mark.parametrize("cover", [behind_fingers, behind_microphone])
def test_fingers_and_a_microphone_are_recognised(portrait: Portrait, cover) -> None:
    found = notices(cover(portrait))
    assert "covers the mouth" in found
    assert "use a photo that shows the mouth" in found
    assert "mouth is open" not in found


@pytest.mark.parametrize("light", [0.3, 1.0, 1.2])
def test_a_mouth_in_view_is_not_called_covered(portrait: Portrait, light: float) -> None:
    rgb = np.clip(portrait.crop * light, 0, 255).astype(np.uint8)
    assert "covers" not in notices(rgb)
    assert "covers" not in notices(one_tone(rgb))


def test_lips_as_brown_as_the_skin_are_not_called_a_cover(portrait: Portrait) -> None:
    lab = cv2.cvtColor(portrait.crop, cv2.COLOR_RGB2Lab)
    points = np.round(portrait.face.points_px[:, :2]).astype(np.int32)
    lips = np.zeros(lab.shape[:2], np.uint8)
    cv2.fillPoly(lips, [points[[*topology.UPPER_OUTER, *topology.LOWER_OUTER[::-1]]]], 1)
    chin = lab[points[200, 1], points[200, 0]]
    lab[..., 1:] = np.where(lips[..., None] > 0, chin[1:] - np.array([2, 0], np.uint8), lab[..., 1:])
    assert "covers" not in notices(np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), np.uint8))


def test_a_mouth_that_speaks_is_not_called_covered(portrait: Portrait) -> None:
    motion = replace(Motion.still(2, FPS), lip_gap=np.array([4, 10], np.float32))
    for frame in Renderer(portrait).render([motion]):
        assert "covers" not in notices(frame.rgb)


@pytest.mark.parametrize("cover", [behind_fingers, behind_microphone, lambda p: masked(p, MASKS["blue"])])
def test_nothing_is_drawn_on_what_covers_the_mouth(drawn: Portrait, cover) -> None:
    """Speech moves neither mask nor hand; eyes and head still live."""
    shown = analyse_portrait(photo_of(cover(drawn)), Settings(), lambda _line: None)
    said = Motion.still(1, FPS).shape
    said[:, MOUTH] = 0.5
    still, talk, blink = (
        Motion.still(1, FPS),
        replace(Motion.still(1, FPS), lip_gap=np.array([11], np.float32), shape=said),
        replace(Motion.still(1, FPS), lids=np.zeros((1, 2), np.float32), pose_deg=np.array([[5, 2, 0]], np.float32)),
    )
    renderer = Renderer(shown)
    at_rest, speaking, alive = (next(renderer.render([motion])).rgb for motion in (still, talk, blink))
    assert (at_rest == shown.crop).all()
    assert (speaking == shown.crop).all()
    assert (alive != shown.crop).any()


# Eyes


def with_lids(portrait: Portrait, *lids: float) -> U8:
    motion = replace(Motion.still(1, FPS), lids=np.array([lids], np.float32))
    return next(Renderer(portrait).render([motion])).rgb


@pytest.mark.parametrize(
    ("lids", "words"),
    [
        ((0, 0), "the eyes are shut: the video opens them with eyes that are drawn"),
        ((0.2, 0.2), "shut: the video opens them"),
        ((0, 1), "an eye is shut: the video opens it like the other one"),
        ((1, 0), "an eye is shut: the video opens it like the other one"),
    ],
)
def test_shut_and_nearly_shut_eyes_are_noticed(drawn: Portrait, lids: tuple[float, float], words: str) -> None:
    assert words in notices(with_lids(drawn, *lids))


def test_open_and_narrowed_eyes_are_left_in_peace(portrait: Portrait) -> None:
    """Eyes narrowed to 70 %, as by a smile, are open."""
    assert " shut" not in notices(portrait.crop)
    assert " shut" not in notices(with_lids(portrait, 0.7, 0.7))
