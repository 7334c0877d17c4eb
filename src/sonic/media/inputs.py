"""What a program has for a portrait and a recording becomes files: the steps read files, hash them and sign for them.

A path stays what it is. Bytes, and what a file object still holds, are written as they are, so that their hash is that
of the original file. Pixels become a PNG and samples a WAV of 32-bit floats: the record then names that file, called
after its content (picture-....png, sound-....wav), and its hash; the same array always gives the same file.
"""

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sonic.errors import PhotoError, SonicError, SpeechError
from sonic.media.arrays import picture_file, sound_file, stored
from sonic.media.container import MAX_SOUND_BYTES
from sonic.media.photo import MAX_PHOTO_BYTES
from sonic.types import F32

if TYPE_CHECKING:
    from typing_extensions import TypeIs

PathInput: TypeAlias = str | os.PathLike[str]
PictureInput: TypeAlias = PathInput | bytes | BinaryIO | NDArray[np.uint8] | Image.Image
"""A path, the bytes of a picture file, a binary file object, (H, W, 3 or 4) uint8 pixels, or a Pillow image."""
SoundInput: TypeAlias = PathInput | bytes | BinaryIO | tuple[Any, int]
"""A path, the bytes of a sound or video file, a binary file object, or (samples, rate in Hz): float samples in [-1, 1]
or whole numbers, (N,) or (N, channels)."""

_PICTURES = "a path, bytes, a binary file object, an array (H, W, 3 or 4) of uint8, or a Pillow image"
_SOUNDS = "a path, bytes, a binary file object, or (samples, rate)"
_BLOCK = 1 << 20


@contextmanager
def as_files(portrait: PictureInput, speech: SoundInput) -> Iterator[tuple[Path, Path]]:
    """Both as paths of files; those that were made for it are gone at the end of the block.

    Raises PhotoError or SpeechError for what is none of PictureInput or SoundInput, OutputError if the temporary folder
    cannot be written.
    """
    if _is_path(portrait) and _is_path(speech):
        yield Path(portrait), Path(speech)
        return
    with tempfile.TemporaryDirectory(prefix="sonic-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        yield _picture(portrait, folder), _sound(speech, folder)


def _picture(value: Any, folder: Path) -> Path:
    if _is_path(value):
        return Path(value)
    if (data := _bytes(value, "portrait", MAX_PHOTO_BYTES, PhotoError)) is not None:
        return stored(data, folder, "picture", "")
    if isinstance(value, Image.Image):
        return _pillow(value, folder)
    if hasattr(value, "__array__"):
        return picture_file(np.asarray(value), folder)
    raise PhotoError(f"portrait is {_shown(value)}; give {_PICTURES}")


def _pillow(image: Image.Image, folder: Path) -> Path:
    """As a PNG, upright, in its own colour space."""
    upright = ImageOps.exif_transpose(image)
    if upright.mode not in ("RGB", "RGBA", "L", "LA", "I;16"):
        upright = upright.convert("RGBA" if "transparency" in upright.info or upright.mode == "PA" else "RGB")
    data = io.BytesIO()
    profile = image.info.get("icc_profile") if upright.mode == image.mode else None
    upright.save(data, "PNG", compress_level=1, icc_profile=profile)
    return stored(data.getvalue(), folder, "picture", ".png")


def _sound(value: Any, folder: Path) -> Path:
    if _is_path(value):
        return Path(value)
    if (data := _bytes(value, "speech", MAX_SOUND_BYTES, SpeechError)) is not None:
        return stored(data, folder, "sound", "")
    if isinstance(value, tuple) and len(value) == 2:
        samples, rate = value if np.ndim(value[0]) else value[::-1]  # scipy.io.wavfile says (rate, samples)
        if np.ndim(rate) == 0 and isinstance(rate, int | float | np.number) and float(rate).is_integer():
            return sound_file(_channels_first(np.asarray(samples)), int(rate), folder)
    raise SpeechError(f"speech is {_shown(value)}; give {_SOUNDS}")


def _channels_first(samples: NDArray[Any]) -> F32:
    """(channels, N) float32 in [-1, 1] of (N,), (N, channels) or (channels, N); time is the longer axis."""
    if samples.dtype.kind not in "fiu" or samples.ndim not in (1, 2):
        raise SpeechError(
            f"speech is {samples.dtype} of shape {samples.shape}; give numbers of shape (N,) or (N, channels)"
        )
    if samples.dtype.kind in "iu":
        middle = 2 ** (8 * samples.dtype.itemsize - 1)
        samples = (samples.astype(np.float64) - (middle if samples.dtype.kind == "u" else 0)) / middle
    rows = np.atleast_2d(samples)
    return np.asarray(rows if rows.shape[0] <= rows.shape[1] else rows.T, np.float32)


def _bytes(value: Any, name: str, limit: int, error: type[SonicError]) -> bytes | None:
    """The bytes that ``value`` is or still holds; None if it is neither bytes nor a file object."""
    if isinstance(value, bytes | bytearray | memoryview):
        data = bytes(value)
    elif hasattr(value, "read"):
        data = _read(value, name, limit, error)
    else:
        return None
    if len(data) > limit:
        raise error(f"{name} has more than {limit // 1024**2} MB; give a smaller one")
    return data


def _read(file: Any, name: str, limit: int, error: type[SonicError]) -> bytes:
    data = bytearray()
    while len(data) <= limit and (block := file.read(_BLOCK)):
        if not isinstance(block, bytes):
            raise error(f"{name} is a file of text; open it with mode 'rb'")
        data += block
    return bytes(data)


def _is_path(value: object) -> "TypeIs[PathInput]":
    return isinstance(value, str | os.PathLike)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"a {type(value).__name__}"
