"""What a person sees of the renderer: the photo stays the photo, and what should move moves."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.cbook import get_sample_data

from sonic.engines.light.renderers.warp import Renderer
from sonic.engines.light.renderers.warp.glasses import wears_glasses
from sonic.engines.light.renderers.warp.lids import closed_lid
from sonic.faces import topology
from sonic.faces.landmarks import find_faces
from sonic.faces.portrait import all_faces, analyse_portrait
from sonic.media.photo import load_photo
from sonic.motion import N_SHAPE, Motion, shape_column
from sonic.settings import Settings
from sonic.types import Portrait

FPS = Fraction(25)


def moved(**fields):
    """A motion whose fields have these rows; the others stay at rest."""
    n = len(next(iter(fields.values())))
    arrays = {name: np.asarray(rows, np.float32) for name, rows in fields.items()}
    return replace(Motion.still(n, FPS), **arrays)


def weights(**named):
    """A row of Motion.shape."""
    row = np.zeros(N_SHAPE, np.float32)
    for name, weight in named.items():
        row[shape_column(name)] = weight
    return row


def frames(renderer, motion):
    return [frame.rgb for frame in renderer.render([motion])]


def outside(portrait, box):
    left, top, right, bottom = box
    mask = np.ones(portrait.crop.shape[:2], bool)
    mask[top:bottom, left:right] = False
    return mask


def mouth_box(portrait, pad=0.02):
    points = portrait.face.points_px[[*topology.UPPER_OUTER, *topology.LOWER_OUTER], :2]
    pad_px = pad * portrait.crop.shape[0]
    (left, top), (right, bottom) = points.min(0) - pad_px, points.max(0) + pad_px
    return int(left), int(top), int(right), int(bottom)


@pytest.fixture(scope="module")
def portrait():
    photo = load_photo(Path(get_sample_data("grace_hopper.jpg", asfileobj=False)))
    return analyse_portrait(photo, Settings(), lambda _line: None)


@pytest.fixture(scope="module")
def renderer(portrait):
    return Renderer(portrait)


def test_still_motion_is_the_photo_bit_for_bit(portrait, renderer):
    for frame in frames(renderer, Motion.still(2, FPS)):
        assert (frame == portrait.crop).all()


def test_nothing_moves_outside_the_box(portrait, renderer):
    motion = moved(pose_deg=[(9, 5, 4), (-9, -5, -4)], lip_gap=[10, 3], shift=[(0.05, 0.03, 0.1)] * 2)
    far = outside(portrait, renderer.moving_box_px)
    for frame in frames(renderer, motion):
        assert (frame[far] == portrait.crop[far]).all()
        assert (frame != portrait.crop).any()


def test_the_mouth_opens_and_closes(portrait, renderer):
    left, top, right, bottom = mouth_box(portrait)
    closed, half, wide = (f[top:bottom, left:right].astype(float) for f in frames(renderer, moved(lip_gap=[0, 4, 10])))
    assert (closed == portrait.crop[top:bottom, left:right]).all()
    assert np.abs(half - closed).mean() > 2
    assert np.abs(wide - closed).mean() > np.abs(half - closed).mean()


def test_an_open_mouth_is_seen_as_open_by_a_tracker(renderer):
    def gap(rgb):
        points = find_faces(rgb)[0]
        eyes = np.linalg.norm(points[topology.LEFT_EYE.iris] - points[topology.RIGHT_EYE.iris])
        return np.linalg.norm(points[topology.LIP_TOP] - points[topology.LIP_BOTTOM]) / eyes * 63

    shut, opened = (gap(rgb) for rgb in frames(renderer, moved(lip_gap=[0, 9])))
    assert shut < 2.5
    assert 5 < opened < 13


def test_a_blink_is_seen_as_closed_by_a_tracker(renderer):
    def opening(rgb):
        points = find_faces(rgb)[0][:, :2]
        return [
            np.linalg.norm(points[eye.upper[3]] - points[eye.lower[3]])
            / np.linalg.norm(points[eye.corners[0]] - points[eye.corners[1]])
            for eye in topology.EYES
        ]

    seen, shut = (np.array(opening(rgb)) for rgb in frames(renderer, moved(lids=[(1, 1), (0, 0)])))
    assert (shut < 0.55 * seen).all()


def test_one_eye_can_blink_alone(portrait, renderer):
    change = np.abs(frames(renderer, moved(lids=[(0, 1)]))[0].astype(int) - portrait.crop).sum(-1) > 12
    x = portrait.face.points_px[[eye.iris for eye in topology.EYES], 0]
    middle = int(x.mean())
    assert change[:, :middle].sum() > 50
    assert change[:, middle:].sum() == 0


def test_head_brows_and_gaze_move_the_right_way(portrait, renderer):
    rest = portrait.face.points_px
    turned, raised, looking = (
        find_faces(frames(renderer, motion)[0])[0]
        for motion in (
            moved(pose_deg=[(8, 0, 0)]),
            moved(shape=[weights(browInnerUp=0.6, browOuterUpLeft=0.7, browOuterUpRight=0.7)]),
            moved(gaze=[(3, 0)]),
        )
    )
    nose, bridge = 1, 168
    assert turned[nose, 0] - turned[bridge, 0] > rest[nose, 0] - rest[bridge, 0] + 1
    brows = [*topology.LEFT_BROW, *topology.RIGHT_BROW]
    assert raised[brows, 1].mean() < rest[brows, 1].mean() - 1.5
    iris = [eye.iris for eye in topology.EYES]
    assert looking[iris, 0].mean() > rest[iris, 0].mean() + 1


def test_the_same_motion_gives_the_same_frames(portrait, renderer):
    motion = moved(lip_gap=[6, 2], pose_deg=[(3, 2, 1), (1, 2, 3)], lids=[(0.4, 0.5), (1, 1)])
    first, second = frames(renderer, motion), frames(Renderer(portrait), motion)
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_frames_own_their_pixels(renderer):
    steps = renderer.render([moved(lip_gap=[5, 5])])
    first = next(steps).rgb
    kept = first.copy()
    first[:] = 0
    assert (next(steps).rgb == kept).all()
    steps.close()


def test_neighbouring_frames_differ_little(renderer):
    """A slow motion has no jumps: neither where the mouth begins to open nor where the lids begin to close."""
    t = np.linspace(0, 1, 25)
    motion = moved(lip_gap=2 * t, lids=np.stack([1 - 0.5 * t] * 2, 1), pose_deg=np.stack([2 * t, t, 0 * t], 1))
    pictures = frames(renderer, motion)
    steps = [np.abs(b.astype(int) - a).mean() for a, b in pairwise(pictures)]
    assert max(steps) < 3 * np.median(steps) + 0.05


def resized(portrait, width, height):
    """The portrait at another size, also where that distorts it: sizes are what is tested."""
    scale = np.array([width / portrait.crop.shape[1], height / portrait.crop.shape[0]])
    points = portrait.face.points_px * np.array([*scale, scale[0]], np.float32)
    size = (width, height)
    return Portrait(
        portrait.photo,
        cv2.resize(portrait.crop, size, interpolation=cv2.INTER_AREA if scale[0] < 1 else cv2.INTER_CUBIC),
        portrait.crop_from_photo,
        replace(portrait.face, points_px=points.astype(np.float32)),
        cv2.resize(portrait.matte, size),
    )


@pytest.mark.parametrize("size", [(128, 150), (110, 128), (322, 258), (1100, 1290)])
def test_any_size_of_picture_and_face_works(portrait, size):
    small = resized(portrait, *size)
    opened, still = frames(Renderer(small), moved(lip_gap=[8, 0], pose_deg=[(8, 8, 8), (0, 0, 0)]))
    assert opened.shape == small.crop.shape
    assert (still == small.crop).all()
    assert (opened != small.crop).any()


@settings(max_examples=12, deadline=None)
@given(
    size=st.tuples(st.integers(64, 2048), st.integers(64, 2048)),
    eyes_px=st.floats(20, 120),
    at=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
@example((960, 540), 26, (0.5, 0.5))  # a face of a sixth of the height, as in a film still
@example((2048, 350), 40, (0.9, 0.5))  # a panorama
@example((2016, 1512), 50, (0.2, 0.8))
@example((1512, 2016), 20, (0.0, 1.0))
def test_a_face_of_any_size_anywhere_in_a_picture_of_any_size_works(portrait, size, eyes_px, at):
    """Half the sides that a video may have, so that the test is quick; what fails does so by the ratio of the sizes."""
    points = portrait.face.points_px
    own_eyes = np.linalg.norm(points[topology.LEFT_EYE.iris] - points[topology.RIGHT_EYE.iris])
    (left, top), (right, bottom) = points[:, :2].min(0) - 40, points[:, :2].max(0) + 40
    scale = min(eyes_px / own_eyes, size[0] / (right - left), size[1] / (bottom - top))
    onto = np.array([[scale, 0, -scale * left], [0, scale, -scale * top]])
    onto[:, 2] += np.array(at) * (size - scale * np.array([right - left, bottom - top]))
    size = tuple(side // 2 * 2 for side in size)
    there = points * np.float32(scale)
    there[:, :2] += onto[:, 2].astype(np.float32)
    placed = Portrait(
        portrait.photo, cv2.warpAffine(portrait.crop, onto, size, borderValue=(128, 128, 128)),
        portrait.crop_from_photo, replace(portrait.face, points_px=there), cv2.warpAffine(portrait.matte, onto, size),
    )  # fmt: skip
    renderer = Renderer(placed)
    frame = frames(renderer, moved(lip_gap=[8], pose_deg=[(8, 5, 4)]))[0]
    left, top, right, bottom = renderer.moving_box_px
    face_height = np.linalg.norm(there[topology.FOREHEAD] - there[topology.CHIN_TIP])
    assert max(right - left, bottom - top) < 6 * face_height + 4
    changed = (frame != placed.crop).any(-1)
    assert changed[top:bottom, left:right].any()
    assert changed.sum() == changed[top:bottom, left:right].sum()


def beside_one_another(photo, room_px):
    """The same person twice, the heads this many px apart at most; and where the second face begins."""
    left, right = photo.rgb[:, 120 - room_px // 2 : 395 + room_px // 2], photo.rgb[:, ::-1]
    right = right[:, 117 - room_px // 2 : 392 + room_px // 2]
    return replace(photo, rgb=np.ascontiguousarray(np.hstack([left, right])), sha256="0" * 64)


@pytest.mark.parametrize("room_px", [-60, 0, 90])
@pytest.mark.parametrize("speaker", [1, 2])
def test_another_person_stays_still_to_the_pixel(portrait, speaker, room_px):
    """Also one whose head touches the speaker's, with all that lies beyond; and the speaker does move."""
    notices: list[str] = []
    photo = beside_one_another(portrait.photo, room_px)
    both = analyse_portrait(photo, Settings(face=speaker), notices.append)
    other = all_faces(photo)[2 - speaker][:, :2]
    oval = np.zeros(both.crop.shape[:2], np.uint8)
    cv2.fillPoly(oval, [np.round(other[list(topology.OVAL)]).astype(np.int32)], 1)
    middle = int(other[:, 0].mean())
    theirs = oval > 0
    theirs[:, slice(middle, None) if speaker == 1 else slice(None, middle)] = True
    own = np.zeros_like(theirs)
    left, top, right, bottom = (int(v) for v in both.face.box_px)
    own[top:bottom, left:right] = True
    motion = moved(
        pose_deg=[(9, 5, 6), (-9, -5, -6), (0, 0, 8)], shift=[(0.1, 0.1, 0.1), (-0.1, 0, 0), (0, 0, 0)],
        lip_gap=[10, 3, 0], lids=[(0, 0), (1, 1), (1, 1)],
        shape=[weights(browInnerUp=1), weights(mouthSmileLeft=1), weights(jawOpen=0.5)],
    )  # fmt: skip
    for frame in frames(Renderer(both), motion):
        change = np.abs(frame.astype(int) - both.crop).max(-1)
        assert change[theirs].max() == 0
        assert change[own & ~theirs].mean() > 3
    assert any("another person" in line for line in notices) == (room_px < 0)


