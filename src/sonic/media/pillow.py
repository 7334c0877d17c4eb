"""Opening untrusted pictures with Pillow: what a file asks for is limited before any of it is done.

Pillow's parsers are loops in Python, and a file may hold millions of empty parts; a TIFF may name any number of strips
that lie over one another. Such loops read the file and are ended by its ``Patience``. The libraries below Pillow decode
in one go; for what they cost see MAX_PIXEL_SCANS in photo.py, and `bench/deadline.py`, which measures the worst.
"""

import io
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from PIL import Image

from sonic.errors import PhotoError
from sonic.media import jpeg
from sonic.media.patience import Patience, TimedFile, TooSlow

LONGEST_S = 20.0
"""Processor time for one picture; 64 MP of anything that is well made take a few seconds."""
MOST_STRIPS = 300_000
"""Of a TIFF: 64 MP in tiles of 16 x 16 px have 250,000."""
MAX_PROFILE_BYTES = 4 * 1024**2
"""Of a colour profile; those of printing presses have some 2 MB."""
AGAIN = "save or export it again as JPEG, PNG, WebP, BMP or TIFF"

_PLACES = (273, 279, 324, 325)
"""Entries of a TIFF directory that say where strips or tiles lie, and how long they are."""
_MOST_TAGS = 100
_DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, RuntimeError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow raises for files that are damaged."""

_log = logging.getLogger(__name__)


def open_picture(data: bytes, format_name: str, name: str) -> Image.Image:
    """The picture in these bytes, its header read and no pixel decoded. Within ``reading`` alone.

    Raises PhotoError for a file that nobody could decode in time, and what Pillow raises.
    """
    if format_name == "JPEG":
        _check_jpeg(jpeg.work_of(data), name)
    if format_name == "TIFF" and (strips := count_strips(data)) > MOST_STRIPS:
        raise PhotoError(f"photo {name!r} is a TIFF of {strips} strips; at most {MOST_STRIPS} are read, save it again")
    file = TimedFile(io.BytesIO(data), Patience(LONGEST_S))
    return Image.open(cast(IO[bytes], file), formats=[format_name])


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Whatever is raised while Pillow opens and decodes a picture as a PhotoError that says what is wrong."""
    try:
        with warnings.catch_warnings():
            # Pillow warns about odd metadata; a person can do nothing about it. Its limit on pixels is an error here.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PhotoError(f"photo {name!r} claims more than 90 MP; at most 64 MP are read, scale it down") from error
    except TooSlow as error:
        raise PhotoError(f"photo {name!r} takes more than {LONGEST_S:g} s to decode; {AGAIN}") from error
    except _DAMAGE as error:
        _log.info("photo %r: %s", name, error)
        raise PhotoError(f"photo {name!r} is damaged or cut off; {AGAIN}") from error
    except (MemoryError, OverflowError) as error:
        raise PhotoError(f"photo {name!r} needs more memory than there is; scale it down") from error


def count_strips(data: bytes) -> int:
    """The most strips or tiles that the first directory of a TIFF names; 0 for what is none."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack_from(f"{order}I", data, 4)
        (n,) = struct.unpack_from(f"{order}H", data, at)
        entries = (struct.unpack_from(f"{order}HHI", data, at + 2 + 12 * index) for index in range(n))
        return max((count for tag, _, count in entries if tag in _PLACES), default=0)
    except struct.error:
        return 0  # cut off: Pillow says so


def is_bounded(profile: bytes) -> bool:
    """Whether a colour profile holds matrices, curves and tables alone.

    Chains of elements (D2B0 to D2B3 of ICC 4.3) may be of any length: 160 kB of them cost a minute, whatever the
    picture.
    """
    n = min(int.from_bytes(profile[128:132]), _MOST_TAGS)
    tags = (profile[132 + 12 * index : 135 + 12 * index] for index in range(n))
    return len(profile) <= MAX_PROFILE_BYTES and b"D2B" not in tags


def _check_jpeg(work: jpeg.Work, name: str) -> None:
    if work.is_arithmetic:
        raise PhotoError(f"photo {name!r} is a JPEG with arithmetic coding, which few programs read; {AGAIN}")
    if work.n_segments > jpeg.MOST_SEGMENTS:
        raise PhotoError(f"photo {name!r} is a JPEG of more than {jpeg.MOST_SEGMENTS} segments; {AGAIN}")
