"""What a person sees between parted lips: teeth that belong to this head, this light and this picture."""

import numpy as np
import pytest

from sonic.engines.light.renderers.warp.interior import N_ROW, TONGUE, interior, somebody, tongue_field
from sonic.engines.light.renderers.warp.lighting import estimate_light
from sonic.engines.light.renderers.warp.native import MouthScene, paint_mouth
from sonic.faces.model import face_model, face_triangles

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
        scene(**changes), shape.mesh(), places.astype(np.float32), inside_mm=wide, below_mm=wide, reach_mm=1
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


def test_places_that_are_not_finite_are_refused():
    shape = interior()
    places = np.zeros((len(shape.at), 4), np.float32)
    places[5, 1] = np.inf
    flat = np.ones((9, 9), np.float32)
    with pytest.raises(ValueError, match="finite"):
        paint_mouth(scene(), shape.mesh(), places, inside_mm=flat, below_mm=flat, reach_mm=1)


@pytest.mark.parametrize("side", [-1, 1])
def test_light_from_one_side_is_found_on_that_side(side):
    points = face_model().template.astype(np.float64) * 2 + [160, 90, 0]
    x = np.mgrid[:360, :320][1]
    level = np.clip(128 + side * 0.5 * (x - 160), 20, 235).astype(np.uint8)
    light = estimate_light(np.dstack([level] * 3), points, face_triangles())
    assert np.sign(light.towards[0]) == side
    assert light.towards[2] < 0
    assert np.linalg.norm(light.towards) == pytest.approx(1)