def test_a_face_cut_by_the_border_leaves_no_holes(portrait):
    left, top, right, bottom = (int(v) // 2 * 2 for v in portrait.face.box_px)
    top, left = top + 20, left + 16
    cut = Portrait(
        portrait.photo,
        np.ascontiguousarray(portrait.crop[top:bottom, left:right]),
        portrait.crop_from_photo,
        replace(portrait.face, points_px=portrait.face.points_px - np.array([left, top, 0], np.float32)),
        np.ascontiguousarray(portrait.matte[top:bottom, left:right]),
    )
    for frame in frames(
        Renderer(cut), moved(pose_deg=[(9, 8, 5), (-9, -8, -5)], shift=[(0.1, 0.1, 0.2), (-0.1, -0.1, -0.2)])
    ):
        assert frame.shape == cut.crop.shape
        assert (frame.max(-1) == 0).mean() < 0.001


def test_colours_do_not_drift_under_head_motion(portrait, renderer):
    left, top, right, bottom = (int(v) for v in portrait.face.box_px)
    inside = slice(top + 20, bottom - 20), slice(left + 20, right - 20)
    rest = portrait.crop[inside].reshape(-1, 3).mean(0)
    for frame in frames(renderer, moved(pose_deg=[(1.5, 0, 0), (0, 1.5, 0), (0, 0, 1.5)])):
        assert np.abs(frame[inside].reshape(-1, 3).mean(0) - rest).max() < 1.5


def test_absurd_motion_is_cut_off_not_drawn(portrait, renderer):
    n = 2
    motion = moved(
        shape=np.full((n, N_SHAPE), 1e6), lip_gap=[1e6, 50], lids=np.full((n, 2), -5), gaze=np.full((n, 2), 1e6),
        pose_deg=np.full((n, 3), 1e6), shift=[(1e6, -1e6, 1e6), (-1e6, 1e6, -1e6)],
    )  # fmt: skip
    for frame in frames(renderer, motion):
        assert frame.shape == portrait.crop.shape


def test_a_mouth_open_in_the_photo_closes_and_opens(portrait, renderer):
    """The photo here is one of our own frames with the mouth open."""
    opened = frames(renderer, moved(lip_gap=[9]))[0]
    photo = replace(portrait.photo, rgb=opened)
    other = Renderer(analyse_portrait(photo, Settings(), lambda _line: None))

    def gap(rgb):
        points = find_faces(rgb)[0]
        return np.linalg.norm(points[topology.LIP_TOP] - points[topology.LIP_BOTTOM])

    shut, again = (gap(rgb) for rgb in frames(other, moved(lip_gap=[0, 9])))
    assert shut < 0.35 * gap(opened)
    assert again > 0.6 * gap(opened)


def test_glasses_are_seen_where_there_are_some(portrait):
    points = portrait.face.points_px.astype(np.float64)
    eyes = points[[eye.iris for eye in topology.EYES], :2]
    px_per_mm = float(np.linalg.norm(eyes[1] - eyes[0])) / 63
    assert wears_glasses(points, portrait.crop, px_per_mm)
    bare = cv2.blur(portrait.crop, (61, 61))
    assert not wears_glasses(points, bare, px_per_mm)


def eye_distance_mm(portrait):
    """(h, w) how far each pixel lies from the openings of the eyes."""
    points = portrait.face.points_px.astype(np.float64)
    inside = np.zeros(portrait.crop.shape[:2], np.uint8)
    for eye in topology.EYES:
        ring = [eye.corners[0], *eye.upper, eye.corners[1], *eye.lower[::-1]]
        cv2.fillPoly(inside, [np.round(points[ring, :2]).astype(np.int32)], 1)
    irises = points[[eye.iris for eye in topology.EYES], :2]
    return cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5) * 63 / np.linalg.norm(irises[1] - irises[0])


