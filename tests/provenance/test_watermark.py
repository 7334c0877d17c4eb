"""The watermark cannot be seen, survives what videos go through, and is never found by chance."""

import io
from importlib import resources

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from matplotlib import cbook
from PIL import Image

from sonic.provenance.watermark import Watermark, content_id_of, detect, detect_video
from sonic.provenance.watermark.code import CHECK_BITS, LIST, N_CHIPS, WORD_CHIPS, crc16, decode, encode
from sonic.provenance.watermark.pattern import amplitudes, tile, waves
from sonic.types import U8

ID = 0x123456789ABC
N_FRAMES = 8


def hopper(width: int = 512) -> U8:
    """The photo at 512 x 600, or another width."""
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        rgb = np.asarray(Image.open(file).convert("RGB"))
    height = round(rgb.shape[0] * width / rgb.shape[1] / 2) * 2
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)


def marked(rgb: U8, content_id: int = ID) -> U8:
    out = rgb.copy()
    Watermark.of(content_id, rgb).embed(out)
    return out


def video(rgb: U8, n_frames: int = N_FRAMES) -> list[U8]:
    """Frames in which a square moves over the picture, marked as a video is: with one pattern for all."""
    watermark, frames = Watermark.of(ID, rgb), []
    for i in range(n_frames):
        frame = rgb.copy()
        frame[200:240, 100 + 8 * i : 140 + 8 * i] = 120
        watermark.follow(frame)
        watermark.embed(frame)
        frames.append(frame)
    return frames


