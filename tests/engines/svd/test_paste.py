"""Engine svd: made frames back in the picture. The photo outside the person, and its colours, are kept."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonic.engines.svd.paste import Paster
from sonic.faces.topology import CHEEK_LEFT, CHEEK_RIGHT, OVAL
from sonic.types import F32, U8, Face, FaceQuality

SIDE = 256
FACE_PX = 60
"""Width of the face."""
FPS = 25


def face(x: float = SIDE / 2, y: float = 110.0) -> Face:
    """Only the outline and the cheeks are where they belong."""
    points = np.zeros((478, 3), np.float32)
    points[:, :2] = x, y
    angles = np.linspace(-np.pi / 2, 1.5 * np.pi, len(OVAL), endpoint=False)
    points[list(OVAL), :2] = np.stack([x + FACE_PX / 2 * np.cos(angles), y + 0.65 * FACE_PX * np.sin(angles)], 1)
    points[CHEEK_LEFT, :2], points[CHEEK_RIGHT, :2] = (x - FACE_PX / 2, y), (x + FACE_PX / 2, y)
    box = (x - FACE_PX / 2, y - 0.65 * FACE_PX, x + FACE_PX / 2, y + 0.65 * FACE_PX)
    return Face(points, box, (0.0, 0.0, 0.0), FaceQuality(24.0, 1.0, 0.0))


def person(shift: int = 0) -> F32:
    matte = np.zeros((SIDE, SIDE), np.float32)
    cv2.ellipse(matte, (SIDE // 2 + shift, 110), (35, 48), 0, 0, 360, 1, -1)
    cv2.ellipse(matte, (SIDE // 2 + shift, SIDE), (70, 110), 0, 0, 360, 1, -1)
    return matte


def photo(matte: F32, background: float = 120.0) -> U8:
    """A person before a wall with a gradient; both have texture."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    wall = background + (20 * x - 10 * y)[..., None] * (background < 200) + rng.normal(0, 2, (SIDE, SIDE, 3))
    skin = np.array([200, 150, 120]) + rng.normal(0, 4, (SIDE, SIDE, 3))
    return np.clip(matte[..., None] * skin + (1 - matte[..., None]) * wall, 0, 255).astype(np.uint8)


MATTE = person()
CROP = photo(MATTE)
ALL = (0, 0, SIDE, SIDE)
BROW = slice(80, 100), slice(110, 146)


def paster(crop: U8 = CROP, matte: F32 = MATTE, region: tuple[int, int, int, int] = ALL, side: int = SIDE) -> Paster:
    return Paster(crop, matte, face(), region, (side, side), fps=Fraction(FPS))


def made(rgb: U8, side: int = SIDE) -> F32:
    """What a perfect model gives for a picture."""
    small = rgb if rgb.shape[0] == side else cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small.transpose(2, 0, 1).astype(np.float32) / 255)


def skin_errors(pasted: Paster, offsets: F32, crop: U8 = CROP, noise: float = 0.0) -> F32:
    """(n, 3) mean colour of the forehead minus the photo's, for the same frame with these (n, 3) offsets; 0..255.

    What ``noise`` itself does to that mean is taken off.
    """
    rng = np.random.default_rng(1)
    still = made(crop)
    errors = []
    for offset in offsets:
        grain = rng.normal(0, noise, crop.shape)
        changed = still + (offset[:, None, None] + grain.transpose(2, 0, 1)) / 255
        frame = pasted.paste(np.clip(changed, 0, 1).astype(np.float32))
        errors.append((frame[BROW].astype(np.float32) - crop[BROW] - grain[BROW]).mean((0, 1)))
    return np.array(errors)


def test_the_photo_itself_comes_back_bit_for_bit() -> None:
    assert np.array_equal(paster().paste(made(CROP)), CROP)


def test_the_model_sees_the_region_as_it_is() -> None:
    assert np.array_equal(paster(region=(20, 40, 200, 220)).source(), CROP[40:220, 20:200])