def test_a_blink_behind_glasses_bends_no_rim(portrait, renderer):
    away = eye_distance_mm(portrait)
    for rgb in frames(renderer, moved(lids=[(0.5, 0.5), (0, 0)])):
        change = np.abs(rgb.astype(int) - portrait.crop).max(-1)
        assert change[away <= 0].max() > 30
        assert change[away > 5].max() == 0


def test_a_closed_lid_behind_glasses_has_the_colour_of_skin(portrait, renderer):
    """Neither glare nor rims nor the eye itself show on it."""
    away = eye_distance_mm(portrait)
    shut = frames(renderer, moved(lids=[(0, 0)]))[0]
    skin = np.median(portrait.crop[(away > 3) & (away < 8)], 0)
    lid = np.median(shut[away <= 0], 0)
    assert np.abs(lid / lid.sum() - skin / skin.sum()).max() < 0.08
    assert 0.6 < lid.sum() / skin.sum() < 1.4


def test_a_lid_whose_skin_is_hidden_closes_only_partly():
    x = np.linspace(10, 50, 9)
    bow = 6 * np.sin(np.linspace(0, np.pi, 9))
    upper, lower = np.stack([x, 30 - bow], 1), np.stack([x, 30 + bow], 1)
    skin = np.full((60, 60, 3), (200, 150, 120), np.uint8)
    hidden = np.random.default_rng(0).integers(0, 255, skin.shape).astype(np.uint8)
    assert closed_lid(skin, upper, lower, 1.5, glasses=True).closes == 1
    assert closed_lid(hidden, upper, lower, 1.5, glasses=True).closes < 0.6
