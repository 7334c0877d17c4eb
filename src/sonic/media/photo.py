"""Step 1, load: the picture of a person becomes a Photo, or a message that says what to mend."""

import hashlib
import io
import logging
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from sonic.errors import PhotoError
from sonic.media.container import read_file
from sonic.media.jpeg import work_of
from sonic.media.kinds import named
from sonic.media.pillow import is_bounded, open_picture, reading
from sonic.media.sniff import HEAD_BYTES, sniff
from sonic.types import U8, Photo

MAX_PHOTO_BYTES = 64 * 1024**2
MAX_PHOTO_PIXELS = 64_000_000
MIN_PHOTO_SIDE_PX = 64
MAX_PIXEL_SCANS = 2_000_000_000
"""Of a progressive JPEG: every scan passes over all pixels. Encoders make some ten; 30 of 64 MP are allowed."""
MAX_ASPECT = 20
"""Longer side over shorter side: no panorama is longer."""

_FORMATS = {
    "JPEG": "JPEG", "PNG": "PNG", "WebP picture": "WEBP", "BMP": "BMP", "TIFF": "TIFF", "GIF": "GIF", "AVIF": "AVIF",
}  # fmt: skip
_ACCEPTED = "JPEG, PNG, WebP, BMP or TIFF"
_REMEDIES = {
    "HEIC": "export it as JPEG (on an iPhone: share it as Most Compatible, or Settings, Camera, Formats; on a Mac: "
    "Preview, Export)",
    "MP4": "take a still of the video and save it as JPEG or PNG",
    "WebM": "take a still of the video and save it as JPEG or PNG",
    "SVG": "export it as PNG",
    "PDF": "export its page as PNG",
}
_STRIP_PX = 512
_ORIENTATION_TAG = 0x0112

_log = logging.getLogger(__name__)


def load_photo(path: Path) -> Photo:
    """The picture at ``path``, upright, in sRGB, alpha on white; of an animation the first picture.

    Accepts JPEG, PNG, WebP, BMP, TIFF, GIF and AVIF in any colour mode, up to 64 MB and 64 megapixels. Raises
    PhotoError.
    """
    data = read_file(path, MAX_PHOTO_BYTES, "photo", error=PhotoError)
    kind = sniff(data[:HEAD_BYTES])
    if kind not in _FORMATS:
        what = "no picture that Sonic knows" if kind == "unknown" else named(kind)
        remedy = _REMEDIES.get(kind, f"save it as {_ACCEPTED}")
        raise PhotoError(f"photo {path.name!r} is {what}, by its content; {remedy}")
    rgb = _decode(data, _FORMATS[kind], path.name)
    return Photo(rgb, hashlib.sha256(data).hexdigest(), path.name.encode("utf-8", "replace").decode())


def _decode(data: bytes, format_name: str, name: str) -> U8:
    with reading(name):
        image = open_picture(data, format_name, name)
        _check_size(image.size, name)
        if format_name == "JPEG":
            _check_scans(work_of(data).scans, image.size, name)
        # A TIFF is turned while it is decoded and then forgets its orientation; the others keep it.
        image.load()
        orientation = _orientation(image)
        rgb = _on_white(image)
    return np.ascontiguousarray(_upright(rgb, orientation))


def _check_size(size_px: tuple[int, int], name: str) -> None:
    width, height = size_px
    if width * height > MAX_PHOTO_PIXELS:
        raise PhotoError(
            f"photo {name!r} has {width}x{height} = {width * height / 1e6:.0f} MP; "
            f"at most {MAX_PHOTO_PIXELS // 10**6} MP are read, scale it down"
        )
    if min(width, height) < MIN_PHOTO_SIDE_PX:
        raise PhotoError(
            f"photo {name!r} is {width}x{height} px; the shorter side must have at least {MIN_PHOTO_SIDE_PX} px, "
            "give a larger picture"
        )

    if max(width, height) > MAX_ASPECT * min(width, height):
        raise PhotoError(
            f"photo {name!r} is a strip of {width}x{height} px; the longer side may have at most {MAX_ASPECT} times "
            "the shorter one, crop it"
        )


def _check_scans(scans: int, size_px: tuple[int, int], name: str) -> None:
    if scans * size_px[0] * size_px[1] > MAX_PIXEL_SCANS:
        raise PhotoError(
            f"photo {name!r} has {scans} scans of {size_px[0]}x{size_px[1]} px, which takes minutes to decode; "
            "save it again, as a baseline JPEG"
        )


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # damaged EXIF can raise nearly anything, and the picture is fine without it
        return 1
    return value if value in range(1, 9) else 1


def _upright(rgb: U8, orientation: int) -> U8:
    """Undo an EXIF orientation, 1 to 8: swap rows and columns, then reverse rows, then columns, each where it says."""
    if orientation >= 5:
        rgb = rgb.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        rgb = rgb[::-1]
    if orientation in (2, 3, 6, 7):
        rgb = rgb[:, ::-1]
    return rgb


def _on_white(image: Image.Image) -> U8:
    """(H, W, 3) sRGB of a decoded picture in any mode."""
    if image.mode.startswith("I") or image.mode == "F":
        return _grey_from_wide(image)
    profile = image.info.get("icc_profile")
    if image.mode in ("P", "PA", "LA", "La", "RGBa", "RGBA") or "transparency" in image.info:
        return _composed(image.convert("RGBA"), profile)
    return _pixels(_to_srgb(image, profile))


def _pixels(image: Image.Image) -> U8:
    """The pixels of an RGB image, strip by strip: copied at once, a large photo would be in memory three times."""
    rgb = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, _STRIP_PX):
        strip = image.crop((0, top, image.width, min(top + _STRIP_PX, image.height)))
        rgb[top : top + strip.height] = np.asarray(strip)
    return rgb


def _composed(image: Image.Image, profile: bytes | None) -> U8:
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(_to_srgb(image.convert("RGB"), profile), mask=image.getchannel("A"))
    return _pixels(white)


def _grey_from_wide(image: Image.Image) -> U8:
    """16- and 32-bit grey: the range is the smallest usual one that holds the values, 1, 255 or 65535."""
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    values = np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    highest = float(values.max())
    white = next((w for w in (1.0, 255.0, 65_535.0) if highest <= w), highest)
    grey = np.clip(values * (255.0 / white) + 0.5, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB in sRGB, through the picture's ICC profile if it has one that fits its mode."""
    if image.mode == "1":
        image = image.convert("L")
    if profile and not is_bounded(profile):
        _log.warning("the photo's colour profile is larger or of more parts than any that is in use, and is not used")
    elif profile and image.mode in ("RGB", "L", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in (source.profile.profile_description or ""):
                converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
                return converted if converted is not None else image.convert("RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            _log.warning("the photo's colour profile is damaged or of another mode and is not used: %s", error)
    elif image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        return converted if converted is not None else image.convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
