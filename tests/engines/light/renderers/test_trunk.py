"""Neck and shoulders go with a head that leans, less than it does; a head that only turns leaves them, and so does all
that happens in a photo which ends at the neck."""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from small_videos import PORTRAIT

from sonic.engines.light.nonverbal.head import NECK_FROM_FACE
from sonic.engines.light.renderers.warp import Renderer
from sonic.faces import topology
from sonic.faces.geometry import rotation_from_pose
from sonic.faces.portrait import analyse_portrait
from sonic.media.photo import load_photo
from sonic.motion import Motion
from sonic.settings import Settings
from sonic.types import Portrait


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return analyse_portrait(load_photo(PORTRAIT), Settings(min_resolution=400), lambda _line: None)


def moved(portrait: Portrait, pose_deg: tuple[float, float, float], shift: np.ndarray) -> np.ndarray:
    motion = replace(
        Motion.still(1, Fraction(25)), pose_deg=np.array([pose_deg], np.float32), shift=shift.astype(np.float32)[None]
    )
    return next(Renderer(portrait).render([motion])).rgb


def shift_px(portrait: Portrait, rgb: np.ndarray, centre: np.ndarray, half: int) -> np.ndarray:
    """(2,) right and down: how far what was around ``centre`` has gone."""
    x, y = centre.astype(int)
    one, other = (
        cv2.cvtColor(np.ascontiguousarray(p[y - half : y + half, x - half : x + half]), cv2.COLOR_RGB2GRAY)
        for p in (portrait.crop, rgb)
    )
    window = cv2.createHanningWindow((2 * half, 2 * half), cv2.CV_32F)
    return np.array(cv2.phaseCorrelate(one.astype(np.float32), other.astype(np.float32), window)[0])


def places(portrait: Portrait) -> tuple[np.ndarray, np.ndarray, int]:
    """(between the eyes, where neck and collar meet, a tenth of the face's height)."""
    points = portrait.face.points_px[:, :2]
    chin, forehead = points[topology.CHIN_TIP], points[topology.FOREHEAD]
    return points[168], chin + 0.42 * (chin - forehead), int(0.2 * np.linalg.norm(chin - forehead))


def test_the_collar_goes_with_a_leaning_head_but_less(portrait: Portrait) -> None:
    face, collar, half = places(portrait)
    rgb = moved(portrait, (0, 0, 0), np.array([0.05, 0, 0]))
    of_head, of_collar = (shift_px(portrait, rgb, place, half)[0] for place in (face, collar))
    assert of_head > 3
    assert 0.2 * of_head < of_collar < 0.9 * of_head


def test_a_head_that_turns_about_the_neck_leaves_the_shoulders(portrait: Portrait) -> None:
    renderer = Renderer(portrait)
    pose = np.array([6.0, 4.0, 3.0])
    from_turning = rotation_from_pose(pose) @ -NECK_FROM_FACE + NECK_FROM_FACE
    for trunk in (renderer._head.trunk_px(pose, from_turning), renderer._head.trunk_px(0 * pose, 0 * pose)):
        assert np.abs(trunk).max() < 1e-9


def test_absurd_shifts_move_the_shoulders_a_little_only(portrait: Portrait) -> None:
    head = Renderer(portrait)._head
    far = head.trunk_px(np.zeros(3, np.float32), np.array([9, -9, 9], np.float32))
    assert np.hypot(*far) <= 0.05 * np.linalg.norm(np.diff(portrait.face.points_px[[234, 454], :2], axis=0))


def test_the_lower_border_slides_sideways_and_never_stretches(portrait: Portrait) -> None:
    """What leans across the border of the picture is not there to be shown."""
    down = moved(portrait, (0, 0, 0), np.array([0, -0.05, 0]))
    assert (down[-1] == portrait.crop[-1]).mean() > 0.98
    beside = moved(portrait, (0, 0, 0), np.array([0.05, 0, 0]))
    assert np.abs(beside[:, [0, -1]].astype(int) - portrait.crop[:, [0, -1]]).max() < 10  # a fraction of a px


def test_a_photo_that_ends_at_the_chin_has_no_shoulders_to_move(portrait: Portrait) -> None:
    chin = int(portrait.face.points_px[topology.CHIN_TIP, 1])
    cut = replace(portrait, crop=portrait.crop[: chin + 4].copy(), matte=portrait.matte[: chin + 4].copy())
    mesh = Renderer(cut)._mesh
    assert mesh.trunk[:, 1].max() < 0.05
