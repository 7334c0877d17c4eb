"""How faces deform: lips keep their volume, corners travel, skin does not fold, and open mouths come to rest."""

import numpy as np
import pytest

from sonic.engines.light.renderers.warp.deform import Deformer, Pose
from sonic.engines.light.renderers.warp.neutral import Neutral, neutral_face
from sonic.engines.light.renderers.warp.rest import Rest, find_rest
from sonic.faces.model import face_model, face_triangles
from sonic.faces.topology import (
    CHIN_TIP,
    LIP_BOTTOM,
    LIP_TOP,
    LOWER_INNER,
    LOWER_OUTER,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    UPPER_INNER,
    UPPER_OUTER,
)
from sonic.motion import MIRRORED, N_SHAPE, shape_column
from sonic.types import F32, F64

NO_LIDS = np.zeros(0, np.float32)
TEMPLATE = face_model().template.astype(np.float64)
LIPS = sorted({*UPPER_INNER, *LOWER_INNER, *UPPER_OUTER, *LOWER_OUTER})
SOUNDS = {
    "a": ({"jawOpen": 0.35}, 11.0),
    "i": ({"jawOpen": 0.05, "mouthStretchLeft": 0.4, "mouthStretchRight": 0.4}, 3.0),
    "o": ({"jawOpen": 0.2, "mouthFunnel": 0.6, "mouthPucker": 0.2}, 12.0),
    "u": ({"jawOpen": 0.05, "mouthPucker": 0.8, "mouthFunnel": 0.2}, 2.5),
    "smile": ({"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6, "cheekSquintLeft": 0.5, "cheekSquintRight": 0.5}, 0.0),
    "m": ({"mouthPressLeft": 0.6, "mouthPressRight": 0.6}, 0.0),
    "f": ({"mouthRollLower": 0.5, "mouthUpperUpLeft": 0.3, "mouthUpperUpRight": 0.3}, 2.5),
}


def weights(named: dict[str, float]) -> F32:
    row = np.zeros(N_SHAPE, np.float32)
    for name, weight in named.items():
        row[shape_column(name)] = weight
    return row


def rest_of(face: F64, yaw_deg: float = 0.0) -> tuple[Neutral, Rest]:
    rest = find_rest(face, yaw_deg, face_model())
    return neutral_face(face, rest.way_mm), rest


def posed(named: dict[str, float], gap_mm: float, face: F64 = TEMPLATE) -> tuple[F64, Pose]:
    """(the neutral's points, the pose)."""
    neutral, rest = rest_of(face)
    return neutral.points_mm, Deformer(neutral, rest, face_model(), [])(weights(named), gap_mm, NO_LIDS)


def vermilion_mm2(points: F64) -> float:
    """Of both lips, as seen from the front."""

    def area(ring: tuple[int, ...]) -> float:
        x, y = points[list(ring), :2].T
        return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2

    return area((*UPPER_OUTER, *UPPER_INNER[::-1])) + area((*LOWER_OUTER, *LOWER_INNER[::-1]))


def width(points: F64) -> float:
    return float(points[MOUTH_RIGHT, 0] - points[MOUTH_LEFT, 0])


def areas(points: F64) -> F64:
    """Of the face's triangles, with the sign of their winding."""
    a, b, c = (points[face_triangles()[:, k], :2] for k in range(3))
    return np.asarray((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2


@pytest.mark.parametrize("sound", ["a", "i", "o", "u", "smile"])
def test_lips_keep_their_volume(sound: str) -> None:
    neutral, pose = posed(*SOUNDS[sound])
    assert vermilion_mm2(pose.points_mm) == pytest.approx(vermilion_mm2(neutral), rel=0.10)


@pytest.mark.parametrize("sound", list(SOUNDS))
def test_the_lips_are_as_far_apart_as_asked(sound: str) -> None:
    neutral, pose = posed(*SOUNDS[sound])
    seam = neutral[LIP_BOTTOM, 1] - neutral[LIP_TOP, 1]
    assert pose.points_mm[LIP_BOTTOM, 1] - pose.points_mm[LIP_TOP, 1] - seam == pytest.approx(pose.gap_mm, abs=0.05)
    opening = pose.points_mm[list(LOWER_INNER), 1] - pose.points_mm[list(UPPER_INNER), 1]
    assert opening.min() > -0.6


def test_corners_come_in_for_u_and_go_out_and_up_for_a_smile() -> None:
    neutral, u = posed(*SOUNDS["u"])
    _, i = posed(*SOUNDS["i"])
    _, smile = posed(*SOUNDS["smile"])
    assert width(u.points_mm) < 0.82 * width(neutral)
    assert width(i.points_mm) > width(neutral) + 4
    assert width(smile.points_mm) > width(neutral) + 6
    corners = [MOUTH_LEFT, MOUTH_RIGHT]
    assert (smile.points_mm[corners, 1] < neutral[corners, 1] - 5).all()


def test_the_chin_follows_the_jaw_and_the_upper_outline_hardly_moves() -> None:
    neutral, pose = posed(*SOUNDS["a"])
    moved = pose.points_mm - neutral
    assert moved[CHIN_TIP, 1] > 7
    assert np.abs(moved[list(UPPER_OUTER[3:8]), 1]).max() < 2.5
    assert -0.5 < moved[LIP_TOP, 1] < 0.6  # or it hides the teeth


@pytest.mark.parametrize("sound", list(SOUNDS))
def test_skin_does_not_fold(sound: str) -> None:
    neutral, pose = posed(*SOUNDS[sound])
    before, after = areas(neutral), areas(pose.points_mm)
    seen = np.abs(before) > 3  # mm^2; smaller ones lie in the seam, or are seen from the side
    assert (after[seen] / before[seen]).min() > 0.1


def test_the_mirrored_motion_is_the_mirror_image() -> None:
    neutral, rest = rest_of(TEMPLATE)
    deform = Deformer(neutral, rest, face_model(), [])
    shape = weights({"mouthSmileLeft": 0.7, "jawRight": 0.4, "mouthUpperUpRight": 0.5, "jawOpen": 0.2})
    a, b = (deform(s, 7.0, NO_LIDS).points_mm for s in (shape, shape[MIRRORED]))
    for left, right in zip(UPPER_OUTER, UPPER_OUTER[::-1], strict=True):
        np.testing.assert_allclose(a[left] * [-1, 1, 1], b[right], atol=0.05)


def open_smile(weight: float, jaw: float = 0.15) -> F64:
    """The mean face, smiling with its lips apart."""
    names = ("mouthSmile", "mouthUpperUp", "mouthLowerDown", "cheekSquint")
    sides = {f"{name}{side}": weight for name in names for side in ("Left", "Right")}
    return TEMPLATE + face_model().displacement(weights(sides | {"jawOpen": jaw})[None])[0]


def test_an_open_smile_comes_to_rest() -> None:
    face = open_smile(0.5)
    neutral, _ = rest_of(face)
    away = [np.linalg.norm((points - TEMPLATE)[LIPS, :2], axis=1).mean() for points in (face, neutral.points_mm)]
    closed_only = np.linalg.norm((neutral_face(face).points_mm - TEMPLATE)[LIPS, :2], axis=1).mean()
    assert away[1] < 0.6 * closed_only < away[0]
    assert neutral.points_mm[LIP_BOTTOM, 1] - neutral.points_mm[LIP_TOP, 1] == pytest.approx(0, abs=1e-6)


def test_closed_lips_are_their_own_rest_and_turned_heads_are_not_guessed_at() -> None:
    neutral, rest = rest_of(TEMPLATE)
    assert (neutral.points_mm == TEMPLATE).all()
    assert not rest.way_mm.any()
    assert not rest_of(open_smile(0.5), yaw_deg=40)[1].way_mm.any()


def test_a_little_more_open_is_a_little_more_moved() -> None:
    """No threshold jumps: photos that differ by a hair come to rests that differ by a hair."""
    gaps = np.linspace(0.02, 0.3, 60)
    ways = np.array([rest_of(open_smile(0.3, jaw))[1].way_mm for jaw in gaps])
    assert np.abs(np.diff(ways, axis=0)).max() < 1.0


def test_a_smile_with_closed_lips_goes_no_further_but_rounds_and_comes_back() -> None:
    smile = {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5}
    face = TEMPLATE + face_model().displacement(weights(smile)[None])[0]
    neutral, rest = rest_of(face)
    assert rest.smiling > 0.2
    deform = Deformer(neutral, rest, face_model(), [])
    still, more, u = (deform(weights(w), 0.0, NO_LIDS).points_mm for w in ({}, smile, SOUNDS["u"][0]))
    assert (still == face).all()
    assert width(more) - width(face) < 0.6 * (width(face) - width(TEMPLATE))
    assert width(u) < width(TEMPLATE)
