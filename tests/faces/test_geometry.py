"""Properties of the small geometry."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sonic.faces.geometry import catmull_rom, pose_from_rotation, rotation_from_pose, similarity, smoothstep

angle = st.floats(-80, 80)


@given(angle, angle, angle)
def test_pose_survives_the_way_to_a_rotation_and_back(yaw: float, pitch: float, roll: float) -> None:
    rotation = rotation_from_pose([yaw, pitch, roll])
    assert np.allclose(rotation @ rotation.T, np.eye(3)) and np.isclose(np.linalg.det(rotation), 1)
    assert np.allclose(pose_from_rotation(rotation), [yaw, pitch, roll], atol=1e-6)


def test_signs_are_those_of_the_docstring() -> None:
    towards_camera = np.array([0.0, 0.0, -1.0])
    assert (rotation_from_pose([10, 0, 0]) @ towards_camera)[0] > 0  # to the right of the picture
    assert (rotation_from_pose([0, 10, 0]) @ towards_camera)[1] > 0  # down
    assert (rotation_from_pose([0, 0, 10]) @ np.array([1.0, 0.0, 0.0]))[1] > 0  # clockwise: the right side sinks


@given(st.floats(0.1, 10), angle, angle, angle, st.integers(0, 1000))
def test_similarity_recovers_the_motion(scale: float, yaw: float, pitch: float, roll: float, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(12, 3))
    rotation, shift = rotation_from_pose([yaw, pitch, roll]), np.array([3.0, -2.0, 0.5])
    got_scale, got_rotation, got_shift = similarity(points, scale * points @ rotation.T + shift)
    assert np.isclose(got_scale, scale)
    assert np.allclose(got_rotation, rotation, atol=1e-6) and np.allclose(got_shift, shift, atol=1e-6)


def test_catmull_rom_passes_through_its_points() -> None:
    points = np.array([[0, 0], [1, 2], [3, 1], [4, 4.0]])
    curve = catmull_rom(points, 5)
    assert len(curve) == 3 * 5 + 1
    assert np.allclose(curve[::5], points)


def test_smoothstep_runs_both_ways() -> None:
    assert smoothstep(0, 1, 0.5) == smoothstep(1, 0, 0.5) == 0.5
    assert smoothstep(1, 0, 2) == 0 and smoothstep(0, 1, 2) == 1
