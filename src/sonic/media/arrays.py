"""Pictures and sound that a program holds as arrays become files: the steps read files, hash them and sign for them.

Files are named by their content, so that the same array is the same file; whoever owns the folder removes them.
"""

import hashlib
import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from sonic.errors import OutputError, PhotoError, SpeechError
from sonic.files import atomic_write
from sonic.types import F32, U8

_IEEE_FLOAT = 3
MAX_WAV_BYTES = 2**32 - 64
"""Sizes in a WAV header have 32 bits."""


def picture_file(pixels: U8, folder: Path) -> Path:
    """(H, W, 3) RGB or (H, W, 4) RGBA with straight alpha -> a PNG in ``folder``.

    Raises PhotoError for another shape, OutputError if it cannot be written.
    """
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.dtype != np.uint8:
        raise PhotoError(f"picture is {pixels.dtype} of shape {pixels.shape}; give uint8 of shape (H, W, 3 or 4)")
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG", compress_level=1)
    return stored(data.getvalue(), folder, "picture", ".png")


def sound_file(samples: F32, rate_hz: int, folder: Path) -> Path:
    """(channels, N) samples in [-1, 1] -> a WAV of 32-bit floats in ``folder``, at this rate and in these channels.

    Raises SpeechError for another shape or more than 4 GB, OutputError if it cannot be written.
    """
    if samples.ndim != 2 or not samples.shape[0] or rate_hz < 1:
        raise SpeechError(f"sound is of shape {samples.shape} at {rate_hz} Hz; give (channels, N) at 4000 Hz or more")
    interleaved = np.ascontiguousarray(samples.T, "<f4")
    if interleaved.nbytes > MAX_WAV_BYTES:
        raise SpeechError(f"sound has {interleaved.nbytes / 1e9:.1f} GB; at most 4.2 are possible, cut it in parts")
    head = wav_head(len(interleaved), samples.shape[0], rate_hz)
    return stored(head + interleaved.tobytes(), folder, "sound", ".wav")


def wav_head(n: int, n_channels: int, rate_hz: int) -> bytes:
    """What stands before ``n`` interleaved 32-bit floats of each channel in a WAV file."""
    frame_bytes = 4 * n_channels
    form = struct.pack("<HHIIHHH", _IEEE_FLOAT, n_channels, rate_hz, rate_hz * frame_bytes, frame_bytes, 32, 0)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"fact" + struct.pack("<II", 4, n)
    n_bytes = n * frame_bytes
    return (
        b"RIFF"
        + struct.pack("<I", 12 + len(chunks) + n_bytes)
        + b"WAVE"
        + chunks
        + b"data"
        + struct.pack("<I", n_bytes)
    )


def pixels_of(picture: F32) -> U8:
    """(H, W, C) in 0 .. 1, as programs that compute with pictures have them -> uint8, rounded, and no NaN."""
    return (np.nan_to_num(picture, nan=0.0).clip(0, 1) * 255 + 0.5).astype(np.uint8)


def stored(data: bytes, folder: Path, kind: str, suffix: str) -> Path:
    """``data`` as a file of that folder, called after kind and content. Raises OutputError if it cannot be written."""
    path = folder / f"{kind}-{hashlib.sha256(data).hexdigest()[:16]}{suffix}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(path, data)
    except OSError as error:
        raise OutputError(
            f"{str(folder)!r} cannot be written ({error.strerror}); make room or change its rights"
        ) from error
    return path