def test_pixels_far_from_the_person_are_the_photos_whatever_the_model_made() -> None:
    frame = paster().paste(np.random.default_rng(0).random((3, SIDE, SIDE), np.float32))
    away = cv2.distanceTransform((MATTE < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    far = away > 0.75 * FACE_PX
    assert far.sum() > 2000
    assert np.array_equal(frame[far], CROP[far])


def test_other_people_stay_the_photo() -> None:
    matte = MATTE.copy()
    cv2.circle(matte, (14, 20), 12, 1, -1)
    frame = paster(matte=matte).paste(np.random.default_rng(0).random((3, SIDE, SIDE), np.float32))
    assert np.array_equal(frame[10:30, 4:24], CROP[10:30, 4:24])


@pytest.mark.parametrize("shift", [-18, 18])
def test_a_head_that_moves_is_not_cut(shift: int) -> None:
    moved = photo(person(shift))
    frame = paster().paste(made(moved))
    head = cv2.dilate((person(shift) > 0).astype(np.uint8), np.ones((3, 3))) > 0
    assert np.abs(frame[head].astype(int) - moved[head]).max() <= 3


def test_frames_belong_to_the_receiver() -> None:
    pasting = paster()
    first = pasting.paste(made(CROP))
    first[:] = 0
    assert np.array_equal(pasting.paste(made(CROP)), CROP)


@settings(max_examples=25)
@given(st.integers(0, 100), st.integers(0, 80), st.integers(120, 250), st.sampled_from([64, 128, 192]))
def test_any_region_keeps_everything_outside(left: int, top: int, side: int, working: int) -> None:
    right, bottom = min(SIDE, left + side), min(SIDE, top + side)
    frame = paster(region=(left, top, right, bottom), side=working).paste(np.zeros((3, working, working), np.float32))
    outside = np.ones((SIDE, SIDE), bool)
    outside[top:bottom, left:right] = False
    assert frame.shape == CROP.shape and frame.dtype == np.uint8
    assert np.array_equal(frame[outside], CROP[outside])


def test_the_regions_edge_is_no_seam() -> None:
    """A model that makes everything 30 darker: its edge inside the picture is a slope, not a step."""
    region = (60, 60, 200, 200)
    matte = np.ones((SIDE, SIDE), np.float32)
    flat = np.full((SIDE, SIDE, 3), 128, np.uint8)
    dark = made(flat[60:200, 60:200], 192)
    pasting = paster(flat, matte, region, 192)
    for _ in range(FPS):  # nobody can tell what is background: only what lasts is taken for the model's own
        pasting.paste(dark)
    frame = pasting.paste(dark - np.float32(30 / 255)).astype(int)
    change = frame[130, 58:202, 0] - 128
    assert change.min() < -20
    assert np.abs(np.diff(change)).max() <= 5


def test_a_region_outside_the_picture_is_an_error() -> None:
    with pytest.raises(ValueError, match="256x256"):
        paster(region=(0, 0, SIDE + 1, SIDE))


@pytest.mark.parametrize("side", [128, 192, 384])
def test_other_working_sizes_only_soften(side: int) -> None:
    frame = paster(side=side).paste(made(CROP, side)).astype(np.float32)
    smooth = [cv2.GaussianBlur(x, (0, 0), 4) for x in (frame, CROP.astype(np.float32))]
    assert np.abs(smooth[0] - smooth[1]).max() < 2, "neither shifted nor of another colour"


def test_an_offset_and_a_drift_go() -> None:
    time_s = np.arange(4 * FPS)[:, None] / FPS
    errors = skin_errors(paster(), (np.array([6, -4, 3]) * (0.5 + time_s / 4)).astype(np.float32))
    assert np.abs(errors).max() < 1.0
    assert np.abs(errors[-FPS:].mean(0) - errors[:FPS].mean(0)).max() < 0.3


def test_pulsing_once_a_second_goes() -> None:
    """As the windows of the model make it."""
    wave = 4 * np.sin(2 * np.pi * np.arange(4 * FPS) / FPS)[:, None] * np.ones(3)
    errors = skin_errors(paster(), wave.astype(np.float32))
    assert errors.std(0).max() < 0.1 * wave.std()


def test_no_flicker_is_added() -> None:
    errors = skin_errors(paster(), np.zeros((2 * FPS, 3), np.float32), noise=4)
    assert np.abs(np.diff(errors, 2, axis=0)).max() < 0.5


def test_a_smooth_change_over_the_picture_goes_where_the_seam_is() -> None:
    slope = (np.linspace(-6, 6, SIDE, dtype=np.float32) / 255)[None, None]
    pasting = paster()
    for _ in range(FPS):
        frame = pasting.paste(np.clip(made(CROP) + slope, 0, 1))
    away = cv2.distanceTransform((MATTE < 0.5).astype(np.uint8), cv2.DIST_L2, 5) / FACE_PX
    seam = (away > 0.35) & (away < 0.6)
    error = cv2.GaussianBlur(frame.astype(np.float32) - CROP, (0, 0), 3)
    assert np.abs(error[seam]).mean() < 1.0


def test_without_background_only_what_lasts_is_drift() -> None:
    everything = np.ones((SIDE, SIDE), np.float32)
    n = 12 * FPS
    lasting = np.full((n, 3), 0.0, np.float32)
    lasting[FPS:] = 5
    errors = skin_errors(paster(matte=everything), lasting)
    assert errors[FPS + 5].mean() > 3, "a mouth that opens is no drift"
    assert np.abs(errors[-1]).max() < 0.6


def test_a_white_wall_stays_white() -> None:
    """Clipped white says nothing about an offset, and must not take one."""
    white = photo(MATTE, 255)
    pasting = paster(white)
    for _ in range(FPS):
        frame = pasting.paste(np.clip(made(white) + np.float32(6 / 255), 0, 1))
    wall = cv2.erode((MATTE < 0.01).astype(np.uint8), np.ones((25, 25))) > 0
    assert np.abs(cv2.GaussianBlur(frame.astype(np.float32) - white, (0, 0), 3)[wall]).max() < 2
    assert np.abs(frame[BROW].astype(np.float32).mean((0, 1)) - white[BROW].mean((0, 1))).max() < 2


def test_another_person_beside_stays_the_photo() -> None:
    """Bit for bit, also within the reach of the head, which itself comes from the model."""
    still = np.zeros((SIDE, SIDE), bool)
    still[:, 165:] = True
    beside = Paster(CROP, MATTE, face(), ALL, (SIDE, SIDE), fps=Fraction(FPS), still=still)
    shown = beside.paste(made(255 - CROP))
    np.testing.assert_array_equal(shown[still], CROP[still])
    assert np.abs(shown[BROW].astype(int) - CROP[BROW]).mean() > 10
