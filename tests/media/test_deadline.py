"""Small files that ask a decoder for minutes or hours are refused in seconds: the worst of each kind, played small.

What the same files cost at full size, and the worst that is still decoded, is measured by bench/deadline.py.
"""

from pathlib import Path

import numpy as np
import pytest
from hostile import quarters, saved
from PIL import Image
from slow_files import (
    arithmetic_jpeg,
    bmp_of_runs,
    jpeg_of_comments,
    jpeg_of_scans,
    picture_with_profile,
    png_of_chunks,
    profile_of_elements,
    tiff_of_strips,
    video_of_frames,
    wide_wav,
)

from sonic.errors import PhotoError, SpeechError
from sonic.media import decode, pillow
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.media.video import sample_video, spread_keyframes
from sonic.provenance.watermark import presence
from sonic.types import Photo
from sonic.verification import verify
from sonic.verification.metadata import read_tag


def photo(folder: Path, data: bytes) -> Photo:
    path = folder / "photo"
    path.write_bytes(data)
    return load_photo(path)


LOOPS = {
    "PNG of empty chunks": lambda: png_of_chunks(50_000),
    "BMP of runs of one pixel": lambda: bmp_of_runs(300),
    "TIFF of strips over one another": lambda: tiff_of_strips(3_000, 400),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_picture_that_keeps_its_decoder_busy_is_given_up(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a fiftieth or less of what a file may hold, at a thousandth of the time."""
    monkeypatch.setattr(pillow, "LONGEST_S", 0.02)
    with pytest.raises(PhotoError, match=r"takes more than 0.02 s to decode; save or export it again"):
        photo(tmp_path, LOOPS[name]())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"])
def test_no_decoder_is_asked_for_more_when_the_time_is_over(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert photo(tmp_path, saved(quarters(), kind)).size_px
    monkeypatch.setattr(pillow, "LONGEST_S", -1.0)
    with pytest.raises(PhotoError, match="to decode"):
        photo(tmp_path, saved(quarters(), kind))


def test_scans_cannot_be_hidden_behind_a_marker_that_has_no_length(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"6\d\d scans of 2000x2000 px"):
        photo(tmp_path, jpeg_of_scans(600, 2000, hidden=True))
    assert photo(tmp_path, jpeg_of_scans(3, 500, hidden=True)).size_px == (500, 500)


def test_a_jpeg_of_ten_thousand_segments_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="JPEG of more than 10000 segments"):
        photo(tmp_path, jpeg_of_comments(20_000))
    assert photo(tmp_path, jpeg_of_comments(500)).size_px == (100, 100)


def test_arithmetic_coding_is_refused(tmp_path: Path) -> None:
    """A scan of it costs ten times as much, and needs no bytes."""
    with pytest.raises(PhotoError, match="arithmetic"):
        photo(tmp_path, arithmetic_jpeg())


def test_a_tiff_of_a_million_strips_is_refused_before_a_list_is_made_of_them(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="TIFF of 400000 strips; at most 300000"):
        photo(tmp_path, tiff_of_strips(400_000, 200))


def test_a_colour_profile_of_endless_elements_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """20,000 of them, 160 kB, cost more than ten seconds, whatever the picture."""
    assert not pillow.is_bounded(profile_of_elements(1))
    seen = photo(tmp_path, picture_with_profile(20_000)).rgb
    assert "is not used" in caplog.text
    assert (seen == (10, 200, 30)).all(), "as it is without a profile"


def test_a_sound_that_is_slow_to_decode_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "wide.wav"
    path.write_bytes(wide_wav(0.3))
    assert load_speech(path, lambda line: None).duration_s == pytest.approx(0.3)
    monkeypatch.setattr(decode, "SLOW_S", 0.0)
    monkeypatch.setattr(decode, "SLOW_SHARE", 0.0)
    with pytest.raises(SpeechError, match=r"to decode to .* s of sound; export it again"):
        load_speech(path, lambda line: None)


def test_a_second_of_a_thousand_frames_does_not_hold_up_a_time_limit(tmp_path: Path) -> None:
    """Two pictures of it lie five hundred frames apart, and all of them have to be decoded for the second."""
    video = video_of_frames(tmp_path / "fast.mp4", 1000, 1000, (160, 96))
    asked = 0

    def is_over() -> bool:
        nonlocal asked
        asked += 1
        return asked > 20

    assert len(list(sample_video(video, 2, is_over))) == 1
    assert asked < 25
    assert len(list(sample_video(video, 2))) == 2
    assert list(spread_keyframes(video, 2, lambda: True)) == []
    assert "the time of 0 s was over" in verify(video, longest_s=0).to_text()


def test_pictures_of_several_sizes_are_no_error_where_a_known_watermark_is_looked_for() -> None:
    """A signed statement may promise a watermark for a video whose keyframes differ in size."""
    frames = [np.zeros((200, size, 3), np.uint8) for size in (200, 300, 200)]
    assert abs(presence(frames, 1)) < 6


def test_the_metadata_of_a_picture_are_read_under_the_same_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(png_of_chunks(50_000))
    monkeypatch.setattr(pillow, "LONGEST_S", 0.02)
    with pytest.raises(PhotoError, match="to decode"):
        read_tag(path, "PNG")
    path.write_bytes(saved(Image.new("L", (100, 100)), "PNG"))
    assert read_tag(path, "PNG") is None
