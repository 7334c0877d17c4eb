"""A photo is known again after it was saved, scaled or trimmed; its mirror image, another face or photo are not."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import cbook
from PIL import Image

from sonic.media.photo import load_photo
from sonic.provenance.likeness import MAX_TRIM, Likeness
from sonic.types import U8

DEMO = Path(__file__).parents[2] / "src" / "sonic" / "assets" / "demo" / "portrait.png"
PHOTOS = {
    "demo": load_photo(DEMO).rgb,
    "hopper": load_photo(Path(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))).rgb,
}
KNOWN = {name: Likeness.from_text(Likeness.of(rgb).to_text()) for name, rgb in PHOTOS.items()}
NAMES = st.sampled_from(sorted(PHOTOS))


def jpeg(rgb: U8, quality: int) -> U8:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file).convert("RGB"))


@settings(deadline=None, max_examples=30)
@given(NAMES, st.integers(50, 95), st.floats(0.5, 1.5))
def test_saved_and_scaled_copies_are_known(name: str, quality: int, scale: float) -> None:
    photo = PHOTOS[name]
    size = round(photo.shape[1] * scale), round(photo.shape[0] * scale)
    assert KNOWN[name].is_copy(jpeg(np.array(Image.fromarray(photo).resize(size)), quality))


@settings(deadline=None, max_examples=30)
@given(NAMES, st.tuples(*[st.floats(0, MAX_TRIM)] * 4))
def test_trimmed_copies_are_known(name: str, trim: tuple[float, float, float, float]) -> None:
    photo = PHOTOS[name]
    height, width = photo.shape[:2]
    left, top, right, bottom = (round(t * n) for t, n in zip(trim, (width, height) * 2, strict=True))
    assert KNOWN[name].is_copy(photo[top : height - bottom, left : width - right])


@pytest.mark.parametrize("name", PHOTOS)
def test_other_pictures_are_not_copies(name: str) -> None:
    photo = PHOTOS[name]
    (other,) = (rgb for key, rgb in PHOTOS.items() if key != name)
    stretched = cv2.resize(other, photo.shape[1::-1])
    for picture in (photo[:, ::-1], photo[::-1], stretched, 255 - photo, np.full_like(photo, 128), other):
        assert not KNOWN[name].is_copy(np.ascontiguousarray(picture))


@pytest.mark.parametrize("name", PHOTOS)
def test_a_changed_part_is_enough(name: str) -> None:
    photo = PHOTOS[name].copy()
    height, width = photo.shape[:2]
    rows, columns = slice(height // 4, height // 2), slice(width // 3, 2 * width // 3)
    photo[rows, columns] = photo[rows, columns][:, ::-1]
    assert not KNOWN[name].is_copy(photo)


def test_a_part_of_the_photo_is_another_photo() -> None:
    photo = PHOTOS["hopper"]
    height, width = photo.shape[:2]
    assert not KNOWN["hopper"].is_copy(photo[height // 10 : -height // 10, width // 10 : -width // 10])


@pytest.mark.parametrize("size", [(64, 64), (64, 3000), (65, 67)])
def test_any_size_has_a_likeness(size: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert Likeness.from_text(Likeness.of(rgb).to_text()).disagreement(rgb) == 0


@pytest.mark.parametrize("text", ["", "1.0", "1.0:", ":", "x:AAAA", "1.0:AAAA", "1.0:é", "nan:AAAA", "1e9:AAAA", "0:"])
def test_other_texts_are_no_likeness(text: str) -> None:
    with pytest.raises(ValueError):
        Likeness.from_text(text)
