"""The cover of a video: eyes open, at the platform's size, with the label that the video has."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_videos import Job

import sonic
from sonic import demo
from sonic.errors import FaceError, OutputError
from sonic.evaluation.cover import fitted, save_cover
from sonic.media.images import save_picture
from sonic.settings.platforms import platform


def test_the_cover_has_the_size_of_the_platform(tmp_path: Path) -> None:
    settings = sonic.Settings(platform="square", framing="1:1", min_resolution=256, duration=0.6, inference_steps=1)
    video = tmp_path / "out.mp4"
    sonic.generate(demo.PORTRAIT, demo.SPEECH, video, consent=demo.consent(), settings=settings)
    out = save_cover(video, platform("square"), tmp_path / "cover.jpg")
    with Image.open(out) as picture:
        assert picture.size == (1080, 1080)


def test_a_cover_is_as_small_as_the_platform_asks(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    save_picture(noise, tmp_path / "fine.jpg")
    save_picture(noise, tmp_path / "small.jpg", max_bytes=30_000)
    assert (tmp_path / "small.jpg").stat().st_size <= 30_000 < (tmp_path / "fine.jpg").stat().st_size
    for name, remedy in (("tiny.jpg", "does not get smaller"), ("tiny.png", "call it .jpg")):
        with pytest.raises(OutputError, match=f"may have 0.001 MB; .*{remedy}"):
            save_picture(noise, tmp_path / name, max_bytes=1_000)
        assert not (tmp_path / name).exists()


def test_a_video_of_nobody_has_no_cover(tmp_path: Path) -> None:
    video = Job(tmp_path).write(tmp_path / "grey.mp4")
    with pytest.raises(FaceError, match="by hand"):
        save_cover(video, platform("square"), tmp_path / "cover.jpg")
    assert not (tmp_path / "cover.jpg").exists()


def test_another_aspect_loses_its_edges_alone() -> None:
    rgb = np.zeros((100, 300, 3), np.uint8)
    rgb[:, 100:200] = 200
    assert (fitted(rgb, 50, 50) == 200).mean() > 0.95
