"""The cover of a video: eyes open, at the platform's size, with the label that the video has."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_videos import Job

import sonic
from sonic import demo
from sonic.errors import FaceError
from sonic.evaluation.cover import fitted, save_cover
from sonic.settings.platforms import platform


def test_the_cover_has_the_size_of_the_platform(tmp_path: Path) -> None:
    settings = sonic.Settings(platform="square", framing="1:1", min_resolution=256, duration=0.6, inference_steps=1)
    video = tmp_path / "out.mp4"
    sonic.generate(demo.PORTRAIT, demo.SPEECH, video, consent=demo.consent(), settings=settings)
    out = save_cover(video, platform("square"), tmp_path / "cover.jpg")
    with Image.open(out) as picture:
        assert picture.size == (1080, 1080)


def test_a_video_of_nobody_has_no_cover(tmp_path: Path) -> None:
    video = Job(tmp_path).write(tmp_path / "grey.mp4")
    with pytest.raises(FaceError, match="by hand"):
        save_cover(video, platform("square"), tmp_path / "cover.jpg")
    assert not (tmp_path / "cover.jpg").exists()


def test_another_aspect_loses_its_edges_alone() -> None:
    rgb = np.zeros((100, 300, 3), np.uint8)
    rgb[:, 100:200] = 200
    assert (fitted(rgb, 50, 50) == 200).mean() > 0.95
