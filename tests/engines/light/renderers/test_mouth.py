"""What a person sees between parted lips: teeth that belong to this head, this light and this picture."""

import numpy as np
import pytest

from sonic.engines.light.renderers.warp.between import between
from sonic.engines.light.renderers.warp.colours import picture_style
from sonic.engines.light.renderers.warp.interior import N_ROW, TONGUE, interior, somebody, tongue_field
from sonic.engines.light.renderers.warp.lighting import estimate_light
from sonic.engines.light.renderers.warp.native import MouthMesh, MouthScene, paint_mouth
from sonic.faces.model import face_model, face_triangles
from sonic.faces.tones import toning_of

SIZE = (180, 130)
PX_PER_MM = 3.0


def scene(**changes):
    values = {
        "teeth_rgb": (0.7, 0.7, 0.7), "gum_rgb": (0.4, 0.1, 0.1), "tongue_rgb": (0.5, 0.1, 0.1),
        "cheek_rgb": (0.2, 0.05, 0.05), "cavity_rgb": (0.01, 0, 0), "light": (0, -0.4, -0.9), "half": (0, -0.2, -0.98),
        "viewer": (0, 0, -1), "wrap": 0.4, "gloss": 0.1, "detail": 1.0, "lip_light": 0.6, "lip_reach_mm": 2.0,
    }  # fmt: skip
    return MouthScene(**(values | changes))


def painted(shape, drop_mm=8.0, **changes):
    """(rgb, share of upper teeth) of an interior whose jaw has sunk, seen from in front through no lips at all."""
    width, height = SIZE
    at = shape.at + drop_mm * shape.jaw + tongue_field(shape).displacement(drop_mm, 3, 0, 0)
    places = np.column_stack(
        [at[:, 0] * PX_PER_MM + width / 2, at[:, 1] * PX_PER_MM + height / 3, at[:, 2], at[:, 0] * 0 + 1]
    )
    wide = np.full((height, width), 5, np.float32)
    return paint_mouth(
        scene(**changes), shape.mesh(), places.astype(np.float32), inside_mm=wide, below_mm=wide, reach_mm=1, samples=4
    )


def test_two_rows_of_single_teeth_with_the_mouth_between_them():
    rgb, upper = painted(interior())
    middle = SIZE[0] // 2
    light = rgb[..., 1]
    column = light[:, middle - 7]  # through a central incisor
    bright = column > 0.3
    runs = np.flatnonzero(np.diff(bright.astype(int)) == 1)
    assert len(runs) == 2  # the upper and the lower row, and no light between
    row = light[int(np.flatnonzero(upper[:, middle - 7] > 0.9).mean())]
    teeth = row[middle - 66 : middle + 66]
    dips = (teeth[1:-1] < teeth[:-2]) & (teeth[1:-1] <= teeth[2:])
    assert dips.sum() >= 5  # the gaps between six front teeth


def test_teeth_touch_in_the_middle():
    _, upper = painted(somebody(interior(), np.random.default_rng(1)))
    middle = SIZE[0] // 2
    row = int(np.flatnonzero(upper[:, middle - 7] > 0.9).mean())
    assert upper[row - 4 : row + 4, middle - 18 : middle + 18].min() > 0.9


def test_the_jaw_takes_the_lower_row_along_and_leaves_the_upper_one():
    shape = interior()
    upper, lower = (shape.tooth >= 0) & (shape.tooth < N_ROW), shape.tooth >= N_ROW
    assert np.abs(shape.jaw[upper]).max() == 0
    assert shape.jaw[lower, 1].min() > 0.3
    shut, opened = painted(shape, 0.0)[1], painted(shape, 12.0)[1]
    seen = (shut > 0.9) & (opened > 0.9)
    assert seen.sum() > 0.8 * (shut > 0.9).sum()


def test_a_tongue_that_is_asked_out_reaches_the_edge_of_the_upper_teeth():
    shape = interior()
    field, on = tongue_field(shape), shape.part == TONGUE
    rest, out = shape.at + field.displacement(4, 3, 0, 0), shape.at + field.displacement(4, 3, 0, 1)
    up = shape.at + field.displacement(4, 3, 1, 0)
    edge = shape.at[shape.tooth == 8]
    assert rest[on, 2].min() > edge[:, 2].min() + 8
    assert out[on, 2].min() < edge[:, 2].max()
    tip = field.tip > 0.8
    assert up[tip, 1].max() < rest[tip, 1].max() - 4
    assert np.abs((out - rest)[~on]).max() == 0


