"""Tracked faces, where a frame lost one."""

import numpy as np
import pytest

from sonic.faces.mediapipe import fill_lost


def test_a_lost_frame_repeats_the_last_face_and_a_lost_start_the_first() -> None:
    a, b = np.zeros((478, 3), np.float32), np.ones((478, 3), np.float32)
    points, lost = fill_lost([None, a, None, b, None])
    assert points[:, 0, 0].tolist() == [0, 0, 0, 1, 1]
    assert lost == 3


def test_no_face_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="any of 2 frames"):
        fill_lost([None, None])
