"""What engine svd sees of a portrait: sizes, the reference, CLIP's copy, the face mask and the square around a face."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402

from golden import close, needs_golden, path, tensors, values  # noqa: E402
from sonic.engines.svd.picture import clip_pixels, face_mask, prepare, square_around, working_size  # noqa: E402
from sonic.errors import FaceError  # noqa: E402

pytestmark = pytest.mark.svd

sides = st.integers(64, 4000)
sizes = st.tuples(sides, sides)


def picture(width: int, height: int) -> np.ndarray:
    """Colours that change along both axes, and a little noise."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([255 * x / width, 255 * y / height, 127 + 127 * np.sin(x / 5)], -1)
    return np.clip(rgb + np.random.default_rng(0).normal(0, 5, rgb.shape), 0, 255).astype(np.uint8)


@given(sizes, st.sampled_from([64, 128, 384, 512, 576, 768, 1024]))
def test_working_sizes_are_multiples_of_64_of_nearly_the_same_aspect(size: tuple[int, int], shortest: int) -> None:
    got = working_size(size, shortest)
    assert min(got) == shortest
    assert all(side % 64 == 0 for side in got)
    assert all(abs(side - own * shortest / min(size)) <= 32.001 for side, own in zip(got, size, strict=True))


def test_ties_go_to_the_even_multiple() -> None:
    assert working_size((480, 720), 64) == (64, 128)  # 96 = 1.5 * 64
    assert working_size((640, 1600), 64) == (64, 128)  # 160 = 2.5 * 64


def test_a_picture_of_the_working_size_stays_as_it_is() -> None:
    rgb = picture(128, 192)
    got = prepare(rgb, (30, 40, 50, 60), (128, 192))
    assert got.size_px == (128, 192)
    assert torch.equal(((got.reference[0] + 1) * 127.5).round().to(torch.uint8), torch.from_numpy(rgb).permute(2, 0, 1))
    assert set(got.face_mask.unique().tolist()) == {0.0, 1.0}


def test_a_picture_of_another_size_gets_soft_edges_and_keeps_its_ranges() -> None:
    got = prepare(picture(300, 200), (100, 50, 90, 80), working_size((300, 200), 128))
    assert got.reference.shape == (1, 3, 128, 192)
    assert got.face_mask.shape == (1, 1, 128, 192)
    assert got.clip.shape == (1, 3, 224, 224)
    assert -1 <= float(got.reference.min()) < float(got.reference.max()) <= 1
    assert len(got.face_mask.unique()) - 2 > 0
    assert all(t.dtype == torch.float32 for t in (got.reference, got.clip, got.face_mask))


def test_clip_sees_the_whole_picture_whatever_its_aspect() -> None:
    wide = np.zeros((64, 640, 3), np.uint8)
    wide[:, -64:] = 255  # a crop of the middle would not show it
    pixels = clip_pixels(Image.fromarray(wide))[0]
    assert float(pixels[:, :, -1].min()) > 1.9
    assert float(pixels[:, :, :190].max()) < -1.2


def test_the_mask_is_a_tenth_larger_than_the_box_and_ends_with_the_picture() -> None:
    mask = face_mask((40.0, 30.0, 100.0, 80.0), (200, 150))
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    assert (columns[0], columns[-1] + 1, rows[0], rows[-1] + 1) == (35, 145, 26, 114)
    assert face_mask((-500.0, -500.0, 2000.0, 2000.0), (20, 10)).all()


@pytest.mark.parametrize("box", [(500.0, 10.0, 20.0, 20.0), (-90.0, 10.0, 20.0, 20.0), (5.0, 5.0, 0.0, 9.0)])
def test_a_face_outside_the_picture_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(FaceError, match=r"covers nothing of a picture of 100x80 px; .*use another photo"):
        face_mask(box, (100, 80))


@given(sizes, st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.05, 1), st.floats(0.05, 1), st.floats(0, 1))
def test_the_square_is_square_and_in_the_picture(
    size: tuple[int, int], x: float, y: float, w: float, h: float, expand: float
) -> None:
    width, height = size
    left, top = x * width, y * height
    box = (left, top, min(left + w * width, width), min(top + h * height, height))
    a, b, c, d = square_around(box, expand, size)
    assert 0 <= a <= c <= width
    assert 0 <= b <= d <= height
    assert abs((c - a) - (d - b)) <= 2
    wanted = min((box[2] - box[0]) * (1 + 2 * expand), (box[3] - box[1]) * (1 + 2 * expand), width, height)
    assert c - a <= wanted + 2


def test_a_square_around_a_face_in_the_middle_has_it_in_its_middle() -> None:
    assert square_around((400.0, 300.0, 500.0, 400.0), 0.5, (1000, 1000)) == (350, 250, 550, 450)


@needs_golden
@pytest.mark.parametrize("name", ["ex0", "ex1", "ex2"])
def test_golden_pictures(name: str) -> None:
    want, case = tensors(f"e/{name}"), values("e_preprocess")["images"][name]
    rgb = np.asarray(Image.open(path(f"e/{name}.png")).convert("RGB"))
    got = prepare(rgb, tuple(case["bbox"]), working_size(rgb.shape[1::-1], case["image_size"]))
    assert got.size_px == (case["out_w"], case["out_h"])
    assert torch.equal(got.reference[0], (want["ref_img_u8"] / 255 - 0.5) / 0.5)
    assert torch.equal(got.face_mask[0], want["face_mask_u8"] / 255)
    assert close(got.clip[0], want["clip_images"], 1e-6)


@needs_golden
@pytest.mark.parametrize("name", ["d_audio_6s", "g_end_to_end"])
def test_golden_picture_of_the_end_to_end_run(name: str) -> None:
    want, case = tensors(name), values("g_end_to_end")
    rgb = np.asarray(Image.open(path(case["image"])).convert("RGB"))
    got = prepare(rgb, tuple(case["bbox_xywh"]), working_size(rgb.shape[1::-1], case["image_size"]))
    assert close(got.reference[0], want["ref_img"], 1e-6)
    assert close(got.face_mask[0], want["face_mask"], 1e-6)
    assert close(got.clip[0], want["clip_img"], 1e-6)


@needs_golden
def test_golden_squares() -> None:
    for case in values("e_preprocess")["process_bbox"]:
        got = square_around(tuple(case["bbox_xyxy"]), case["expand"], (case["width"], case["height"]))
        assert list(got) == case["out"], case
