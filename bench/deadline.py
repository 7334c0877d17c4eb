"""How long the worst files within the limits keep a decoder busy, and when the others are given up.

    python bench/deadline.py [--only WORD]

Method: every file is made by tests/support/slow_files.py, or by Pillow from noise, as large as the limits on bytes and
pixels allow, and given to load_photo, load_speech or verify. Told are its size, processor seconds of the thread that
decodes, seconds by the wall clock, and what became of it. The scans, strips and elements of the files in the second
half cost minutes to hours without a limit.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import machine
from sonic.errors import SonicError
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.types import U8
from sonic.verification import verify

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

SIDE = 8000
"""64 MP."""
VERIFY_S = 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="files whose names hold this")
    only = parser.parse_args().only
    print(machine.describe(("pillow",)) + "\n")
    print("| file | MB | processor s | s | outcome |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        for what, make in (allowed() | hostile()).items():
            if only in what:
                path = Path(name) / "file"
                path.write_bytes(make())
                print(f"| {' | '.join(timed(what, path))} |", flush=True)


def timed(what: str, path: Path) -> list[str]:
    began, cpu_began, outcome = time.perf_counter(), time.thread_time(), "used"
    try:
        if what.startswith("sound"):
            load_speech(path, lambda line: None)
        elif what.startswith("video"):
            outcome = f"verify of {VERIFY_S:g} s: {verify(path, longest_s=VERIFY_S).verdict}"
        else:
            load_photo(path)
    except SonicError as error:
        outcome = f"refused: {str(error).split(';')[0].replace(repr(path.name), '').replace('photo  ', '')}"
    spent = time.thread_time() - cpu_began, time.perf_counter() - began
    return [what, f"{path.stat().st_size / 1e6:.1f}", f"{spent[0]:.1f}", f"{spent[1]:.1f}", outcome]


def allowed() -> dict[str, Callable[[], bytes]]:
    """The largest of every kind that is well made."""
    from hostile import saved
    from slow_files import jpeg_of_scans, wide_wav

    def flat(mode: str) -> Image.Image:
        return Image.new(mode, (SIDE, SIDE))

    return {
        "JPEG, 64 MP, baseline": lambda: saved(Image.fromarray(rough(SIDE)), "JPEG", quality=75),
        "JPEG, 64 MP, 31 scans": lambda: jpeg_of_scans(25, SIDE),
        "JPEG, 64 MP, CMYK, 18 scans": lambda: saved(flat("CMYK"), "JPEG", progressive=True),
        "PNG, 64 MP, RGBA": lambda: saved(flat("RGBA"), "PNG"),
        "PNG, noise": lambda: saved(Image.fromarray(noise(4500)), "PNG", compress_level=1),
        "WebP, noise, lossless": lambda: saved(Image.fromarray(noise(4500)), "WEBP", lossless=True, method=0),
        "WebP, 64 MP": lambda: saved(Image.fromarray(rough(SIDE)), "WEBP", quality=50, method=0),
        "AVIF, 64 MP": lambda: saved(Image.fromarray(rough(SIDE)), "AVIF", quality=30, speed=10),
        "TIFF, LZW, noise": lambda: saved(Image.fromarray(noise(4000)), "TIFF", compression="tiff_lzw"),
        "GIF, 64 MP": lambda: saved(flat("P"), "GIF"),
        "BMP, noise": lambda: saved(Image.fromarray(noise(4600)), "BMP"),
        "sound, 32 channels at 768 kHz, 60 s": lambda: wide_wav(60),
    }


def hostile() -> dict[str, Callable[[], bytes]]:
    """Those that are made to last."""
    from slow_files import (
        arithmetic_jpeg,
        bmp_of_runs,
        jpeg_of_comments,
        jpeg_of_scans,
        picture_with_profile,
        png_of_chunks,
        tiff_of_strips,
    )

    return {
        "JPEG, 64 MP, 2,000 scans": lambda: jpeg_of_scans(2000, SIDE),
        "JPEG, 64 MP, 2,000 scans, hidden": lambda: jpeg_of_scans(2000, SIDE, hidden=True),
        "JPEG, 16 million comments": lambda: jpeg_of_comments(16_000_000),
        "JPEG, arithmetic coding": arithmetic_jpeg,
        "PNG, 5 million chunks": lambda: png_of_chunks(5_000_000),
        "BMP, 30 million runs": lambda: bmp_of_runs(5400),
        "TIFF, 200,000 strips over one another": lambda: tiff_of_strips(200_000, 8000),
        "PNG, colour profile of 100,000 elements": lambda: picture_with_profile(100_000),
        "video, 3,000 frames of 39 MP in 3 s": fast_video,
    }


def fast_video() -> bytes:
    from slow_files import video_of_frames

    with tempfile.TemporaryDirectory() as name:
        return video_of_frames(Path(name) / "fast.mp4", 3000, 1000, (7680, 5120)).read_bytes()


def noise(side: int) -> U8:
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)


def rough(side: int) -> U8:
    """Noise of 1000 px, repeated."""
    return np.tile(noise(1000), (side // 1000, side // 1000, 1))


if __name__ == "__main__":
    main()
