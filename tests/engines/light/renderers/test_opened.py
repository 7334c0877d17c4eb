"""Eyes that the photo shows shut are open in the video, as wide as people's are, and still blink."""

from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise

import cv2
import numpy as np
import pytest
from small_videos import PORTRAIT

from sonic.engines.light.renderers.warp import Renderer
from sonic.faces import topology
from sonic.faces.eyes import eye_openings
from sonic.faces.landmarks import find_faces
from sonic.faces.portrait import analyse_portrait
from sonic.media.photo import load_photo
from sonic.motion import Motion
from sonic.settings import Settings
from sonic.types import Photo, Portrait

FPS = Fraction(25)


def shown(renderer: Renderer, *lids: tuple[float, float]) -> list[np.ndarray]:
    motion = replace(Motion.still(len(lids), FPS), lids=np.array(lids, np.float32))
    return [frame.rgb for frame in renderer.render([motion])]


def portrait_of(rgb: np.ndarray) -> Portrait:
    rgb = np.ascontiguousarray(rgb)
    return analyse_portrait(Photo(rgb, sha256(rgb).hexdigest(), "photo"), Settings(), lambda _line: None)


def eye_pixels(portrait: Portrait, rgb: np.ndarray, eye: topology.Eye) -> np.ndarray:
    """(h, w, 3) around an eye of the portrait."""
    points = portrait.face.points_px[[*eye.corners, *eye.upper2, *eye.lower2], :2]
    (left, top), (right, bottom) = points.min(0).astype(int), points.max(0).astype(int)
    return rgb[top:bottom, left:right].astype(float)


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of their lightness, at the scale of an iris."""
    return float(np.corrcoef(*(cv2.blur(rgb.mean(-1), (3, 3)).ravel() for rgb in (one, other)))[0, 1])


@pytest.fixture(scope="module")
def awake() -> Portrait:
    return analyse_portrait(load_photo(PORTRAIT), Settings(framing="face", min_resolution=400), lambda _line: None)


@pytest.fixture(scope="module")
def asleep(awake: Portrait) -> Portrait:
    return portrait_of(shown(Renderer(awake), (0, 0))[0])


def test_shut_eyes_open_as_wide_as_a_relaxed_person_s(asleep: Portrait) -> None:
    assert max(eye_openings(asleep.face.points_px)) < 0.45
    opened = shown(Renderer(asleep), (1, 1))[0]
    assert all(0.5 < opening < 0.95 for opening in eye_openings(find_faces(opened)[0]))


def test_opened_eyes_are_more_like_the_person_s_own_than_shut_ones(awake: Portrait, asleep: Portrait) -> None:
    opened = shown(Renderer(asleep), (1, 1))[0]
    for eye in topology.EYES:
        own, drawn, shut = (eye_pixels(awake, rgb, eye) for rgb in (awake.crop, opened, asleep.crop))
        assert np.abs(drawn - own).mean() < np.abs(shut - own).mean()
        assert alike(drawn, own) > max(0.5, alike(shut, own) + 0.2)


@pytest.mark.parametrize("winking", [0, 1])
def test_an_eye_that_winks_opens_like_the_other_one(awake: Portrait, winking: int) -> None:
    lids = (0, 1) if winking == 0 else (1, 0)
    wink = portrait_of(shown(Renderer(awake), lids)[0])
    opened = shown(Renderer(wink), (1, 1))[0]
    own, drawn, shut = (eye_pixels(awake, rgb, topology.EYES[winking]) for rgb in (awake.crop, opened, wink.crop))
    assert np.abs(drawn - own).mean() < np.abs(shut - own).mean()
    assert alike(drawn, own) > alike(shut, own) + 0.3
    other = topology.EYES[1 - winking]
    assert (eye_pixels(awake, opened, other) == eye_pixels(awake, wink.crop, other)).all()


def test_opened_eyes_blink_back_to_the_photo_without_a_jump(asleep: Portrait) -> None:
    lids = np.linspace(0, 1, 21)
    frames = shown(Renderer(asleep), *((lid, lid) for lid in lids))
    for eye in topology.EYES:
        eyes = [eye_pixels(asleep, rgb, eye) for rgb in (asleep.crop, *frames)]
        steps = [np.abs(b - a).mean() for a, b in pairwise(eyes[1:])]
        whole = np.abs(eyes[-1] - eyes[1]).mean()
        assert np.abs(eyes[1] - eyes[0]).mean() < 0.15 * whole
        assert max(steps) < 0.3 * whole


def test_eyes_narrowed_by_a_smile_are_left_as_they_are(awake: Portrait) -> None:
    narrowed = portrait_of(shown(Renderer(awake), (0.7, 0.7))[0])
    still = shown(Renderer(narrowed), (1, 1))[0]
    for eye in topology.EYES:
        assert (eye_pixels(awake, still, eye) == eye_pixels(awake, narrowed.crop, eye)).all()


def test_the_same_photo_gets_the_same_eyes(asleep: Portrait) -> None:
    first, second = (shown(Renderer(asleep), (1, 1))[0] for _ in range(2))
    assert (first == second).all()


def test_the_skin_over_a_shut_eye_reaches_as_far_up_as_the_eye_did(awake: Portrait) -> None:
    """Also over tall eyes, as drawn people have them."""
    points = awake.face.points_px.copy()
    mm = awake.face.quality.eye_distance_px / 63
    for eye in topology.EYES:
        points[[*eye.upper, *eye.upper2, *eye.upper3], 1] -= 6 * mm
    tall = replace(awake, face=replace(awake.face, points_px=points))
    renderer = Renderer(tall)
    shut = shown(renderer, (0, 0))[0].astype(float)
    for layer in renderer._eyes:
        lid, (left, top) = layer._closed, layer._origin.astype(int)
        assert lid is not None
        drawn = shut[top : top + lid.rgb.shape[0], left : left + lid.rgb.shape[1]]
        upper_half = np.arange(lid.cover.shape[0])[:, None] < np.flatnonzero(lid.cover.max(1) > 250).mean()
        covered = (lid.cover > 250) & upper_half
        assert covered.sum() > 50
        assert np.median(np.abs(drawn - lid.rgb).max(-1)[covered]) < 3
        assert (np.abs(drawn - lid.rgb).max(-1)[covered] < 25).mean() > 0.98
