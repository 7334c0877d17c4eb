"""Faces, landmarks and mattes are those that MediaPipe finds; lost frames; pictures of any shape; no noise."""

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from face_pictures import ANSWERS, LOST, U8, pictures, video
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sonic.faces.boxes import face_boxes
from sonic.faces.landmarks import fill_lost, find_faces, track_face
from sonic.faces.matte import person_matte
from sonic.faces.model import face_triangles
from sonic.types import F32

PICTURES = pictures()


@pytest.fixture(scope="module")
def answers() -> Iterator[dict[str, F32]]:
    with np.load(ANSWERS) as file:
        yield dict(file)


def in_px(points: F32, rgb: U8) -> F32:
    """MediaPipe's shares of the picture as px whose first centre is (0, 0)."""
    height, width = rgb.shape[:2]
    return points * np.float32((width, height, width)) - np.float32((0.5, 0.5, 0))


def apart_percent(ours: F32, theirs: F32) -> NDArray[np.floating]:
    """How far apart landmarks are, in percent of the distance of the outer corners of the eyes."""
    eyes = np.linalg.norm(theirs[..., 33, :2] - theirs[..., 263, :2], axis=-1)
    return 100 * np.linalg.norm(ours - theirs, axis=-1) / eyes[..., None]


@pytest.mark.parametrize("name", PICTURES)
def test_landmarks_are_mediapipes_to_a_two_thousandth_of_the_eye_distance(name: str, answers: dict[str, F32]) -> None:
    ours, theirs = find_faces(PICTURES[name]), in_px(answers[f"{name} landmarks"], PICTURES[name])
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.shape == (478, 3)
        assert apart_percent(mine, other).max() < 0.05


@pytest.mark.parametrize("detector", ["near", "far"])
@pytest.mark.parametrize("name", PICTURES)
def test_boxes_are_mediapipes(name: str, detector: str, answers: dict[str, F32]) -> None:
    rgb, theirs = PICTURES[name], answers[f"{name} {detector}"]
    (ours,) = face_boxes([rgb], far=detector == "far")
    assert len(ours) == len(theirs)
    for (score, box), (their_score, left, top, width, height) in zip(ours, theirs, strict=True):
        assert score == pytest.approx(their_score, abs=1e-3)
        shares = np.array([left, top, left + width, top + height])
        size = np.array(rgb.shape[1::-1] * 2)
        np.testing.assert_allclose(box, shares * size - 0.5, atol=0.002 * width * size[0])


@pytest.mark.parametrize("name", PICTURES)
def test_mattes_are_mediapipes(name: str, answers: dict[str, F32]) -> None:
    matte = person_matte(PICTURES[name])
    assert matte.shape == PICTURES[name].shape[:2]
    assert 0 <= matte.min() <= matte.max() <= 1
    np.testing.assert_allclose(matte[::16, ::16], answers[f"{name} matte"], atol=0.01)


def test_a_video_is_followed_as_mediapipe_follows_it(answers: dict[str, F32]) -> None:
    ours = list(track_face(video()))
    assert [k for k, points in enumerate(ours) if points is None] == list(LOST)
    for points, rgb, theirs in zip(ours, video(), answers["video"], strict=True):
        if points is not None:
            assert apart_percent(points, in_px(theirs, rgb)).max() < 0.5


def test_every_triangle_is_once_on_the_surface() -> None:
    triangles = face_triangles()
    assert triangles.shape == (852, 3)
    assert triangles.min() == 0 and triangles.max() == 467
    edges, counts = np.unique(np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)), axis=0, return_counts=True)
    assert counts.max() == 2  # none belongs to three triangles
    assert len(np.unique(edges)) == 468


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 255))
def test_any_shape_of_picture_is_searched(height: int, width: int, grey: int) -> None:
    rgb = np.full((height, width, 3), grey, np.uint8)
    assert find_faces(rgb) == []
    assert list(track_face([rgb, rgb])) == [None, None]
    assert person_matte(rgb).shape == rgb.shape[:2]


def test_a_picture_seen_through_a_view_is_the_same_picture() -> None:
    rgb = PICTURES["small"]
    mirrored = find_faces(rgb[:, ::-1])
    np.testing.assert_array_equal(mirrored, find_faces(np.ascontiguousarray(rgb[:, ::-1])))


def test_a_lost_frame_repeats_the_last_face_and_a_lost_start_the_first() -> None:
    a, b = np.zeros((478, 3), np.float32), np.ones((478, 3), np.float32)
    points, lost = fill_lost([None, a, None, b, None])
    assert points[:, 0, 0].tolist() == [0, 0, 0, 1, 1]
    assert lost == 3


def test_no_face_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="any of 2 frames"):
        fill_lost([None, None])


def test_looking_for_faces_says_nothing() -> None:
    statement = (
        "import numpy as np; from sonic.faces.landmarks import find_faces as f; f(np.zeros((64, 64, 3), np.uint8))"
    )
    done = subprocess.run([sys.executable, "-c", statement], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