def test_people_differ_and_one_person_does_not():
    first, again, other = (somebody(interior(), np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert (first.at == again.at).all()
    assert (first.tone == again.tone).all()
    moved = np.abs(first.at - other.at)[first.tooth >= 0]
    assert 0.05 < np.median(moved) < 1.0


def test_what_is_told_apart_less_has_less_contrast():
    sharp, plain = painted(interior(), detail=1.0)[0], painted(interior(), detail=0.0)[0]
    upper = painted(interior())[1] > 0.99
    both = upper[:, 1:] & upper[:, :-1]

    def steps(rgb):
        return np.abs(np.diff(rgb[..., 1], axis=1))[both].mean()

    assert steps(plain) < 0.75 * steps(sharp)


def test_an_edge_that_creeps_along_the_grid_passes_a_pixel_in_small_steps():
    corners = np.array([[-50, -50], [50, -50], [-50, 0], [50, 0]], np.float32)
    surface = np.tile(np.array([0, 0, -1, 0, 5, 1], np.float32), (4, 1))
    square = MouthMesh(surface, np.array([[0, 1, 2], [1, 3, 2]], np.int32), np.zeros(2, np.uint8), 2)
    flat, shares = np.ones((9, 9), np.float32), []
    for down in np.arange(3.5, 4.5, 0.01):
        places = np.column_stack([corners + np.array([4, down]), np.ones((4, 2))]).astype(np.float32)
        shares.append(paint_mouth(scene(), square, places, inside_mm=flat, below_mm=flat, reach_mm=1, samples=4)[1])
    covered = np.array(shares)[:, 4, 4]
    assert covered[0] == 0
    assert covered[-1] == 1
    assert 0 <= np.diff(covered).min() <= np.diff(covered).max() <= 1 / 16 + 1e-6


def test_an_opening_covers_pixels_by_what_lies_between_the_lips():
    x = np.linspace(10, 50, 81)
    bow = 1 - ((x - 30) / 20) ** 2
    upper, lower = np.column_stack([x, 20.3 - 4 * bow]), np.column_stack([x, 20.3 + 6 * bow])
    cut = between(upper, lower, (60, 60), px_per_mm=2.0, pad_px=6, soft_px=0.5)
    assert cut is not None
    assert cut.alpha.sum() == pytest.approx(10 * 40 * 2 / 3, rel=0.02)
    row, column = 20 - cut.box.top, 30 - cut.box.left
    assert cut.inside_mm[row, column] == pytest.approx(3.7 / 2, abs=0.05)
    assert cut.open_mm[column] == pytest.approx(5, abs=0.05)
    assert cut.inside_mm[row, 0] < -2
    assert between(upper, upper, (60, 60), px_per_mm=2.0, pad_px=6, soft_px=0.5).alpha.max() < 1e-6
    assert between(upper + 500, lower + 500, (60, 60), px_per_mm=2.0, pad_px=6, soft_px=0.5) is None


def test_places_that_are_not_finite_are_refused():
    shape = interior()
    places = np.zeros((len(shape.at), 4), np.float32)
    places[5, 1] = np.inf
    flat = np.ones((9, 9), np.float32)
    with pytest.raises(ValueError, match="finite"):
        paint_mouth(scene(), shape.mesh(), places, inside_mm=flat, below_mm=flat, reach_mm=1, samples=4)


@pytest.mark.parametrize("side", [-1, 1])
def test_light_from_one_side_is_found_on_that_side(side):
    points = face_model().template.astype(np.float64) * 2 + [160, 90, 0]
    x = np.mgrid[:360, :320][1]
    level = np.clip(128 + side * 0.5 * (x - 160), 20, 235).astype(np.uint8)
    light = estimate_light(np.dstack([level] * 3), points, face_triangles())
    assert np.sign(light.towards[0]) == side
    assert light.towards[2] < 0
    assert np.linalg.norm(light.towards) == pytest.approx(1)


def drawing(two_tones):
    """A portrait-sized picture filled evenly, in two inks or in a few colours, and landmarks on it."""
    points = face_model().template.astype(np.float64) * 2 + [160, 150, 0]
    picture = np.full((420, 320, 3), 255 if two_tones else (230, 180, 160), np.uint8)
    picture[250:270, 120:200] = 0 if two_tones else (180, 60, 60)
    picture[100:112, 90:230] = 0 if two_tones else (60, 40, 30)
    picture[200:210, 150:170] = 0 if two_tones else (120, 160, 60)
    return picture, points


def test_a_picture_in_two_inks_gets_a_mouth_in_two_inks():
    picture, points = drawing(two_tones=True)
    style = picture_style(picture, points, toning_of(picture, points))
    made = style(np.random.default_rng(0).random((40, 40, 3)).astype(np.float32))
    grey = (made > 0.02) & (made < 0.98)
    assert style.detail < 0.5
    assert grey.mean() < 0.15
    assert made.max() > 0.98
    assert made.min() < 0.02


def test_other_pictures_keep_their_shades():
    picture, points = drawing(two_tones=False)
    shades = np.random.default_rng(0).random((8, 8, 3)).astype(np.float32)
    flat = picture_style(picture, points, toning_of(picture, points))
    noisy = np.clip(picture + np.random.default_rng(1).normal(0, 12, picture.shape), 0, 255).astype(np.uint8)
    assert (flat(shades) == shades).all()
    assert flat.detail < 0.5 < picture_style(noisy, points, toning_of(noisy, points)).detail