def x264(frames: list[U8], crf: int) -> tuple[list[U8], int]:
    """What H.264 leaves of the frames, and the bytes it takes."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.options = "yuv420p", {"crf": str(crf), "preset": "veryfast"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode(None))
    n_bytes = file.tell()
    file.seek(0)
    with av.open(file) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)], n_bytes


def halved(frames: list[U8]) -> list[U8]:
    """Encoded as we do, then again at half the bytes."""
    first, n_bytes = x264(frames, 18)
    for crf in range(22, 40):
        again, n_again = x264(first, crf)
        if n_again <= n_bytes / 2:
            return again
    raise AssertionError("no such rate")


def resized(rgb: U8, scale: float) -> U8:
    size = (round(rgb.shape[1] * scale / 2) * 2, round(rgb.shape[0] * scale / 2) * 2)
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def jpeg(rgb: U8, quality: int) -> U8:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def psnr(a: U8, b: U8) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


@pytest.mark.parametrize("width", [128, 256, 512, 1024])
def test_it_cannot_be_seen(width: int) -> None:
    rgb = hopper(width)
    assert psnr(marked(rgb), rgb) >= 42


def test_smooth_places_change_by_a_level_here_and_there() -> None:
    flat = np.full((512, 512, 3), 130, np.uint8)
    change = np.abs(marked(flat).astype(int) - flat)
    assert change.max() <= 2
    assert (change > 0).mean() < 0.35
    assert psnr(marked(flat), flat) > 52


def test_a_smooth_place_beside_an_edge_is_smooth_too() -> None:
    rgb = np.full((512, 512, 3), 90, np.uint8)
    rgb[:, 256:] = 200
    change = np.abs(marked(rgb).astype(int) - rgb)
    change[:, 244:268] = 0
    assert change.max() <= 2


def test_where_something_moved_away_from_a_wall_it_becomes_as_weak_as_on_the_wall() -> None:
    wall = np.full((256, 512, 3), 130, np.uint8)
    busy = np.random.default_rng(0).integers(60, 200, (256, 200, 3), np.uint8)
    first = wall.copy()
    first[:, 100:300] = busy
    watermark = Watermark.of(ID, first)
    for i in range(1, 8):
        now = wall.copy()
        now[:, 100 + 20 * i : 300 + 20 * i] = busy
        watermark.follow(now)
    changes = []
    for picture in (wall, first):
        frame = picture.copy()
        watermark.embed(frame)
        changes.append(np.abs(frame.astype(int) - picture))
    assert changes[0][:, 100:200].max() <= 2  # uncovered
    assert changes[1][:, 260:280].std() > 1  # still covered
    assert np.array_equal(changes[0][:, :60], np.abs(marked(first).astype(int) - first)[:, :60])  # never changed


def test_it_is_luma_alone_and_the_same_on_every_frame() -> None:
    still = np.full((256, 256, 3), (90, 120, 150), np.uint8)
    watermark = Watermark.of(ID, hopper(256)[:256])
    frames = [still.copy() for _ in range(3)]
    for frame in frames:
        watermark.embed(frame)
    assert (frames[0] == frames[1]).all() and (frames[0] == frames[2]).all()
    change = frames[0].astype(int) - still
    assert (change == change[..., :1]).all() and change.any()


def test_black_and_white_do_not_wrap() -> None:
    rgb = np.zeros((256, 256, 3), np.uint8)
    rgb[:, 128:] = 255
    change = np.abs(marked(rgb).astype(int) - rgb)
    assert change.max() < 16


@pytest.mark.parametrize("width", [256, 512, 1024])
def test_one_frame_is_enough(width: int) -> None:
    found = detect([marked(hopper(width))])
    assert found is not None and found.content_id == ID
    assert found.false_positive <= 1e-9 and found.chip_errors < 0.2
    assert found.zoom == pytest.approx(1, abs=0.003) and not found.mirrored


def test_it_survives_half_the_bit_rate() -> None:
    found = detect(halved(video(hopper())))
    assert found is not None and found.content_id == ID


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.5])
def test_it_survives_scaling_and_another_encoding(scale: float) -> None:
    first, _ = x264(video(hopper()), 18)
    again, _ = x264([resized(frame, scale) for frame in first], 23)
    found = detect(again)
    assert found is not None and found.content_id == ID
    assert found.zoom == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("corner", [(0.0, 0.0), (0.05, 0.05), (0.03, 0.1)])
def test_it_survives_a_crop_of_a_tenth(corner: tuple[float, float]) -> None:
    first, _ = x264(video(hopper()), 18)
    height, width = first[0].shape[:2]
    top, left = int(corner[0] * height), int(corner[1] * width)
    cropped = [
        frame[top : top + int(0.9 * height) // 2 * 2, left : left + int(0.9 * width) // 2 * 2] for frame in first
    ]
    found = detect(x264([np.ascontiguousarray(frame) for frame in cropped], 23)[0])
    assert found is not None and found.content_id == ID
    assert found.zoom == pytest.approx(1 / 0.9, abs=0.01)
    assert found.offset_px == pytest.approx((-left, -top), abs=2.5)


@pytest.mark.parametrize(("scale", "quality"), [(0.73, 80), (1.31, 60), (0.5, 90)])
def test_it_survives_a_screenshot(scale: float, quality: int) -> None:
    frame = x264(video(hopper()), 18)[0][3]
    move = np.array([[scale, 0, 3.4], [0, scale, 5.7]])
    size = round(frame.shape[1] * scale) + 6, round(frame.shape[0] * scale) + 9
    smooth = cv2.GaussianBlur(frame, (0, 0), 0.4 / scale) if scale < 1 else frame
    found = detect([jpeg(cv2.warpAffine(smooth, move, size, borderValue=(40, 40, 40)), quality)])
    assert found is not None and found.content_id == ID


def test_it_is_found_between_black_bars_and_mirrored() -> None:
    frame = marked(hopper())
    wide = np.zeros((frame.shape[0], 1066, 3), np.uint8)
    wide[:, 277 : 277 + 512] = frame[:, ::-1]
    found = detect([wide])
    assert found is not None and (found.content_id, found.mirrored) == (ID, True)


def test_frames_add_up() -> None:
    rng = np.random.default_rng(0)
    clean = marked(hopper()).astype(float)
    noisy = [np.clip(clean + rng.normal(0, 60, clean.shape), 0, 255).astype(np.uint8) for _ in range(24)]
    assert detect(noisy[:1]) is None
    found = detect(noisy)
    assert found is not None and found.content_id == ID and found.n_frames > 1


def test_a_new_scene_of_another_size_begins_anew() -> None:
    found = detect([hopper()[:300], hopper()[:300], marked(hopper())])
    assert found is not None and found.n_frames == 1


def unmarked() -> list[U8]:
    rng = np.random.default_rng(1)
    x, y = np.meshgrid(np.arange(512), np.arange(512))
    with Image.open(resources.files("sonic").joinpath("assets", "demo", "portrait.png")) as portrait:
        drawing = np.asarray(portrait.convert("RGB"))
    grating = np.repeat((128 + 60 * np.sin(x / 3) * np.sin(y / 4))[..., None], 3, axis=2).astype(np.uint8)
    checks = np.repeat(((x // 16 + y // 16) % 2 * 255)[..., None], 3, axis=2).astype(np.uint8)
    noise = rng.integers(0, 256, (512, 512, 3), dtype=np.uint8)
    return [hopper(), drawing, grating, checks, noise, np.zeros((512, 512, 3), np.uint8)]


@pytest.mark.parametrize("picture", range(6))
def test_nothing_is_found_where_nothing_is(picture: int) -> None:
    assert detect([unmarked()[picture]]) is None


@pytest.mark.parametrize("shape", [(1, 1), (3000, 2), (40, 30)])
def test_any_picture_can_be_searched_and_marked(shape: tuple[int, int]) -> None:
    rgb = np.full((*shape, 3), 77, np.uint8)
    assert detect([marked(rgb)]) is None or min(shape) > 1
    assert detect([]) is None


def test_a_marked_file_is_found(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("videos") / "v.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        frames = video(hopper())
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode(None))
    found = detect_video(path)
    assert found is not None and found.content_id == ID


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**32 - 1))
@examples(max_examples=50, deadline=None)
def test_the_code_reads_what_noise_leaves(content_id: int, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 1.2, N_CHIPS)  # 20 % of the chips are wrong
    assert decode(encode(content_id) + noise) == content_id


def test_the_code_seldom_reads_anything_in_noise() -> None:
    rng = np.random.default_rng(0)
    read = sum(decode(rng.normal(0, 1, N_CHIPS)) is not None for _ in range(200))
    assert read <= 3 * 200 * LIST / 2**CHECK_BITS  # and what it reads, detect refuses: it fits too badly


@pytest.mark.parametrize("content_id", [-1, 2**48])
def test_an_id_of_more_bits_is_refused(content_id: int) -> None:
    with pytest.raises(ValueError, match="48 bits"):
        encode(content_id)


def test_the_id_begins_the_produce_id() -> None:
    produce_id = "0123456789abcdef0123456789abcdef"
    assert produce_id.startswith(f"{content_id_of(produce_id):012x}")


def test_what_is_in_old_videos_stays_readable() -> None:
    """The format: whoever changes these numbers cannot read the videos that were made before."""
    assert crc16(b"123456789") == 0x29B1  # the check value of CRC-16/CCITT-FALSE
    used = waves()
    assert (len(used.place), len(used.pilot), WORD_CHIPS) == (840, 264, 128)
    assert used.place[:3].tolist() == [64776, 63492, 3090] and used.place[576:579].tolist() == [5381, 62986, 64775]
    chips = encode(ID)
    assert "".join("+-"[int(c < 0)] for c in chips[:24]) == "+------++------++-+++--+"
    assert tile(amplitudes(chips))[0, :4] == pytest.approx([-0.6473, -0.4257, -0.1716, 0.0744], abs=1e-3)
